"""A run's drafts as data sets of files, for teams without access to CVAT's API and for other tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection

from firstpass.contracts.export_format import DraftedImage, ExportFormat, ExportHead
from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.contracts.thresholds import Thresholds
from firstpass.exports.data_sets import DataSet, Place, data_sets
from firstpass.exports.drafted_images import ExportTally, drafted_image
from firstpass.exports.formats import format_of
from firstpass.exports.image_names import UnfitNames
from firstpass.exports.replacing import replacing
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.model_versions import class_table
from firstpass.warehouse.outcomes import left_out
from firstpass.warehouse.predictions import read_drafts, stored_threshold
from firstpass.warehouse.runs import RunRecord, load_whole_run

_SUMMARY = "export.json"


def export(
    conn: connection,
    run_id: str,
    format: str,  # noqa: A002 - its name everywhere
    out: Path,
    *,
    switch: str = "",
    threshold: float | None = None,
) -> dict[str, Any]:
    """Write the drafts of a run (an id, or `latest`) below the folder `out`, which is made.

    format: an entry point's name; built in are coco, cvat (CVAT for images 1.1), datumaro, voc, yolo and label_studio.
    switch: a variant of the format, see `formats.format_of`. threshold: one for all classes in place of the run's own.

    A run over CVAT becomes a data set per task, in task_NUMBER: with the task's labels, as the mapping chooses them,
    and its frames' names. Of other runs images are named relative to the run's image folder. They come in order of
    name; those without drafts are in it, and those that were known from earlier runs, with the drafts that they have.

    The files appear whole or not at all, and replace an earlier export; one that Firstpass did not write is never
    replaced. export.json among them is what this returns: {"run_id", "format", "path", "images", "annotations",
    "labels", "left_out": {reason: images}, "dropped": {reason: drafts}, "filled": {class: drafts whose holes outlines
    cover}, "orientation_unknown": images}, and for a run over CVAT the same under "tasks", for each. Memory does not
    grow with the run. Raises FirstpassError for an unknown or pruned run, an unknown format or switch, a
    threshold below the floor, and a folder that cannot be written; and as CVAT's client does. Needs a connection that
    is in no transaction.
    """
    chosen = format_of(format, switch)
    run = load_whole_run(conn, run_id)
    thresholds = run.thresholds if threshold is None else stored_threshold(conn, run.run_id, threshold)
    sets = data_sets(conn, run, class_table(conn, run.model))
    with transaction(conn) as cur:
        cur.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")  # every pass sees the same rows
        with replacing(out, format, _head(run, sets[0], {}).author) as folder:
            each = [_write(conn, run, thresholds, one, chosen, folder, out) for one in sets]
            summary = {"run_id": run.run_id, "format": format, **_total(each, out)}
            if sets[0].task is not None:
                summary["tasks"] = each
            (folder / _SUMMARY).write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    return summary


def _write(
    conn: connection,
    run: RunRecord,
    thresholds: Thresholds,
    one: DataSet,
    chosen: ExportFormat,
    folder: Path,
    out: Path,
) -> dict[str, Any]:
    """Write one data set; returns its part of the summary."""

    def placed() -> Iterator[tuple[ImageDrafts, Place]]:
        for drafts in read_drafts(conn, run.run_id, thresholds, one.task):
            yield drafts, one.place(drafts)

    one_stem = getattr(chosen, "one_stem", False)
    unfit = UnfitNames(place.name for _, place in placed() if not place.left_out) if one_stem else None

    def reason(place: Place) -> str | None:
        return place.left_out or (unfit.reason(place.name) if unfit else None)

    missing = Counter(left_out(conn, run.run_id, one.task))
    if unfit or one.task is not None:
        missing.update(why for _, place in placed() if (why := reason(place)))
    tally = ExportTally()

    def images() -> Iterator[DraftedImage]:
        tally.clear()
        for drafts, place in placed():
            if reason(place) is None:
                yield drafted_image(drafts, place.name, place.size, one.labels, chosen, tally)

    below = folder / one.folder
    below.mkdir(exist_ok=True)
    chosen.write(below, _head(run, one, dict(missing)), images)
    named = {} if one.task is None else {"task": one.task, "name": one.title}
    return {
        **named,
        "path": str(out / one.folder / chosen.main_file),
        "images": tally.images,
        "annotations": tally.annotations,
        "labels": len(one.classes),
        "left_out": dict(missing),
        "dropped": dict(tally.dropped),
        "filled": dict(tally.filled),
        "orientation_unknown": tally.orientation_unknown,
    }


def _head(run: RunRecord, one: DataSet, missing: dict[str, int]) -> ExportHead:
    return ExportHead(run.run_id, run.model, run.images_uri, one.classes, missing, one.title)


def _total(each: list[dict[str, Any]], out: Path) -> dict[str, Any]:
    if len(each) == 1 and "task" not in each[0]:
        return each[0]
    counts = ("images", "annotations", "orientation_unknown")
    by_reason = ("left_out", "dropped", "filled")
    return (
        {"path": str(out)}
        | {name: sum(part[name] for part in each) for name in counts}
        | {name: dict(sum((Counter(part[name]) for part in each), Counter())) for name in by_reason}
    )
