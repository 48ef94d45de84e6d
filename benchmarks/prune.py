"""Pruning 1,000 runs with 5,000,000 outcomes, while a night goes on beside it.

    python benchmarks/prune.py [--runs 1000] [--images 5000]

A year and more of nights over one growing folder, all of them old enough to go: each has `--images` new images with one
detection, and a folder with a report, Data Docs and a chunk result. All of their drafts are current, so the rows of the
runs stay. Beside the prune another process merges chunks, again and again, and opens runs. A third connection looks
every few milliseconds whether that process waits for a lock, and how long it has done so. The targets are 2 minutes and
1 second. How long the merges take without a prune stands beside how long they take with it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import made_up
import merge
import psycopg2

from firstpass.chunks.planning import Chunk
from firstpass.contracts.pruned import Prunable
from firstpass.contracts.run_spec import run_folder
from firstpass.nightly.prune import prune_runs
from firstpass.settings import settings
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.model_versions import record_model
from firstpass.warehouse.runs import begin_run, record_stage

LATER = datetime(2040, 1, 1, tzinfo=UTC)
NIGHT = "night"  # its connection's name in pg_stat_activity

FILL = """
INSERT INTO runs (run_id, model, asked_model, threshold, class_thresholds, floor, images_uri, source, spec, state,
                  stages, started_at, finished_at)
SELECT 'scheduled__' || to_char(at, 'YYYY-MM-DD'), %(model)s, %(model)s, 0.3, '{}', 0.15, '/photos', '/photos',
       '{"threshold": 0.3}', 'success', '{}', at, at + interval '1 hour'
FROM (SELECT '2026-01-01 02:00+00'::timestamptz + n * interval '1 day' AS at FROM generate_series(1, %(runs)s) AS n) n;

CREATE TEMPORARY TABLE made AS
SELECT run_id, started_at, 'file:///photos/' || run_id || '/' || n || '.jpg' AS uri,
       encode(sha256((run_id || n)::bytea), 'hex') AS sha256
FROM runs CROSS JOIN generate_series(1, %(images)s) AS n
ORDER BY started_at, n;  -- as merges write them, one night after the other

INSERT INTO outcomes (run_id, uri, chunk, outcome, detections, drafts, sha256, width, height)
SELECT run_id, uri, 0, 'ok', 1, 1, sha256, 1280, 960 FROM made;
INSERT INTO images (uri, sha256, etag, size, width, height, model, run_id, seen_at)
SELECT uri, sha256, 'e', 600000, 1280, 960, %(model)s, run_id, started_at FROM made;
INSERT INTO predictions (sha256, model, floor, revision, run_id, chunk, class_ids, scores, x1, y1, x2, y2)
SELECT sha256, %(model)s, 0.15, 2, run_id, 0, '{1}', '{0.9}', '{1}', '{2}', '{30}', '{40}' FROM made;
INSERT INTO chunks (run_id, chunk, state, images, detections, seconds)
SELECT run_id, 0, 'merged', %(images)s, 1, 60 FROM runs;
INSERT INTO series (source, model, listings) VALUES ('/photos', %(model)s, %(runs)s);
INSERT INTO listings (run_id, series, listing, known, unreadable, missing)
SELECT run_id, 1, row_number() OVER (ORDER BY started_at), 0, 0, 0 FROM runs;
INSERT INTO standing_outcomes (series, uri, since, outcome, sha256, width, height)
SELECT 1, uri, listing + 1, 'known', sha256, 1280, 960 FROM made JOIN listings USING (run_id);
INSERT INTO quality_verdicts (run_id, verdict, images, drafts)
SELECT run_id, 'passed', %(images)s, %(images)s FROM runs;
DROP TABLE made;
"""

# How long the night has been waiting for a lock just now, in seconds.
WAITING = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0)::float8
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND a.application_name = %s
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--images", type=int, default=5000)
    arguments = parser.parse_args()
    os.environ["FIRSTPASS_KEEP_NEWEST"] = "10"
    with made_up.warehouse() as (_, conn):
        fill(conn, arguments.runs, arguments.images)
        other = multiprocessing.get_context("spawn")
        stop, times = other.Event(), other.Queue()
        night = other.Process(target=merge_on, args=(stop, times))
        night.start()
        times.get(timeout=300)  # it is under way
        time.sleep(15)
        alone = drained(times)
        with watch() as waits:
            started = time.perf_counter()
            found = {kind.kind: kind for kind in prune_runs(lambda *_: set(), now=LATER)}
            seconds = time.perf_counter() - started
        beside = drained(times)
        assert night.is_alive()
        stop.set()
        night.join()
        report(conn, found, seconds, alone, beside, waits)


def fill(conn, runs: int, images: int) -> None:
    started = time.perf_counter()
    record_model(conn, made_up.VERSION)
    with conn, conn.cursor() as cursor:
        cursor.execute(FILL, {"runs": runs, "images": images, "model": made_up.VERSION.ref})
        cursor.execute("SELECT run_id FROM runs")
        ids = [run_id for (run_id,) in cursor]
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    conn.autocommit = False
    for run_id in ids:
        for name in ("run.json", "report.html", "data_docs/index.html", "results/00000.parquet", "chunks/00000.json"):
            path = Path(run_folder(run_id), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 10_000)
    print(f"{runs:,} runs with {runs * images:,} outcomes made in {time.perf_counter() - started:.0f} s", flush=True)


def merge_on(stop, times) -> None:
    """A night without end: it opens runs and merges chunks, and says how long each took."""
    settings.cache_clear()
    with closing(psycopg2.connect(settings().warehouse_dsn.get_secret_value(), application_name=NIGHT)) as conn:
        spec = replace(made_up.run_of(20_000), images="/photos")
        chunks = [Chunk.load(merge.make_chunk((spec, index, 500, 3500, 3000))) for index in range(8)]
        number = 0
        while not stop.is_set():
            started = time.perf_counter()
            if number % len(chunks) == 0:
                begin_run(conn, spec, made_up.VERSION)
                merge_catalogue(conn, spec, [])
            merge_chunk(conn, spec, chunks[number % len(chunks)])
            record_stage(conn, spec.run_id, "merge", 1.0)
            times.put(time.perf_counter() - started)
            number += 1
            time.sleep(0.05)


class watch:  # noqa: N801 - used like a function
    """The longest wait for a lock of the night's connection, and how many looks saw one."""

    def __enter__(self) -> watch:
        self.longest, self.seen, self.looks, self._stop = 0.0, 0, 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with closing(psycopg2.connect(settings().warehouse_dsn.get_secret_value())) as conn:
            conn.autocommit = True
            with conn.cursor() as cursor:
                while not self._stop.wait(0.005):
                    cursor.execute(WAITING, [NIGHT])
                    waiting = cursor.fetchall()[0][0]
                    self.longest, self.looks = max(self.longest, waiting), self.looks + 1
                    self.seen += waiting > 0


def drained(times) -> list[float]:
    found = []
    while not times.empty():
        found.append(times.get())
    return found


def report(conn, found, seconds: float, alone: list[float], beside: list[float], waits: watch) -> None:
    runs = found[Prunable.RUNS]
    assert not any(kind.failed for kind in found.values())
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FILTER (WHERE pruned_at IS NOT NULL), count(*) FROM runs")
        print("{:,} of {:,} runs are pruned".format(*cursor.fetchone()))
        cursor.execute("SELECT count(*) FROM current_drafts WHERE uri LIKE 'file:///photos/scheduled%'")
        print("{:,} drafts are current, as before".format(*cursor.fetchone()))
    files = sum(kind.files for kind in found.values())
    print(f"prune: {seconds:.1f} s, {runs.items:,} runs, {runs.rows:,} rows, {files:,} files")
    looks = f"{waits.seen} of {waits.looks:,} looks saw one"
    print(f"longest wait of the night for a lock: {waits.longest * 1000:.0f} ms ({looks})")
    for name, each in (("alone", alone), ("beside the prune", beside)):
        print(f"merges {name}: {len(each)}, median {statistics.median(each):.3f} s, longest {max(each):.3f} s")


if __name__ == "__main__":
    main()
