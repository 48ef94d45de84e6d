"""The data sets of one run: the folder's, or one per CVAT task, with the task's own labels and frame names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psycopg2.extensions import connection

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.contracts.image_reference import ImageRef
from firstpass.cvat.labels.mapping import Decision
from firstpass.cvat.labels.task_mapping import read_mapping
from firstpass.cvat.server.client import cvat
from firstpass.cvat.server.tasks import read_meta, read_task
from firstpass.exports.drafted_images import LabelChoice
from firstpass.images.sources import source_of
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.outcomes import extent
from firstpass.warehouse.predictions import frame_revisions, has_polygons
from firstpass.warehouse.runs import RunRecord


@dataclass(frozen=True, slots=True)
class Place:
    """What an image is called in a data set. size: width and height that its coordinates are wanted in, None for the
    inferred picture's. left_out: why the image is not in it, if so."""

    name: str
    size: tuple[int, int] | None = None
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set. folder: where its files go, below the export's. task, title: CVAT's number and name, if it is one.

    labels: class id of the model → what it becomes, an id of `classes`. place: what each image is called.
    """

    folder: str
    task: int | None
    title: str
    classes: ClassTable
    labels: dict[int, LabelChoice]
    place: Callable[[ImageDrafts], Place]


def data_sets(conn: connection, run: RunRecord, classes: ClassTable) -> list[DataSet]:
    """Those of a run, by number of task. Asks CVAT where the images come from there, and raises as it does."""
    tasks = sorted({task for task, *_ in frame_revisions(conn, run.run_id)})
    if not tasks:
        return [_of_folder(conn, run, classes)]
    outlines = has_polygons(conn, run.run_id)
    return [_of_task(conn, run, classes, number, outlines) for number in tasks]


def _of_folder(conn: connection, run: RunRecord, classes: ClassTable) -> DataSet:
    with transaction(conn):
        first, last, tasks = extent(conn, run.run_id)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    common_folder = first[:same].rpartition("/")[0] + "/"
    name = source_of(run.images_uri).namer(run.images_uri, common_folder, tasks)
    labels = {each.id: LabelChoice(each.name, each.id) for each in classes.classes}
    return DataSet("", None, "", classes, labels, lambda drafts: Place(name(ImageRef(drafts.uri, 0, ""))))


def _of_task(conn: connection, run: RunRecord, classes: ClassTable, number: int, outlines: bool) -> DataSet:
    server = cvat()
    task = read_task(server, number)
    mapping = read_mapping(conn, server, task, run.model, classes, outlines=outlines)
    meta = read_meta(server, task)
    sizes, names = meta.sizes.tolist(), meta.names
    ids = {label.id: place for place, label in enumerate(mapping.labels, 1)}

    def place(drafts: ImageDrafts) -> Place:
        frame = drafts.frame
        if frame is None or frame >= min(len(sizes), len(names)):
            return Place("", left_out="beyond the task's end")
        width, height = sizes[frame]
        return Place(names[frame], (width, height), "deleted in CVAT" if frame in meta.deleted else None)

    return DataSet(
        folder=f"task_{number}",
        task=number,
        title=task.name,
        classes=ClassTable(tuple(ModelClass(ids[label.id], label.name) for label in mapping.labels)),
        labels={decision.class_id: _choice(decision, ids) for decision in mapping.decisions},
        place=place,
    )


def _choice(decision: Decision, ids: dict[int, int]) -> LabelChoice:
    return LabelChoice(
        decision.class_name,
        None if decision.label is None else ids[decision.label.id],
        decision.shape or "",
        decision.threshold,
        decision.reason,
    )
