"""A warehouse that release 0.1.0 wrote is brought to today's schema, and keeps what it held."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.cvat.publishing.finished_run import load_finished_run
from firstpass.stack.postgres import binary
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.runs import begin_run
from fixtures.made_up_runs import VERSION, query

DUMP = Path(__file__).with_name("release_0_1_0") / "warehouse.sql"
RUNS = DUMP.with_name("runs")


@pytest.fixture
def old_warehouse(postgres_dsn):
    """The DSN of a database with the dump in it, as 0.1.0 left it."""
    name = f"old_{uuid4().hex[:12]}"
    with closing(psycopg2.connect(postgres_dsn)) as conn:
        conn.autocommit = True
        conn.cursor().execute(f"CREATE DATABASE {name}")
    dsn = make_dsn(postgres_dsn, dbname=name)
    loaded = subprocess.run(
        [binary("psql"), "--quiet", "--set=ON_ERROR_STOP=1", "--file", DUMP, dsn], capture_output=True, text=True
    )
    assert loaded.returncode == 0, loaded.stderr
    yield dsn
    with closing(psycopg2.connect(postgres_dsn)) as conn:
        conn.autocommit = True
        conn.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def upgraded(old_warehouse):
    with closing(psycopg2.connect(old_warehouse)) as conn:
        migrate(conn)
        yield conn


def test_no_outcome_and_no_shape_is_lost(old_warehouse):
    with closing(psycopg2.connect(old_warehouse)) as conn:
        counts = "SELECT outcome, count(*), sum(detections) FROM outcomes GROUP BY 1 ORDER BY 1"
        shapes = "SELECT server, task, frame, shape_id, detection, model, run_id FROM published_shapes ORDER BY 3, 4"
        before = [query(conn, text) for text in (counts, shapes)]
        assert before[0] == [
            ("duplicate", 3, 0), ("empty", 4, 0), ("known", 6, 0), ("ok", 17, 26), ("unreadable", 8, 0)
        ]  # fmt: skip
        migrate(conn)
        assert [query(conn, text) for text in (counts, shapes)] == before
        assert query(conn, "SELECT state, count(*) FROM shape_ledger GROUP BY 1") == [("published", 3)]


def test_every_detection_is_still_there_once(old_warehouse):
    """What several thresholds had stored of one content is one prediction, stored from the lowest of them up."""
    with closing(psycopg2.connect(old_warehouse)) as conn:
        each = "SELECT DISTINCT sha256, model, c, s, a, b, d, e FROM {}, unnest(class_ids, scores, x1, y1, x2, y2)"
        select = each + " AS u (c, s, a, b, d, e) ORDER BY 1, 2, 4 DESC"
        before = query(conn, select.format("detections"))
        migrate(conn)
        assert query(conn, select.format("predictions")) == before
        assert query(conn, "SELECT count(*), sum(cardinality(scores)) FROM predictions") == [(10, len(before))]


def test_a_threshold_becomes_the_floor(upgraded):
    """The highest of several: from there up every class is complete. Masks are older than today's, boxes are not."""
    runs = "SELECT DISTINCT threshold::text, class_thresholds, floor::text FROM runs ORDER BY 1, 3"
    assert query(upgraded, runs) == [
        ("0.3", {}, "0.3"), ("0.3", {"1": 0.5}, "0.5"), ("0.4", {}, "0.4"), ("0.5", {}, "0.5")
    ]  # fmt: skip
    counts = "SELECT split_part(model, '@', 1), floor::text, revision, count(*) FROM predictions"
    assert query(upgraded, f"{counts} GROUP BY 1, 2, 3 ORDER BY 1, 2") == [
        ("masks", "0.5", 1, 5), ("nanodet-coco", "0.3", 2, 3), ("nanodet-coco", "0.4", 2, 2)
    ]  # fmt: skip


def test_each_run_shows_the_drafts_that_it_showed(old_warehouse):
    with closing(psycopg2.connect(old_warehouse)) as conn:
        per_image = "SELECT run_id, uri, c, s, x FROM run_drafts, unnest(class_ids, scores, x1) u (c, s, x)"
        before = query(conn, per_image + " ORDER BY 1, 2, 4, 3")
        migrate(conn)
        assert query(conn, "SELECT run_id, uri, class_id, score, x1 FROM run_drafts ORDER BY 1, 2, 4, 3") == before
        assert len(before) > 26


def test_a_part_has_rings(upgraded):
    (parts,) = query(upgraded, "SELECT polygons FROM predictions WHERE polygons IS NOT NULL ORDER BY sha256 LIMIT 1")[0]
    assert parts[0] == [[[10, 7, 10, 25.499, 27.499, 25.499, 27.499, 7]]]
    assert all(len(part) == 1 for detection in parts for part in detection)


def test_what_was_published_counts_as_published(upgraded):
    """The ledger's key of an upgraded run is the one that publishing it again looks for."""
    run = load_finished_run(upgraded, "manual__2026-11-24T21:40:14_ffffc3", unchecked=True)
    entries = query(upgraded, "SELECT frame, model, drafts_hash FROM shape_ledger WHERE run_id = %s", run.id)
    assert entries
    assert set(entries) <= run.keys_in(101)


def test_a_chunk_that_0_1_0_inferred_can_be_merged(warehouse, night, tmp_path):
    """The manifest's checksum is still the one that the done-marker names, and parts become parts of one ring."""
    (folder,) = RUNS.glob("*92b092*")
    planned = Chunk.load(f"file://{folder}/chunks/00000.json")
    chunk = replace(planned, output_uri=f"file://{folder}/results/00000.parquet")
    assert (chunk.floor, chunk.revision) == (0.5, 1)
    version = replace(VERSION, name="masks", version="1a724523aa69")
    spec = replace(RunSpec.load(f"file://{folder}"), run_id=chunk.run_id)
    assert (spec.thresholds, spec.floor, spec.revision) == (Thresholds(0.5), 0.5, 1)
    begin_run(warehouse, spec, version)
    counts = merge_chunk(warehouse, spec, chunk)
    assert counts["detections"] == counts["drafts"] > 0
    polygons = query(warehouse, "SELECT polygons FROM predictions WHERE cardinality(scores) = 2")
    assert all(len(part) == 1 for (each,) in polygons for detection in each for part in detection)
    assert query(warehouse, "SELECT DISTINCT orientation, revision FROM predictions") == [(None, 1)]


def test_every_run_has_a_source_and_each_check_a_state(old_warehouse):
    """What held over nothing had nothing to check; no verdict gets better or worse by it."""
    with closing(psycopg2.connect(old_warehouse)) as conn:
        counts = "SELECT run_id, count(*) FILTER (WHERE {}) FROM quality_results GROUP BY 1 ORDER BY 1"
        wrong = query(conn, counts.format("NOT success"))
        verdicts = query(conn, "SELECT run_id, verdict FROM quality_verdicts ORDER BY 1")
        migrate(conn)
        assert query(conn, counts.format("state = 'does not hold'")) == wrong
        assert query(conn, "SELECT run_id, verdict FROM quality_verdicts ORDER BY 1") == verdicts
        idle = "SELECT DISTINCT observed FROM quality_results WHERE state = 'nothing to check' AND suite = 'polygons'"
        assert query(conn, idle) == [("0 of 0 images",)]
        assert query(conn, "SELECT count(*) FROM quality_results WHERE state = 'holds' AND value IS NULL") == [(0,)]
        assert query(conn, "SELECT DISTINCT source, asked_model = model, error IS NULL FROM runs ORDER BY 1") == [
            ("/srv/photos", True, True), ("cvat:task/101", True, True)
        ]  # fmt: skip
