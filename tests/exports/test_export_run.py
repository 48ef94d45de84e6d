"""Exports as CVAT's importers read them, held against what the formats ask for."""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import psycopg2
import pytest

from doubles.cvat.state import Frame
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.exports import export_run
from firstpass.exports.export_run import export
from firstpass.settings import settings
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from fixtures import cvat_runs as cvat_nights
from fixtures.made_up_runs import catalogue, row, unreadable

from .conftest import HOLE, OTHER_PART, PART

FILES = {
    "coco": "annotations/instances_default.json",
    "cvat": "annotations.xml",
    "datumaro": "annotations/default.json",
    "label_studio": "tasks.json",
    "voc": "ImageSets/Main/default.txt",
    "yolo": "data.yaml",
}


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
        assert json.loads((tmp_path / "out/export.json").read_text("utf-8")) == said
        if kind != "coco":
            return path.read_bytes(), said
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
        "dropped": {},
        "filled": {},
        "orientation_unknown": 0,
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
    part, other = list(PART), list(OTHER_PART)
    broken = [*part[:4], math.nan, 40.0]
    polygons = [[[part]], [[part], [other]], [], [[part[:4]]], [[broken]], [[part[:4]], [other]]]
    coco, said = exported("coco", [row(uri("m.jpg"), detections=6, polygons=polygons)])
    outlines = [a["segmentation"] for a in coco["annotations"]]
    assert outlines == [[part], [part, other], [], [], [], [other]]
    assert said["dropped"] == {}, "the box stands"


@pytest.mark.parametrize("kind", FILES)
def test_what_is_not_a_number_is_left_out_and_counted(exported, kind):
    rows = [row(uri("a.jpg"), detections=3, scores=[math.nan, 0.5, 0.4], x2=[1.0, 2.0, math.inf])]
    _, said = exported(kind, rows)
    assert (said["annotations"], said["dropped"]) == (1, {"dog: not a finite number": 1})


@pytest.mark.parametrize("kind", FILES)
def test_known_and_duplicate_images_have_the_drafts_of_their_content(warehouse, night, tmp_path, kind):
    """A second night over the same photo, now under two names, exports what the first found."""
    photo = row(uri("a.jpg"), detections=2)
    first = night("first")
    merge_chunk(warehouse, first.spec, first.chunk(0, [photo]))
    second = night("second")
    twin = photo | {"uri": uri("b.jpg"), "outcome": "duplicate"}
    merge_catalogue(warehouse, second.spec, catalogue([photo | {"outcome": "known"}, twin]))
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

    monkeypatch.setattr(export_run, "format_of", lambda name, switch: TwoPasses())
    assert export(warehouse, "latest", "mine", tmp_path)["images"] == 1
    assert seen == [["a.jpg"], ["a.jpg"]]


def test_what_cannot_be_exported_says_why(warehouse, night, tmp_path):
    with pytest.raises(FirstpassError, match="no run yet"):
        export(warehouse, "latest", "coco", tmp_path)
    night("a run")
    with pytest.raises(FirstpassError, match="no run 'another'") as caught:
        export(warehouse, "another", "coco", tmp_path)
    assert "a run" in caught.value.fix
    with pytest.raises(FirstpassError, match="no export format 'csv'") as caught:
        export(warehouse, "a run", "csv", tmp_path)
    assert "datumaro" in caught.value.fix
    (tmp_path / "file").touch()
    with pytest.raises(FirstpassError, match="cannot write"):
        export(warehouse, "a run", "coco", tmp_path / "file")


def test_a_run_without_images_gives_an_empty_dataset(warehouse, night, tmp_path):
    night()
    for kind, path in FILES.items():
        assert export(warehouse, "latest", kind, tmp_path / kind)["images"] == 0
        assert (tmp_path / kind / path).is_file()


def test_drafts_are_what_reaches_the_thresholds_of_the_run_or_the_one_that_is_given(warehouse, night, tmp_path):
    run = night(thresholds=Thresholds(0.5, {2: 0.7}))
    found = row(uri("a.jpg"), detections=4, class_ids=[1, 2, 1, 1], scores=[0.9, 0.6, 0.5, 0.2])
    merge_chunk(warehouse, run.spec, run.chunk(0, [found]))

    def count(**more) -> int:
        return export(warehouse, "latest", "coco", tmp_path, **more)["annotations"]

    assert (count(), count(threshold=0.55), count(threshold=0.2), count(threshold=0.95)) == (2, 2, 4, 0)
    with pytest.raises(FirstpassError, match=r"below the floor 0\.15"):
        count(threshold=0.1)


def test_a_format_without_holes_fills_them_and_says_so(exported, warehouse, tmp_path):
    rings = [[[list(PART), list(HOLE)]], [[list(PART)]], [[list(PART), list(HOLE)], [list(OTHER_PART), list(HOLE)]]]
    coco, said = exported("coco", [row(uri("m.jpg"), detections=3, polygons=rings)])
    assert said["filled"] == {}
    assert [isinstance(each["segmentation"], dict) for each in coco["annotations"]] == [True, False, True]
    said = export(warehouse, "latest", "yolo", tmp_path / "yolo")
    assert (said["annotations"], said["filled"]) == (3, {"cat": 1, "dog": 1})


@pytest.mark.parametrize("kind", ["cvat", "datumaro", "voc", "yolo"])
def test_images_that_a_format_cannot_tell_apart_are_left_out(exported, kind):
    _, said = exported(kind, [row(uri("a.jpg")), row(uri("a.png")), row(uri("b.jpg")), unreadable(uri("b.png"))])
    shared = "another image has its name, but for what follows the last dot"
    assert (said["images"], said["left_out"]) == (1, {"unreadable": 1, shared: 2})


@pytest.mark.parametrize("kind", ["coco", "label_studio"])
def test_or_are_not_where_it_can(exported, kind):
    _, said = exported(kind, [row(uri("a.jpg")), row(uri("a.png"))])
    assert (said["images"], said["left_out"]) == (2, {})


@pytest.mark.parametrize(("kind", "turned"), [("coco", False), ("voc", False), ("yolo", True), ("label_studio", True)])
def test_which_formats_turn_pictures_upright(exported, kind, turned, tmp_path):
    """A box in the upper left corner of a picture that is stored on its side."""
    _, said = exported(kind, [row(uri("a.jpg"), orientation=6, x1=[0.0], y1=[0.0], x2=[64.0], y2=[48.0])])
    if kind == "yolo":
        box = (tmp_path / "out/labels/a.txt").read_text()
        assert box == "0 0.950000 0.050000 0.100000 0.100000\n"
    elif kind == "label_studio":
        (task,) = json.loads((tmp_path / "out/tasks.json").read_text())
        region = task["predictions"][0]["result"][0]
        assert (region["original_width"], region["original_height"], region["value"]["x"]) == (480, 640, 90.0)
    elif kind == "coco":
        coco = json.loads((tmp_path / "out" / FILES["coco"]).read_text())
        assert (coco["images"][0]["width"], coco["annotations"][0]["bbox"]) == (640, [0.0, 0.0, 64.0, 48.0])
    else:
        assert "<xmax>64</xmax><ymax>48</ymax>" in (tmp_path / "out/Annotations/a.xml").read_text()
    assert said["orientation_unknown"] == 0
    assert turned == (kind in ("yolo", "label_studio"))


def test_coco_has_a_switch_for_upright_pictures(warehouse, night, tmp_path):
    run = night()
    rows = [
        row(uri("a.jpg"), orientation=8, x1=[0.0], y1=[0.0], x2=[64.0], y2=[48.0]),
        row(uri("b.jpg"), orientation=None),
        row(uri("c.jpg"), orientation=None),
    ]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    said = export(warehouse, "latest", "coco", tmp_path, switch="upright")
    coco = json.loads((tmp_path / FILES["coco"]).read_text())
    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (480, 640)
    assert coco["annotations"][0]["bbox"] == [0.0, 576.0, 48.0, 64.0]
    assert (coco["images"][1]["width"], said["orientation_unknown"]) == (640, 2)


class TestCvat:
    """A data set per task, with its labels, as its mapping chooses them, and its frames' names and sizes."""

    @pytest.fixture
    def out(self, tmp_path):
        return tmp_path / "out"

    def read(self, out: Path, task) -> ElementTree.Element:
        return ElementTree.fromstring((out / f"task_{task.id}" / "annotations.xml").read_bytes())

    def test_labels_and_names_are_the_task_s(self, warehouse, cvat, task, out):
        """person, car and traffic light become person, Car and traffic_light."""
        cvat_nights.Night("a run", task.id, {3: cvat_nights.boxes(3)}).save(warehouse)
        said = export(warehouse, "latest", "cvat", out)
        root = self.read(out, task)
        assert [label.findtext("name") for label in root.iter("label")] == [each.name for each in task.labels]
        assert root.findtext("meta/task/name") == task.name
        assert [image.get("name") for image in root.findall("image")] == [task.frames[3].name]
        assert {box.get("label") for box in root.iter("box")} == {each.name for each in task.labels}
        assert said["path"] == str(out)
        (each,) = said["tasks"]
        assert (each["task"], each["name"], each["images"], each["annotations"]) == (task.id, task.name, 1, 3)
        assert each["path"] == str(out / f"task_{task.id}" / "annotations.xml")

    def test_each_task_has_its_own(self, warehouse, cvat, task, out):
        other = cvat.state.add_task("other", labels=["Car"], frames=[cvat_nights.jpeg()] * 2)
        run_id = cvat_nights.Night("a run", task.id, {0: cvat_nights.boxes(0)}).save(warehouse)
        with warehouse, warehouse.cursor() as cur:
            cur.execute(
                "INSERT INTO outcomes (run_id, uri, chunk, outcome, detections, drafts, sha256, width, height, task,"
                " frame) SELECT run_id, 'other', chunk, outcome, detections, drafts, sha256, width, height, %s, 1"
                " FROM outcomes",
                [other.id],
            )
        said = export(warehouse, run_id, "cvat", out)
        assert [(each["task"], each["labels"], each["annotations"]) for each in said["tasks"]] == [
            (task.id, 3, 3), (other.id, 1, 1),
        ]  # fmt: skip
        assert (said["images"], said["annotations"]) == (2, 4)
        assert said["dropped"] == {"person: no label of this name": 1, "traffic light: no label of this name": 1}
        assert [image.get("name") for image in self.read(out, other).findall("image")] == [other.frames[1].name]

    def test_an_answer_of_a_person_counts(self, warehouse, cvat, task, out, tmp_path, monkeypatch):
        (tmp_path / "labels.yaml").write_text(
            '"*": {aliases: {person: ignore, car: traffic_light}, thresholds: {car: 0.945}}'
        )
        monkeypatch.setenv("FIRSTPASS_CVAT_LABELS", str(tmp_path / "labels.yaml"))
        settings.cache_clear()
        cvat_nights.Night("a run", task.id, {0: cvat_nights.boxes(0)}).save(warehouse)
        said = export(warehouse, "latest", "cvat", out)
        assert said["dropped"] == {"person: the labels file says to ignore 'person'": 1, "car: below 0.945": 1}

    def test_labels_decide_between_masks_outlines_and_boxes(self, warehouse, cvat, out):
        """What is a mask for one task is an outline for another; holes that it fills are told."""
        rings = {0: [[[list(PART), list(HOLE)]]]}
        found = {0: [(2, 0.9, (10.0, 10.0, 51.0, 41.0))]}
        tags = {}
        for number, kind in enumerate(("mask", "polygon", "rectangle", "any")):
            made = cvat.state.add_task(
                kind, labels=[{"name": "car", "type": kind}], frames=[cvat_nights.jpeg(width=100, height=50)]
            )
            night = cvat_nights.Night(f"run {kind}", made.id, found, polygons=rings, size=(100, 50))
            said = export(warehouse, night.save(warehouse), "cvat", out / str(number))
            tags[kind] = (self.read(out / str(number), made).find("image")[0].tag, said["filled"])
        assert tags == {
            "mask": ("mask", {}),
            "polygon": ("polygon", {"car": 1}),
            "rectangle": ("box", {}),
            "any": ("polygon", {"car": 1}),
        }

    def test_coordinates_are_of_the_frame_s_size(self, warehouse, cvat, task, out):
        night = cvat_nights.Night("a run", task.id, {0: [(2, 0.9, (2.0, 4.0, 20.0, 30.0))]}, size=(32, 48))
        export(warehouse, night.save(warehouse), "cvat", out)
        (image,) = self.read(out, task).findall("image")
        assert (image.get("width"), image.get("height")) == ("64", "48")
        assert [image[0].get(name) for name in ("xtl", "ytl", "xbr", "ybr")] == ["4.00", "4.00", "40.00", "30.00"]

    def test_frames_that_cannot_be_imported_are_left_out(self, warehouse, cvat, out):
        frames = [Frame(name, cvat_nights.jpeg()) for name in ("a.jpg", "a.png", "b.jpg", "gone.jpg")]
        made = cvat.state.add_task("t", labels=["car"], frames=frames, deleted_frames={3})
        night = cvat_nights.Night("a run", made.id, {n: cvat_nights.boxes(n, 2) for n in (0, 1, 2, 3, 9)})
        said = export(warehouse, night.save(warehouse), "cvat", out)
        assert said["images"] == 1
        assert said["left_out"] == {
            "another image has its name, but for what follows the last dot": 2,
            "deleted in CVAT": 1,
            "beyond the task's end": 1,
        }
