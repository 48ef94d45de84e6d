"""The report: one HTML file a run, complete in itself."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection

from firstpass import storage
from firstpass.chunks.run import run_folder
from firstpass.quality import plots, story
from firstpass.quality.drift import comparisons
from firstpass.quality.pages import render
from firstpass.quality.pictures import pictures
from firstpass.quality.results import load
from firstpass.quality.words import frames_read, headline
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.summary import run_summary

STAGES = ("resolve_model", "admit_model", "catalogue_images", "plan_chunks", "infer", "merge", "check")
DRIFTS = {"class": "Mix of classes", "score": "Scores", "boxes": "Detections an image", "size": "Size of boxes"}


def build_report(run_id: str) -> str:
    """Write <run>/report.html and return its URI.

    The page needs no network and no other file, except that its link to the Data Docs expects them beside it. Building
    it again replaces it, which is how links to CVAT get in after publishing. A run where nothing was new shows the
    drafts that were known. Raises FirstpassError for an unknown run. Neither checks nor closes the run.
    """
    with closing(connect()) as conn:
        told = _tell(conn, run_id)
    uri = storage.join(run_folder(told["run"]["run_id"]), "report.html")
    storage.write(uri, render("report.html", **told))
    return uri


def _tell(conn: connection, run_id: str) -> dict[str, Any]:
    """All that the page shows."""
    summary = run_summary(conn, run_id)
    run_id = summary["run_id"]
    verdict = load(conn, run_id)
    fresh = bool(summary["outcomes"].get("ok") or summary["empty"])
    outcomes = ["ok", "empty"] if fresh else ["known"]
    classes = story.classes(conn, run_id, outcomes)
    names = _class_names(conn, summary["model"])
    since, changes = story.changes(conn, run_id) if fresh else (None, [])
    chunks = story.chunk_runs(conn, run_id)
    scores = [sum(column) for column in zip(*(each.bins for each in classes), strict=True)]
    return {
        "run": summary,
        "started": datetime.fromisoformat(summary["started_at"]),
        "verdict": verdict,
        "headline": headline(summary, verdict),
        "fresh": fresh,
        "since": since,
        "changes": changes,
        "drifts": _drifts(conn, run_id, names) if fresh else [],
        "pictures": pictures(conn, run_id, outcomes, names, settings().report_pictures),
        "classes": classes,
        "scores": plots.score_histogram(scores, summary["threshold"]) if scores else None,
        "stages": {stage: summary["seconds_per_stage"].get(stage) for stage in STAGES},
        "chunks": chunks,
        "timeline": plots.timeline(chunks) if any(chunk.start is not None for chunk in chunks) else None,
        "estimate": story.estimate(run_id),
        "frames": frames_read(summary["images_uri"], sum(chunk.reading for chunk in chunks)) if fresh else None,
        "duplicates": story.duplicates(conn, run_id),
        "publications": story.publications(conn, run_id),
    }


def _class_names(conn: connection, model: str) -> dict[int, str]:
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT class_id, name FROM classes WHERE model = %s", [model])
        return dict(cursor.fetchall())


def _drifts(conn: connection, run_id: str, names: dict[int, str]) -> list[tuple[str, Any]]:
    """Title and plot of each measure that there is something to compare with."""
    found = comparisons(conn, run_id)
    return [
        (
            title,
            plots.class_shares(found[measure], names) if measure == "class" else plots.shares(measure, found[measure]),
        )
        for measure, title in DRIFTS.items()
        if measure in found and found[measure].base and found[measure].now
    ]
