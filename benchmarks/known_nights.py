"""Ten nights over the same million known images: what each adds to the warehouse and to the run's folder, and its time.

A listing is made up, no image is read. Night 0 catalogues, plans and merges all of them, with a result of one
detection per image; the nights after it find nothing new. Each is every task from catalogue_images to report, as its
DAG calls it. The warehouse is measured by pg_database_size after a checkpoint and a vacuum, as autovacuum would leave
it. Beside it: what a night took when every known image was a row of `outcomes` and of catalogue.parquet.

The targets: less than 1 MiB per night, and a tenth night that is not slower than the second.

    .venv/bin/python benchmarks/known_nights.py [--images 1000000] [--nights 10]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import made_up
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
from apart import apart

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.models.floors import floor_of
from firstpass.models.kinds import kind_of
from firstpass.models.resolution import resolve
from firstpass.models.store import version_uri
from firstpass.nightly import preannotate
from firstpass.warehouse.connection import connect
from firstpass.warehouse.runs import begin_run

MIB = 2**20
STEPS = ("catalogue_images", "plan_chunks", "merge", "check", "report")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=1_000_000)
    options.add_argument("--nights", type=int, default=10)
    asked = options.parse_args()
    with made_up.warehouse() as (_, conn):
        rows = []
        before = database_bytes(conn)
        for number in range(asked.nights + 1):
            spec, seconds = apart(night, asked.images, number)
            after = database_bytes(conn)
            rows.append((after - before, folder_bytes(spec), seconds))
            tell(number, *rows[-1])
            before = after
        grown = [warehouse + folder for warehouse, folder, _ in rows[1:]]
        times = [seconds["catalogue_images"] for *_, seconds in rows[1:]]
        print(
            f"a night of {asked.images:,} known images adds {sum(grown) / len(grown) / MIB:.2f} MiB on average, "
            f"{max(grown) / MIB:.2f} MiB at most; with a row each {row_by_row(conn, spec) / MIB:.0f} MiB"
        )
        if len(times) > 1:
            print(f"catalogue_images of the last night took {times[-1] / times[1]:.2f} times the second's time")


def listing(images: int) -> Iterator[ImageRef]:
    """As a folder gives it."""
    for number in range(images):
        yield ImageRef(
            f"file:///photos/2026/{number // 1000:04d}/DSC_{number:08d}.jpg", 600_000 + number % 99_991, "e1"
        )


def night(images: int, number: int) -> tuple[RunSpec, dict[str, float]]:
    """One night; seconds by task, and the most MiB that the process had after the catalogue."""
    preannotate.list_images = lambda _: listing(images)
    version = resolve("nanodet-coco")
    started = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=number)
    spec = replace(
        made_up.run_of(number),
        images="/photos",
        model=version.ref,
        model_uri=version_uri(version),
        thresholds=Thresholds(version.threshold),
        floor=floor_of(version),
        revision=kind_of(version.kind).revision,
        started_at=started.isoformat(),
    )
    with closing(connect()) as conn:
        begin_run(conn, spec, version)
    seconds: dict[str, float] = {}
    run, planned = spec.save(), []
    for step in STEPS:
        begun = time.perf_counter()
        if step == "plan_chunks":
            planned = preannotate.plan_chunks(run)
        elif step == "merge":
            for uri in planned:
                infer(uri)
            begun = time.perf_counter()
            preannotate.merge(run, planned)
        else:
            getattr(preannotate, step)(run)
        seconds[step] = time.perf_counter() - begun
        if step == "catalogue_images":
            seconds["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return spec, seconds


def infer(chunk_uri: str) -> None:
    """A result of one detection per image, as inference leaves it."""
    chunk = Chunk.load(chunk_uri)
    uris = [image.uri for image in chunk.images]
    many = len(uris)
    one = [[10.0]] * many
    columns = {
        "uri": uris,
        "etag": [image.etag for image in chunk.images],
        "size": [image.size for image in chunk.images],
        "sha256": [sha256(uri.encode()).hexdigest() for uri in uris],
        "width": [1280] * many,
        "height": [960] * many,
        "brightness": [100.0] * many,
        "orientation": [1] * many,
        "outcome": ["ok"] * many,
        "class_ids": [[1]] * many,
        "scores": [[0.9]] * many,
        "x1": one,
        "y1": one,
        "x2": [[110.0]] * many,
        "y2": [[110.0]] * many,
    }
    table = pa.table([pa.array(columns.get(f.name, [None] * many), f.type) for f in RESULT], schema=RESULT)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    storage.write(chunk.output_uri, data)
    marker = {"rows": many, "detections": many, "sha256": sha256(data).hexdigest(), "chunk": chunk.checksum}
    storage.write(chunk.done_uri, json.dumps(marker | {"seconds": 60.0}).encode())


def database_bytes(conn: psycopg2.extensions.connection) -> int:
    conn.commit()
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute("VACUUM (ANALYZE)")
        cur.execute("CHECKPOINT")
        cur.execute("SELECT pg_database_size(current_database())")
        (size,) = cur.fetchone()
    conn.autocommit = False
    return int(size)


def folder_bytes(spec: RunSpec) -> int:
    return sum(path.stat().st_size for path in Path(spec.uri).rglob("*") if path.is_file())


def row_by_row(conn: psycopg2.extensions.connection, spec: RunSpec) -> int:
    """Bytes that the last night would take with a row for each of its images."""
    with conn, conn.cursor() as cur:
        cur.execute("CREATE TABLE rows_of_a_night (LIKE outcomes INCLUDING ALL)")
        cur.execute(
            "INSERT INTO rows_of_a_night (run_id, uri, outcome, detections, drafts, sha256, width, height)"
            " SELECT run_id, uri, outcome, 0, 0, sha256, width, height FROM run_images WHERE run_id = %s ORDER BY uri",
            [spec.run_id],
        )
        cur.execute("SELECT pg_total_relation_size('rows_of_a_night')")
        (rows,) = cur.fetchone()
        cur.execute(
            "SELECT i.uri, i.etag, i.size, i.sha256, i.width, i.height FROM images i JOIN rows_of_a_night USING (uri)"
        )
        columns = [list(column) for column in zip(*cur.fetchall(), strict=True)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns, names=["uri", "etag", "size", "sha256", "width", "height"]), sink, compression="zstd"
    )
    return int(rows) + sink.getvalue().size


def tell(number: int, warehouse: int, folder: int, seconds: dict[str, float]) -> None:
    steps = ", ".join(f"{name} {seconds[name]:.1f} s" for name in STEPS)
    print(
        f"night {number:2}: warehouse {warehouse / MIB:+8.2f} MiB, folder {folder / MIB:7.2f} MiB; {steps}; "
        f"memory after catalogue_images {seconds['peak']:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
