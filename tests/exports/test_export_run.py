"""Exports as CVAT's importers read them, held against what the formats ask for."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from firstpass.errors import FirstpassError
from firstpass.exports import export_run
from firstpass.exports.export_run import export
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from fixtures import cvat_runs as cvat_nights
from fixtures.made_up_runs import row, unreadable

FILES = {
    "coco": "annotations/instances_default.json",
    "cvat": "annotations.xml",
    "datumaro": "annotations/default.json",
}
PART = [10.5, 10.0, 50.25, 10.0, 50.25, 40.0]
OTHER_PART = [60.0, 60.0, 90.0, 60.0, 90.0, 80.0, 60.0, 80.0]


def uri(name: str) -> str:
    return "file:///photos/" + quote(name)


def finite(text: str) -> float:
    raise AssertionError(f"{text} is not JSON")


@pytest.fixture
def exported(warehouse, night, tmp_path):
    """Exports these rows as one chunk of a run over /photos; gives the parsed file and what `export` said."""

    def do(kind: str, rows: list[dict]):
        run = night()
        merge_chunk(warehouse, run.spec, run.chunk(0, rows))
        said = export(warehouse, "latest", kind, tmp_path / "out")
        path = Path(said["path"])
        assert path == tmp_path / "out" / FILES[kind]
        if kind == "cvat":
            return ET.fromstring(path.read_bytes()), said
        return json.loads(path.read_text("utf-8"), parse_constant=finite), said

    return do


ROWS = [
    row(uri("a.jpg"), detections=2),
    row(uri("empty.jpg"), "empty", 0),
    row(uri("sub folder/größer/x & <y>.png"), detections=1, width=100, height=50),
    unreadable(uri("broken.jpg")),
]
NAMES = ["a.jpg", "empty.jpg", "sub folder/größer/x & <y>.png"]


@pytest.mark.parametrize("kind", FILES)
def test_what_is_said_of_an_export(exported, kind, tmp_path):
    _, said = exported(kind, ROWS)
    assert said == {
        "run_id": "a run",
        "format": kind,
        "path": str(tmp_path / "out" / FILES[kind]),
        "images": 3,
        "annotations": 3,
        "labels": 3,
        "left_out": {"unreadable": 1},
        "dropped": 0,
    }


def test_images_come_in_order_of_name_with_the_drafts_of_their_size(exported):
    coco, _ = exported("coco", ROWS[::-1])
    assert [image["file_name"] for image in coco["images"]] == NAMES
    assert [(image["width"], image["height"]) for image in coco["images"]] == [(640, 480), (640, 480), (100, 50)]
    assert [(c["id"], c["name"]) for c in coco["categories"]] == [(1, "cat"), (2, "größe <b>"), (5, "dog")]
    assert [(a["image_id"], a["category_id"], a["score"]) for a in coco["annotations"]] == [
        (1, 1, 0.875), (1, 2, 0.859375), (3, 1, 0.875),
    ]  # fmt: skip
    assert coco["annotations"][1]["bbox"] == [11.5, 21.25, 100.0, 200.0]


def test_outlines_that_are_none_are_left_out(exported):
    polygons = [[PART], [PART, OTHER_PART], [], [PART[:4]], [[*PART[:4], math.nan, 40.0]], [PART[:4], OTHER_PART]]
    coco, said = exported("coco", [row(uri("m.jpg"), detections=6, polygons=polygons)])
    outlines = [a["segmentation"] for a in coco["annotations"]]
    assert outlines == [[PART], [PART, OTHER_PART], [], [], [], [OTHER_PART]]
    assert said["dropped"] == 0, "the box stands"


@pytest.mark.parametrize("kind", FILES)
def test_what_is_not_a_number_is_left_out_and_counted(exported, kind):
    rows = [row(uri("a.jpg"), detections=3, scores=[math.nan, 0.5, 0.25], x2=[1.0, 2.0, math.inf])]
    _, said = exported(kind, rows)
    assert (said["annotations"], said["dropped"]) == (1, 2)


@pytest.mark.parametrize("kind", FILES)
def test_known_and_duplicate_images_have_the_drafts_of_their_content(warehouse, night, tmp_path, kind):
    """A second night over the same photo, now under two names, exports what the first found."""
    import pyarrow as pa

    from firstpass.contracts.chunk_result import RESULT
    from firstpass.warehouse.merge import merge_catalogue

    photo = row(uri("a.jpg"), detections=2)
    first = night("first")
    merge_chunk(warehouse, first.spec, first.chunk(0, [photo]))
    second = night("second")
    names = [*RESULT.names[:8], "outcome", "reason"]
    catalogue = [photo | {"outcome": "known"}, photo | {"uri": uri("b.jpg"), "outcome": "duplicate"}]
    rows = [{name: each[name] for name in names} for each in catalogue]
    merge_catalogue(warehouse, second.spec, pa.Table.from_pylist(rows, pa.schema([RESULT.field(n) for n in names])))
    said = export(warehouse, "second", kind, tmp_path)
    assert (said["images"], said["annotations"], said["left_out"]) == (2, 4, {})


def test_images_of_a_failed_chunk_are_left_out_and_counted(warehouse, night, tmp_path):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [row(uri("a.jpg"))]))
    fail_chunk(warehouse, run.spec, run.chunk(1, [row(uri("b.jpg")), row(uri("c.jpg"))], write=False), "out of memory")
    assert export(warehouse, "latest", "coco", tmp_path)["left_out"] == {"failed": 2}


@pytest.mark.parametrize(
    ("images", "uris", "names"),
    [
        ("/photos", ["file:///photos/only/one/a.jpg"], ["only/one/a.jpg"]),
        ("file:///with%20space/", ["file:///with%20space/%C3%A9.jpg"], ["é.jpg"]),
        ("/a/link", ["file:///real/x/a.jpg", "file:///real/y/a.jpg"], ["x/a.jpg", "y/a.jpg"]),
        ("/photos", ["file:///photos/not-utf-8-%FF.jpg"], ["not-utf-8-%FF.jpg"]),
        ("s3://bucket/night/1", ["s3://bucket/night/1/50%25 off?.jpg"], ["50%25 off?.jpg"]),
        ("s3://bucket", ["s3://bucket/a b.jpg"], ["a b.jpg"]),
        ("/a/link", ["file:///real/x/a1.jpg", "file:///real/x/a2.jpg"], ["a1.jpg", "a2.jpg"]),
        ("/a/link", ["file:///real/only/a.jpg"], ["a.jpg"]),
        ("/a/link", ["file:///real/a.jpg", "file:///real/a.jpg.png"], ["a.jpg", "a.jpg.png"]),
    ],
)
def test_images_are_named_relative_to_their_folder(warehouse, night, tmp_path, images, uris, names):
    run = night(images=images)
    merge_chunk(warehouse, run.spec, run.chunk(0, [row(uri) for uri in uris]))
    export(warehouse, "latest", "coco", tmp_path)
    coco = json.loads((tmp_path / FILES["coco"]).read_text())
    assert [image["file_name"] for image in coco["images"]] == names


def test_frames_keep_the_names_they_have_in_cvat(warehouse, cvat, task, tmp_path):
    cvat_nights.Night("a run", task.id, {3: cvat_nights.boxes(3)}).save(warehouse)
    export(warehouse, "latest", "coco", tmp_path)
    coco = json.loads((tmp_path / FILES["coco"]).read_text())
    assert [image["file_name"] for image in coco["images"]] == [task.frames[3].name]


def test_every_pass_over_the_images_sees_the_same(warehouse, warehouse_dsn, night, tmp_path, monkeypatch):
    """A night that merges beside an export changes nothing in it."""
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [row(uri("a.jpg"))]))
    seen = []

    class TwoPasses:
        main_file = "a.txt"

        def write(self, folder, head, images):
            seen.append([image.name for image in images()])
            with closing(psycopg2.connect(warehouse_dsn)) as beside:
                merge_chunk(beside, run.spec, run.chunk(1, [row(uri("b.jpg"))]))
            seen.append([image.name for image in images()])
            (folder / "a.txt").touch()

    monkeypatch.setattr(export_run, "format_of", lambda name: TwoPasses())
    assert export(warehouse, "latest", "mine", tmp_path)["images"] == 1
    assert seen == [["a.jpg"], ["a.jpg"]]


def test_what_cannot_be_exported_says_why(warehouse, night, tmp_path):
    with pytest.raises(FirstpassError, match="no run yet"):
        export(warehouse, "latest", "coco", tmp_path)
    night("a run")
    with pytest.raises(FirstpassError, match="no run 'another'") as caught:
        export(warehouse, "another", "coco", tmp_path)
    assert "a run" in caught.value.fix
    with pytest.raises(FirstpassError, match="no export format 'yolo'") as caught:
        export(warehouse, "a run", "yolo", tmp_path)
    assert "datumaro" in caught.value.fix
    (tmp_path / "file").touch()
    with pytest.raises(FirstpassError, match="cannot write"):
        export(warehouse, "a run", "coco", tmp_path / "file")


def test_a_run_without_images_gives_an_empty_dataset(warehouse, night, tmp_path):
    night()
    for kind, path in FILES.items():
        assert export(warehouse, "latest", kind, tmp_path)["images"] == 0
        assert (tmp_path / path).stat().st_size > 50
