"""Checking a run of 1,000,000 detections, in a process of its own: time and memory.

    python benchmarks/quality.py [--detections 1000000] [--points 0] [--rounds 3]

The run is made up in a throw-away PostgreSQL, beside an earlier one of the same size to measure drift against. What is
timed is `check_run`, import of Great Expectations, Data Docs and storing the results included. The target is 60 s and
500 MB on two cores. Beside it: fetching the same detections, which any check outside the database begins with. With
--points, each detection has a polygon.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from hashlib import sha256

import made_up

PER_IMAGE = 7  # detections of a photograph in COCO, on average

CHECK = """
import json, resource, sys, time
started = time.perf_counter()
from firstpass.quality.checks import check_run
verdict = check_run(sys.argv[1])
usage = resource.getrusage(resource.RUSAGE_SELF)
cpu = usage.ru_utime + usage.ru_stime
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([time.perf_counter() - started, cpu, peak / 1024, verdict.state]))
"""

FETCH = """
import json, resource, sys, time
from contextlib import closing
started = time.perf_counter()
from firstpass.warehouse.connection import connect
with closing(connect()) as conn, conn.cursor() as cursor:
    cursor.execute("SELECT uri, class_id, score, x1, y1, x2, y2 FROM run_detections WHERE run_id = %s", [sys.argv[1]])
    rows = cursor.fetchall()
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([time.perf_counter() - started, usage.ru_utime + usage.ru_stime, peak / 1024, len(rows)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detections", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    images = arguments.detections // PER_IMAGE
    with made_up.warehouse() as (_, conn):
        for number in range(2):
            names = [f"file:///photos/{number}/{n:07d}.jpg" for n in range(images)]
            table = made_up.catalogue_of(names, [sha256(name.encode()).hexdigest() for name in names])
            spec = made_up.run(conn, number, table, PER_IMAGE, points=arguments.points)
            measure(CHECK, spec.run_id)  # the earlier run's distributions; then a warm-up
        sides: dict[str, list[list[float]]] = {"check_run": [], "fetching the detections": []}
        for _ in range(arguments.rounds):
            sides["check_run"].append(measure(CHECK, spec.run_id))
            sides["fetching the detections"].append(measure(FETCH, spec.run_id))
    print(f"{images * PER_IMAGE:,} detections on {images:,} images, polygons of {arguments.points} points")
    print(f"{'':26}{'wall s':>8}{'CPU s':>8}{'MB':>8}")
    for name, rounds in sides.items():
        wall, cpu, memory = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:3])
        print(f"{name:26}{wall:8.1f}{cpu:8.1f}{memory:8.0f}   {rounds[-1][3]}")


def measure(script: str, run_id: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", script, run_id], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
