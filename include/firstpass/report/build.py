"""The report: one HTML file per run, complete in itself."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection

from firstpass import storage
from firstpass.chunks.estimate import Estimate
from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.run_standing import TONES, standing
from firstpass.contracts.stages import STAGES
from firstpass.cvat.publishing.publications import publications_of
from firstpass.images.sources import source_of
from firstpass.pages.rendering import render
from firstpass.quality.drift import comparisons
from firstpass.report import charts
from firstpass.report.chunk_runs import chunk_runs
from firstpass.report.comparison import changes
from firstpass.report.gallery import pictures
from firstpass.report.headline import headline
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.model_versions import class_table
from firstpass.warehouse.outcomes import duplicates
from firstpass.warehouse.run_figures import class_counts
from firstpass.warehouse.run_summary import run_summary
from firstpass.warehouse.runs import load_whole_run
from firstpass.warehouse.verdicts import load_verdict

DRIFTS = {"class": "Mix of classes", "score": "Scores", "boxes": "Drafts per image", "size": "Size of boxes"}


def build_report(run_id: str) -> str:
    """Write <run>/report.html and return its URI.

    The page needs no network and no other file, except that its link to the Data Docs expects them beside it. Building
    it again replaces it, which is how links to CVAT get in after publishing. A run where nothing was new shows the
    drafts that were known. Raises FirstpassError for an unknown run and for a pruned one.
    Neither checks nor closes the run.
    """
    with closing(connect()) as conn:
        told = _tell(conn, run_id)
    uri = storage.join(run_folder(told["run"]["run_id"]), "report.html")
    storage.write(uri, render(__package__, "report.html", **told))
    return uri


def _tell(conn: connection, run_id: str) -> dict[str, Any]:
    """All that the page shows."""
    run = load_whole_run(conn, run_id)
    summary = run_summary(conn, run_id)
    run_id = summary["run_id"]
    verdict = load_verdict(conn, run_id)
    fresh = bool(summary["outcomes"].get("ok") or summary["empty"])
    outcomes = ["ok", "empty"] if fresh else ["known"]
    classes = class_counts(conn, run_id, outcomes)
    names = class_table(conn, summary["model"]).names
    since, changed = changes(conn, run_id) if fresh else (None, [])
    chunks = chunk_runs(conn, run_id)
    reading = sum(chunk.reading for chunk in chunks)
    scores = [sum(column) for column in zip(*(each.bins for each in classes), strict=True)]
    return {
        "run": summary,
        "started": datetime.fromisoformat(summary["started_at"]),
        "verdict": verdict,
        "headline": headline(summary, verdict),
        # Who asks for the report has seen the run end, or is its last stage.
        "standing": standing(summary["state"].replace("running", "success"), summary["verdict"]),
        "tones": TONES,
        "fresh": fresh,
        "since": since,
        "changes": changed,
        "drifts": _drifts(conn, run_id, names) if fresh else [],
        "pictures": pictures(conn, run, outcomes, names, settings().report_pictures),
        "classes": classes,
        "scores": charts.score_histogram(scores, summary["threshold"]),
        "stages": {stage: summary["seconds_per_stage"].get(stage) for stage in STAGES[:-1]},
        "chunks": chunks,
        "timeline": charts.timeline(chunks),
        "estimate": Estimate.load(run_folder(run_id)),
        "frames": source_of(summary["images_uri"]).reading_note(summary["images_uri"], reading) if fresh else None,
        "duplicates": duplicates(conn, run_id),
        "publications": publications_of(conn, run_id),
    }


def _drifts(conn: connection, run_id: str, names: dict[int, str]) -> list[tuple[str, Any]]:
    """Title and plot of each measure that there is something to compare with."""
    found = comparisons(conn, run_id)
    return [
        (
            title,
            charts.class_shares(found[measure], names)
            if measure == "class"
            else charts.shares(measure, found[measure]),
        )
        for measure, title in DRIFTS.items()
        if measure in found and found[measure].base and found[measure].now
    ]
