"""Exports as CVAT's importers read them, held against what the formats ask for."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import quote

import pytest

from firstpass.errors import FirstpassError
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
LABELS = ["cat", "größe <b>", "dog"]


def test_coco(exported):
    coco, said = exported("coco", ROWS)
    assert [image["file_name"] for image in coco["images"]] == NAMES
    assert [(image["width"], image["height"]) for image in coco["images"]] == [(640, 480), (640, 480), (100, 50)]
    assert [(c["id"], c["name"]) for c in coco["categories"]] == [(1, "cat"), (2, "größe <b>"), (5, "dog")]
    images = {image["id"]: image["file_name"] for image in coco["images"]}
    assert len(images) == 3
    assert [images[a["image_id"]] for a in coco["annotations"]] == ["a.jpg", "a.jpg", NAMES[2]]
    assert len({a["id"] for a in coco["annotations"]}) == 3
    assert coco["annotations"][1] | {"id": 0, "image_id": 0} == {
        "id": 0,
        "image_id": 0,
        "category_id": 2,
        "bbox": [11.5, 21.25, 100.0, 200.0],
        "area": 20000.0,
        "segmentation": [],
        "iscrowd": 0,
        "score": 0.859375,
    }
    assert said | {"run_id": "", "path": ""} == {
        "run_id": "",
        "format": "coco",
        "path": "",
        "images": 3,
        "annotations": 3,
        "labels": 3,
        "left_out": {"unreadable": 1},
        "dropped": 0,
    }


def test_cvat_for_images(exported):
    root, _ = exported("cvat", ROWS)
    assert root.tag == "annotations"
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == LABELS
    images = root.findall("image")
    assert [image.get("name") for image in images] == NAMES
    assert [image.get("id") for image in images] == ["0", "1", "2"]
    assert (images[2].get("width"), images[2].get("height")) == ("100", "50")
    assert images[0].findall("box")[1].attrib == {
        "label": "größe <b>",
        "source": "auto",
        "occluded": "0",
        "xtl": "11.50",
        "ytl": "21.25",
        "xbr": "111.50",
        "ybr": "221.25",
        "z_order": "0",
    }
    assert len(images[1]) == 0


def test_datumaro(exported):
    dataset, _ = exported("datumaro", ROWS)
    assert [label["name"] for label in dataset["categories"]["label"]["labels"]] == LABELS
    items = dataset["items"]
    assert [item["id"] for item in items] == ["a", "empty", "sub folder/größer/x & <y>"]
    assert items[2]["image"] == {"path": NAMES[2], "size": [50, 100]}
    assert items[0]["annotations"][1] == {
        "id": 1,
        "type": "bbox",
        "label_id": 1,
        "group": 0,
        "z_order": 0,
        "attributes": {"score": 0.859375},
        "bbox": [11.5, 21.25, 100.0, 200.0],
    }
    assert items[1]["annotations"] == []


MASKS = [row(uri("m.jpg"), detections=3, polygons=[[PART], [PART, OTHER_PART], []])]


def test_polygons_in_coco(exported):
    coco, _ = exported("coco", MASKS)
    one, two, none = coco["annotations"]
    assert one["segmentation"] == [PART]
    assert one["area"] == 39.75 * 30 / 2
    assert two["segmentation"] == [PART, OTHER_PART]
    assert two["area"] == 39.75 * 30 / 2 + 30 * 20
    assert none["segmentation"] == [], "without an outline, the box stands"


def test_polygons_in_cvat_for_images(exported):
    root, _ = exported("cvat", MASKS)
    polygons = root.findall("image/polygon")
    assert [p.get("points") for p in polygons[:1]] == ["10.50,10.00;50.25,10.00;50.25,40.00"]
    assert [p.get("group_id") for p in polygons] == [None, "2", "2"], "the parts of an object stay together"
    assert len(root.findall("image/box")) == 1


def test_polygons_in_datumaro(exported):
    dataset, _ = exported("datumaro", MASKS)
    shapes = dataset["items"][0]["annotations"]
    assert [(s["type"], s["group"]) for s in shapes] == [("polygon", 0), ("polygon", 2), ("polygon", 2), ("bbox", 0)]
    assert shapes[2]["points"] == OTHER_PART


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


def test_exporting_again_replaces_the_export_and_nothing_else(warehouse, night, tmp_path):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [row(uri("a.jpg"))]))
    path = tmp_path / FILES["coco"]
    path.parent.mkdir()
    path.write_text('{"images": [], "annotations": [{"by": "a person"}]}')
    with pytest.raises(FirstpassError, match="not written by Firstpass"):
        export(warehouse, "latest", "coco", tmp_path)
    assert "a person" in path.read_text()
    path.unlink()
    first = export(warehouse, "latest", "coco", tmp_path)
    assert export(warehouse, "latest", "coco", tmp_path) == first
    assert [p.name for p in path.parent.iterdir()] == [path.name], "nothing half-written is left"


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
