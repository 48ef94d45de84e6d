"""The report is one page that holds all it shows, whatever the run was like."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.cvat.publishing import publications
from firstpass.cvat.publishing.publications import Publication
from firstpass.errors import FirstpassError
from firstpass.quality.checks import check_run
from firstpass.report.build import build_report
from firstpass.storage import file_uri, local_path
from fixtures.made_up_runs import VERSION, row, unreadable

EVIL = """"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7*7 }}"""


class Page(HTMLParser):
    """What a browser would make of it: the tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(uri: str) -> Page:
    return Page(Path(uri).read_text())


@pytest.fixture
def photo(tmp_path):
    """`photo(name)`: a picture on disk, and the fields of its row."""

    def make(name: str, size: tuple[int, int] = (640, 480)) -> dict:
        path = tmp_path / name
        pixels = np.random.default_rng(len(name)).integers(0, 255, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path)
        data = path.read_bytes()
        return {
            "uri": file_uri(path),
            "size": len(data),
            "sha256": sha256(data).hexdigest(),
            "width": size[0],
            "height": size[1],
        }

    return make


def drawn(photo, name: str, detections: int = 1, **other):
    return row("", detections=detections) | photo(name) | other


def test_the_verdict_comes_first_then_the_pictures(finished_run, photo):
    spec = finished_run([drawn(photo, "a b.jpg", 2)])
    check_run(spec.run_id)
    found = page(build_report(spec.run_id))
    assert found.text.index("2 drafts on 1 image") < found.text.index("Pictures")
    assert "checks hold, " in found.text


def test_boxes_lie_over_the_picture_in_its_own_pixels(finished_run, photo):
    spec = finished_run([drawn(photo, "zwei große.png", 2)])
    found = page(build_report(spec.run_id))
    rects = [attrs for tag, attrs in found.tags if tag == "rect" and "x" in attrs and attrs["x"] == "10.5"]
    assert rects[0]["y"] == "20.2"
    assert float(rects[0]["width"]) == pytest.approx(100)
    assert ("svg", "0 0 640 480") in [(tag, attrs.get("viewbox")) for tag, attrs in found.tags]
    assert any(tag == "img" and attrs["src"].startswith("data:image/jpeg") for tag, attrs in found.tags)
    assert "zwei große.png" in found.text


def test_nothing_comes_from_elsewhere(finished_run, photo):
    spec = finished_run([drawn(photo, "a.png")])
    check_run(spec.run_id)
    for tag, attrs in page(build_report(spec.run_id)).tags:
        for name in ("src", "href", "action", "data", "poster"):
            value = attrs.get(name) or ""
            assert value.startswith(("data:", "#", "data_docs/")) or not value, (tag, name, value)


def test_a_hostile_class_name_is_only_text(finished_run, photo):
    version = replace(VERSION, classes=ClassTable((ModelClass(1, EVIL),)), version="e" * 12)
    spec = finished_run(
        [drawn(photo, "a.png"), unreadable(f"file:///photos/{EVIL}", reason=EVIL)], version=version, run_id=EVIL
    )
    check_run(spec.run_id)
    found = page(build_report(spec.run_id))
    assert EVIL in found.text
    assert not [tag for tag, attrs in found.tags if "onerror" in attrs]
    assert "alert(1)" not in "".join(
        re.findall(r"<script[^>]*>(.*?)</script>", Path(build_report(spec.run_id)).read_text(), re.DOTALL)
    )
    docs = Path(build_report(spec.run_id)).parent / "data_docs"
    for path in docs.glob("*.html"):
        assert not [attrs for tag, attrs in page(str(path)).tags if tag == "script" or "onerror" in attrs], path.name


def test_quarantined_images_are_listed_with_the_reason(finished_run):
    spec = finished_run([unreadable("file:///photos/torn.jpg", "is damaged or cut short")])
    check_run(spec.run_id)
    found = page(build_report(spec.run_id))
    assert "No image could be read" in found.text
    assert "torn.jpg" in found.text
    assert "is damaged or cut short" in found.text


def test_a_run_with_nothing_new_says_so_and_shows_the_known_drafts(finished_run, photo):
    rows = [drawn(photo, "a.png")]
    finished_run(rows)
    spec = finished_run([], decided=[r | {"outcome": "known"} for r in rows])
    found = page(build_report(spec.run_id))
    assert "Nothing new" in found.text
    assert any(tag == "img" for tag, _ in found.tags)


def test_a_run_without_an_image_is_checked_and_has_a_report(finished_run):
    spec = finished_run([])
    assert check_run(spec.run_id).state == "nothing to check"
    found = page(build_report(spec.run_id)).text
    assert "There were no images" in found
    assert "There was no image and no draft to check." in found


def test_the_first_run_ever_has_nothing_to_compare_with(finished_run, photo):
    spec = finished_run([drawn(photo, "a.png")])
    check_run(spec.run_id)
    found = page(build_report(spec.run_id)).text
    assert "There is nothing to compare with yet" in found


def test_the_second_run_says_what_changed(finished_run, photo):
    check_run(finished_run([drawn(photo, f"{n}.png", 2) for n in range(3)]).run_id)
    spec = finished_run([drawn(photo, f"new {n}.png", 4) for n in range(2)])
    check_run(spec.run_id)
    found = page(build_report(spec.run_id)).text
    assert "Images inferred 2 3" in found
    assert "Drafts per image 4.00 2.00" in found
    for title in ("Mix of classes", "Scores", "Drafts per image", "Size of boxes"):
        assert title in found


def test_numbers_that_are_none_break_no_page(finished_run, photo):
    odd = {"scores": [math.nan, 0.5], "x1": [math.nan, 1], "x2": [math.inf, 9], "y2": [-math.inf, 9]}
    spec = finished_run([drawn(photo, "odd.png", 2, **odd), drawn(photo, "plain.png")])
    assert check_run(spec.run_id).state == "failed"
    found = page(build_report(spec.run_id))
    assert "These drafts are held back" in found.text
    drawings = [(attrs["x"], attrs["width"]) for tag, attrs in found.tags if tag == "rect" and "x" in attrs]
    assert {("1.0", "8.0"), ("10.5", "100.0")} <= set(drawings)
    assert "nan" not in str(drawings), "what has no place is not drawn"


def test_a_polygon_that_crosses_itself_is_drawn_and_told(finished_run, photo):
    bow_tie = [10.0, 10.0, 100.0, 100.0, 100.0, 10.0, 10.0, 100.0]
    spec = finished_run([drawn(photo, "a.png", polygons=[[[bow_tie]]])])
    assert check_run(spec.run_id).state == "warnings"
    found = page(build_report(spec.run_id))
    assert "No polygon's outline crosses or touches itself." in found.text
    assert outlines(found) == ["M10.0 10.0 100.0 100.0 100.0 10.0 10.0 100.0Z"]


def outlines(found: Page) -> list[str | None]:
    """Those that lie over the pictures, one per shape."""
    inside = [n for n, (tag, attrs) in enumerate(found.tags) if tag == "g" and attrs.get("class") == "shape"]
    return [found.tags[n + 1][1]["d"] for n in inside if found.tags[n + 1][0] == "path"]


def test_a_hole_is_left_open_in_the_picture(finished_run, photo):
    ring, hole = [10.0, 10.0, 100.0, 10.0, 100.0, 100.0, 10.0, 100.0], [40.0, 40.0, 60.0, 40.0, 60.0, 60.0]
    uri = build_report(finished_run([drawn(photo, "a.png", polygons=[[[ring, hole]]])]).run_id)
    (path,) = outlines(page(uri))
    assert path == "M10.0 10.0 100.0 10.0 100.0 100.0 10.0 100.0Z M40.0 40.0 60.0 40.0 60.0 60.0Z"
    assert re.search(r"\.shape path \{[^}]*fill-rule: evenodd", Path(uri).read_text())


def test_what_does_not_reach_the_threshold_is_neither_counted_nor_drawn(finished_run, photo):
    spec = finished_run([drawn(photo, "a.png", 2, scores=[0.3, 0.2999]), drawn(photo, "bb.png", scores=[0.2])])
    found = page(build_report(spec.run_id))
    assert "1 draft on 2 images" in found.text
    assert "New drafts 1 Without draft 1" in found.text
    assert [attrs["data-drafts"] for _, attrs in found.tags if "data-drafts" in attrs] == ["1", "0"]
    assert len([1 for tag, attrs in found.tags if tag == "g" and attrs.get("class") == "shape"]) == 1


def tidy(uri: str) -> str:
    """The text, without the spaces that tags leave before full stops and colons."""
    return re.sub(r" ([.:])", r"\1", page(uri).text)


def test_predictions_of_an_older_revision_can_be_renewed(finished_run, photo):
    known = [drawn(photo, f"{n * 'a'}.png") for n in range(1, 4)]
    finished_run(known, revision=1)
    spec = finished_run([drawn(photo, "new!.png")], decided=[each | {"outcome": "known"} for each in known[:2]])
    words = "2 images have predictions of an older revision of this kind of model: run with --reprocess to renew them."
    assert words in tidy(build_report(spec.run_id))
    spec = finished_run([], decided=[known[0] | {"outcome": "known"}])
    words = "1 image has a prediction of an older revision of this kind of model: run with --reprocess to renew it."
    assert words in tidy(build_report(spec.run_id))


def test_predictions_from_a_higher_floor_can_be_renewed(finished_run, photo):
    known = [drawn(photo, f"{n * 'a'}.png") for n in range(1, 3)]
    finished_run(known, floor=0.2)
    decided = [each | {"outcome": "known"} for each in known]
    for many, words in (
        (2, "2 images have predictions that are stored from a higher score up than this run's floor 0.15:"),
        (1, "1 image has a prediction that is stored from a higher score up than this run's floor 0.15:"),
    ):
        found = tidy(build_report(finished_run([], decided=decided[:many]).run_id))
        assert f"{words} run with --reprocess to store the rest." in found


def test_where_nothing_can_be_renewed_nothing_is_offered(finished_run, photo):
    known = drawn(photo, "a.png")
    finished_run([known])
    spec = finished_run([drawn(photo, "bb.png")], decided=[known | {"outcome": "known"}])
    assert "--reprocess" not in tidy(build_report(spec.run_id))


def test_what_was_filled_and_by_which_threshold_is_told(finished_run, warehouse, photo):
    spec = finished_run([drawn(photo, "a.png")])
    told = Publication(spec.run_id, "https://cvat.example.org", 12, spec.model, "published", threshold=0.3)
    told.filled.update({"cat": 1, "größe <b>": 1200})
    publications.save(warehouse, told)
    found = tidy(build_report(spec.run_id))
    assert "holes filled in 1 draft of cat: its label takes polygons" in found
    assert "holes filled in 1,200 drafts of größe <b>: its label takes polygons" in found
    assert "Drafts from a score of" not in found, "it is the run's own"
    told.threshold = 0.45
    publications.save(warehouse, told)
    assert "Drafts from a score of 0.45 up: 0 shapes in the task" in tidy(build_report(spec.run_id))


def test_a_publication_of_an_earlier_release_says_nothing_of_it(finished_run, warehouse, photo):
    spec = finished_run([drawn(photo, "a.png")])
    publications.save(warehouse, Publication(spec.run_id, "https://cvat.example.org", 12, spec.model, "published"))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE publications SET counts = counts - 'filled' - 'threshold'")
    found = tidy(build_report(spec.run_id))
    assert "0 shapes in the task" in found
    assert "holes filled" not in found
    assert "Drafts from a score of" not in found


def test_a_picture_that_is_gone_or_changed_is_said_to_be(finished_run, photo):
    gone, changed = drawn(photo, "gone.png"), drawn(photo, "changed!.png")
    spec = finished_run([gone, changed])
    local_path(gone["uri"]).unlink()
    Image.new("RGB", (5, 5)).save(local_path(changed["uri"]))
    found = page(build_report(spec.run_id))
    assert not [tag for tag, _ in found.tags if tag == "img"]
    assert "was listed, but is gone" in found.text
    assert "has changed since it was inferred" in found.text


def test_a_model_with_many_classes(finished_run, photo):
    classes = tuple(ModelClass(n, f"class number {n}") for n in range(1, 1201))
    version = replace(VERSION, classes=ClassTable(classes), version="f" * 12)
    many = {
        "class_ids": list(range(1, 1201)),
        "scores": [0.9] * 1200,
        "x1": [1.0] * 1200,
        "y1": [1.0] * 1200,
        "x2": [9.0] * 1200,
        "y2": [9.0] * 1200,
    }
    check_run(finished_run([drawn(photo, "a.png", 1200, **many)], version=version).run_id)
    spec = finished_run([drawn(photo, "bb.png", 1200, **many)], version=version)
    assert check_run(spec.run_id).state == "warnings"  # 1,200 boxes on one image
    found = page(build_report(spec.run_id))
    assert "class number 1200" in found.text
    assert "1188 more" in found.text, "the plot of the drift is bounded"
    assert len([1 for tag, attrs in found.tags if tag == "g" and attrs.get("class") == "shape"]) == 100


def test_the_timeline_names_nodes_and_attempts(finished_run, warehouse, photo):
    spec = finished_run([drawn(photo, "a.png")])
    marker = {"host": "gpu-node-7", "ended_at": "2026-02-01T02:10:00+00:00", "attempt": 3, "resumed": 1}
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE chunks SET marker = %s", [json.dumps(marker)])
        cursor.execute(
            "INSERT INTO chunks (run_id, chunk, state, images, reason) VALUES (%s, 1, 'failed', 9, 'the node died')",
            [spec.run_id],
        )
    found = page(build_report(spec.run_id)).text
    assert found.count("gpu-node-7") == 3, "in the timeline, beside its lane and as a tooltip, and in the table"
    assert "tried more than once" in found
    assert "3 went on after 1" in found
    assert "failed the node died" in found


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ("cvat:task/7", "originals; reading them took 3 s"),
        ("cvat:task/7?quality=compressed", "compressed, as the browser shows them; reading them took 3 s"),
        ("/photos", None),
    ],
)
def test_what_the_quality_of_frames_costs(finished_run, warehouse, photo, images, words):
    spec = finished_run([row(**photo("a.png"))], images=images)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE chunks SET marker = marker || '{\"fetch_seconds\": 2.9}'")
    check_run(spec.run_id)
    found = page(build_report(spec.run_id)).text
    assert ("Frames" in found) == bool(words)
    assert (words or "") in found
    assert "%" not in found.partition("Frames")[2].partition(".")[0], "no figure of ours on a customer's page"


def test_an_unknown_run_is_a_clear_error(warehouse, storage_home):
    with pytest.raises(FirstpassError, match="no run 'nope'"):
        build_report("nope")
