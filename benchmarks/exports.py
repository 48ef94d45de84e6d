"""Exporting 1,000,000 drafts as COCO, in a process of its own: time and memory, beside reading the same rows.

    python benchmarks/exports.py [--drafts 1000000] [--format coco] [--rounds 3]

The run is made up in a throw-away PostgreSQL, four drafts on each image. What is timed is `export`, from connecting to
the files in their place. The target for COCO is 60 s and 300 MB on two cores. Beside it: fetching the same drafts once
through the view `run_drafts`, which anybody's own script would begin with; the rounds take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from hashlib import sha256

import made_up

PER_IMAGE = 4

EXPORT = """
import json, sys, time
from contextlib import closing
from pathlib import Path
started = time.perf_counter()
from firstpass.exports.export_run import export
from firstpass.warehouse.connection import connect
with closing(connect()) as conn:
    written = export(conn, sys.argv[1], sys.argv[2], Path(sys.argv[3]))
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([time.perf_counter() - started, peak / 1024, written["annotations"]]))
"""

FETCH = """
import json, sys, time
from contextlib import closing
started = time.perf_counter()
from firstpass.warehouse.connection import connect
with closing(connect()) as conn, conn.cursor(name="all") as cursor:
    cursor.itersize = 10_000
    cursor.execute("SELECT uri, class_id, score, x1, y1, x2, y2 FROM run_drafts WHERE run_id = %s", [sys.argv[1]])
    rows = sum(1 for _ in cursor)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([time.perf_counter() - started, peak / 1024, rows]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drafts", type=int, default=1_000_000)
    parser.add_argument("--format", default="coco")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    images = arguments.drafts // PER_IMAGE
    with made_up.warehouse() as (folder, conn):
        names = [f"file:///photos/{n:07d}.jpg" for n in range(images)]
        table = made_up.catalogue_of(names, [sha256(name.encode()).hexdigest() for name in names])
        spec = made_up.run(conn, 0, table, PER_IMAGE)
        out = str(folder / "out")
        sides: dict[str, list[list[float]]] = {f"export as {arguments.format}": [], "fetching the drafts": []}
        for _ in range(arguments.rounds):
            sides[f"export as {arguments.format}"].append(measure(EXPORT, spec.run_id, arguments.format, out))
            sides["fetching the drafts"].append(measure(FETCH, spec.run_id))
    print(f"{arguments.drafts:,} drafts on {images:,} images; medians of {arguments.rounds} rounds")
    print(f"{'':26}{'s':>8}{'MB':>8}")
    for name, rounds in sides.items():
        seconds, memory = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
        print(f"{name:26}{seconds:8.1f}{memory:8.0f}   {rounds[-1][2]:,} drafts")


def measure(script: str, *arguments: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
