"""The report of a run over 5,000 images: time to build, size of the file, first paint in a browser.

    python benchmarks/report.py [--images 5000] [--rounds 3]

The photographs are real JPEGs of 1280×960; the detections are made up, seven on each. An earlier run of the same size
gives the page its comparisons. First paint is what headless chromium says about the file (the median of the rounds);
without chromium it is left out. Targets: 60 s, 25 MB, 1 s.
"""

from __future__ import annotations

import argparse
import statistics
import time
from hashlib import sha256
from pathlib import Path

import made_up
import photos

from firstpass import storage
from firstpass.quality.checks import check_run
from firstpass.report.build import build_report

DIFFERENT = 24  # photographs; the others are these with a byte more at the end, which makes them other content
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with made_up.warehouse() as (folder, conn):
        originals = [path.read_bytes() for path in sorted(photos.make(folder / "photos", DIFFERENT).iterdir())]
        for night in range(2):
            spec = made_up.run(conn, night, write_photos(folder / f"night{night}", arguments.images, originals), 7)
            check_run(spec.run_id)
        built, sizes, paints = [], [], []
        for _ in range(arguments.rounds):
            started, cpu = time.perf_counter(), time.process_time()
            report = storage.local_path(build_report(spec.run_id))
            built.append((time.perf_counter() - started, time.process_time() - cpu))
            sizes.append(report.stat().st_size)
            paints.append(first_paint(report))
    wall, cpu = (statistics.median(column) for column in zip(*built, strict=True))
    print(f"{arguments.images:,} images: built in {wall:.1f} s ({cpu:.1f} s of CPU), {max(sizes) / 1e6:.1f} MB")
    if all(paints):
        print(f"first contentful paint after {statistics.median(paints) / 1000:.2f} s")


def write_photos(folder: Path, images: int, originals: list[bytes]):
    folder.mkdir()
    names, hashes = [], []
    for number in range(images):
        data = originals[number % len(originals)] + f"{folder.name}/{number}".encode()
        path = folder / f"{number:05d}.jpg"
        path.write_bytes(data)
        names.append(storage.file_uri(path))
        hashes.append(sha256(data).hexdigest())
    return made_up.catalogue_of(names, hashes)


def first_paint(report: Path) -> float | None:
    """Milliseconds from opening the file; None without a browser."""
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(report.as_uri())
            found = page.evaluate("performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)")
            browser.close()
            return found[0] if found else None
    except Error:
        return None


if __name__ == "__main__":
    main()
