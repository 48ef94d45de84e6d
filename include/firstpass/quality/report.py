"""The report: one HTML file a run, complete in itself."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection

from firstpass import storage
from firstpass.chunks.run import run_folder
from firstpass.quality import plots
from firstpass.quality.pages import render
from firstpass.quality.pictures import pictures
from firstpass.quality.results import load
from firstpass.quality.words import headline
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.summary import run_summary

INFERRED = ["ok", "empty"]
KNOWN = ["known"]
STAGES = ("resolve_model", "admit_model", "catalogue_images", "plan_chunks", "infer", "merge", "check", "report")

# Per class and score bin; `outcomes` tells whether the run's own detections are meant or those it knew.
_HISTOGRAM = """
SELECT class_id, greatest(1, least(%(bins)s, width_bucket(score, 0, 1, %(bins)s))) - 1, count(*)
FROM run_detections
WHERE run_id = %(run_id)s AND outcome = ANY(%(outcomes)s)
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class's detections, in all and per score bin ([plots.BINS])."""

    name: str
    count: int
    bins: list[int]


def build_report(run_id: str) -> str:
    """Write <run>/report.html and return its URI.

    The page needs no network and no other file, except that its link to the Data Docs expects them beside it. Building
    it again replaces it. A run where nothing was new shows the drafts that were known. Raises FirstpassError for an
    unknown run. Neither checks nor closes the run.
    """
    with closing(connect()) as conn:
        summary = run_summary(conn, run_id)
        verdict = load(conn, run_id)
        names = _class_names(conn, summary["model"])
        fresh = bool(summary["outcomes"].get("ok") or summary["outcomes"].get("empty"))
        outcomes = INFERRED if fresh else KNOWN
        histograms = _histograms(conn, run_id, outcomes)
        gallery = pictures(conn, run_id, outcomes, names, settings().report_pictures)
    classes = [ClassCount(names.get(c, f"class {c}"), sum(bins), bins) for c, bins in histograms.items()]
    classes.sort(key=lambda each: (-each.count, each.name))
    scores = [sum(column) for column in zip(*histograms.values(), strict=True)]
    uri = storage.join(run_folder(run_id), "report.html")
    page = render(
        "report.html",
        run=summary,
        started=datetime.fromisoformat(summary["started_at"]),
        verdict=verdict,
        headline=headline(summary, verdict),
        fresh=fresh,
        stages={stage: summary["seconds_per_stage"].get(stage) for stage in STAGES[:-1]},
        classes=classes,
        most=max((each.count for each in classes), default=1),
        scores=plots.score_histogram(scores, summary["threshold"]) if scores else None,
        pictures=gallery,
    )
    storage.write(uri, page)
    return uri


def _class_names(conn: connection, model: str) -> dict[int, str]:
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT class_id, name FROM classes WHERE model = %s", [model])
        return dict(cursor.fetchall())


def _histograms(conn: connection, run_id: str, outcomes: list[str]) -> dict[int, list[int]]:
    """Class id → detections per score bin, [plots.BINS] each."""
    found: dict[int, list[int]] = {}
    with conn, conn.cursor() as cursor:
        values: dict[str, Any] = {"run_id": run_id, "outcomes": outcomes, "bins": plots.BINS}
        cursor.execute(_HISTOGRAM, values)
        for class_id, bin_, count in cursor.fetchall():
            found.setdefault(class_id, [0] * plots.BINS)[bin_] = count
    return found
