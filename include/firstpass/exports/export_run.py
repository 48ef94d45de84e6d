"""A run's drafts as a data set of files, for teams without access to CVAT's API and for other tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageNamer
from firstpass.contracts.prediction import Prediction
from firstpass.exports.formats import format_of
from firstpass.exports.replacing import replacing
from firstpass.images.sources import source_of
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.model_versions import class_table
from firstpass.warehouse.outcomes import extent, left_out
from firstpass.warehouse.predictions import read_predictions
from firstpass.warehouse.runs import load_run


def export(conn: connection, run_id: str, format: str, out: Path) -> dict[str, Any]:  # noqa: A002 - its name everywhere
    """Write the drafts of a run (an id, or `latest`) below the folder `out`, which is made.

    format: an entry point's name; built in are coco (annotations/instances_default.json), cvat (CVAT for images 1.1:
    annotations.xml) and datumaro (annotations/default.json). Images are named relative to the run's image folder and
    come in order of name; those without detections are in it, those that were known from earlier runs too, with the
    drafts that they have. Left out and counted are images without a prediction (unreadable, missing, failed) and
    detections without finite numbers.

    The files appear whole or not at all, and replace an earlier export; one that Firstpass did not write is never
    replaced. Memory does not grow with the run. Returns {"run_id", "format", "path", "images", "annotations",
    "labels", "left_out": {outcome: images}, "dropped": detections}. Raises FirstpassError for an unknown run or format
    and for a folder that cannot be written. Needs a connection that is in no transaction.
    """
    chosen = format_of(format)
    run = load_run(conn, run_id)
    classes = class_table(conn, run.model)
    counts: Counter[str] = Counter()
    with transaction(conn) as cur:
        cur.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")  # every pass sees the same rows
        head = ExportHead(run.run_id, run.model, run.images_uri, classes, left_out(conn, run.run_id))
        name = _namer(run.images_uri, *extent(conn, run.run_id))

        def images() -> Iterator[DraftedImage]:
            counts.clear()
            for prediction in read_predictions(conn, run.run_id):
                image = _drafted(prediction, name)
                counts.update(
                    images=1,
                    annotations=len(image.drafts),
                    dropped=len(prediction.scores) - len(image.drafts),
                )
                yield image

        with replacing(out, format, head.author) as folder:
            chosen.write(folder, head, images)
    return {
        "run_id": run.run_id,
        "format": format,
        "path": str(out / chosen.main_file),
        "images": counts["images"],
        "annotations": counts["annotations"],
        "labels": len(head.classes),
        "left_out": head.left_out,
        "dropped": counts["dropped"],
    }


def _namer(images_uri: str, first: str, last: str, tasks: int) -> ImageNamer:
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    common_folder = first[:same].rpartition("/")[0] + "/"
    return source_of(images_uri).namer(images_uri, common_folder, tasks)


def _drafted(prediction: Prediction, name: ImageNamer) -> DraftedImage:
    ref = ImageRef(prediction.uri, 0, "", task=prediction.task, frame=prediction.frame)
    return DraftedImage(name(ref), prediction.width, prediction.height, list(_drafts(prediction)))


def _drafts(prediction: Prediction) -> Iterator[Draft]:
    """Those whose numbers are finite: no format could hold the others."""
    outlines = prediction.polygons or [[]] * len(prediction.scores)
    columns = zip(prediction.class_ids, prediction.scores, prediction.boxes.tolist(), outlines, strict=True)
    for class_id, score, box, parts in columns:
        if isfinite(score) and all(map(isfinite, box)):
            yield Draft(class_id, score, tuple(box), [list(p) for p in parts if len(p) >= 6 and None not in p])
