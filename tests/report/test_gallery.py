"""Pictures of a run: what is drawn over them, and thumbnails that are bounded."""

from __future__ import annotations

import math
from base64 import b64decode
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from firstpass.contracts.image_source import UnreadableImage
from firstpass.contracts.thresholds import Thresholds
from firstpass.report.gallery import BUDGET, DRAFTS, DrawnDraft, GalleryPicture, pictures, thumbnail
from firstpass.storage import file_uri, local_path
from firstpass.warehouse.runs import load_run
from fixtures.made_up_runs import row

NAMES = {1: "cat", 2: "größe <b>", 5: "dog"}
JPEG = "data:image/jpeg;base64,"


def noise(width: int, height: int, kind: str = "PNG") -> bytes:
    """An image that no compression makes much smaller."""
    pixels = np.random.default_rng(width).integers(0, 255, (height, width, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def opened(uri: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(uri.removeprefix(JPEG), validate=True)))


@pytest.fixture
def photo(tmp_path):
    """`photo(name)`: the row of an image on disk."""

    def make(name: str, size: tuple[int, int] = (64, 48), detections: int = 1, **other) -> dict:
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(noise(*size))
        data = path.read_bytes()
        place = {"uri": file_uri(path), "size": len(data), "sha256": sha256(data).hexdigest()}
        made = row("", "ok" if detections else "empty", detections, width=size[0], height=size[1])
        return made | place | other

    return make


@pytest.fixture
def shown(finished_run, warehouse):
    """`shown(row, …)`: the pictures of a run over these rows."""

    def show(*rows: dict, names=NAMES, limit: int = 100) -> list[GalleryPicture]:
        spec = finished_run(list(rows), thresholds=Thresholds(0.01))
        return pictures(warehouse, load_run(warehouse, spec.run_id), ["ok", "empty"], names, limit)

    return show


class TestThumbnail:
    """A JPEG inside of the page, no larger than it is to be."""

    def test_its_longer_side_has_at_most_so_many_pixels(self):
        for size, small in (((200, 100), (50, 25)), ((100, 200), (25, 50)), ((51, 50), (50, 49))):
            image = opened(thumbnail(noise(*size), 50, 10**6))
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", small)

    def test_a_small_image_is_not_made_larger(self):
        for size in ((50, 50), (3, 2), (1, 1)):
            assert opened(thumbnail(noise(*size), 50, 10**6)).size == size

    def test_a_narrow_strip_keeps_one_pixel(self):
        assert opened(thumbnail(noise(3000, 2), 100, 10**6)).size == (100, 1)

    def test_its_quality_falls_until_it_has_room_and_then_stays(self):
        data = noise(100, 100)
        at = [len(b64decode(thumbnail(data, 100, room).removeprefix(JPEG))) for room in (10**6, 1)]
        best, worst = at
        assert worst < best / 2

        def size(room: int) -> int:
            return len(b64decode(thumbnail(data, 100, room).removeprefix(JPEG)))

        assert size(best) == best, "what just has room is not made worse"
        second = size(best - 1)
        assert worst < second < best
        third = size(second - 1)
        assert worst < third < second
        assert size(third - 1) == worst == size(worst - 1), "there is no lower quality"

    def test_its_qualities_are_78_60_40_and_20(self):
        data = noise(60, 60)
        pixels = Image.open(BytesIO(data))
        sizes = []
        for quality in (78, 60, 40, 20):
            buffer = BytesIO()
            pixels.save(buffer, "JPEG", quality=quality, optimize=True)
            sizes.append(buffer.tell())
        found = [len(b64decode(thumbnail(data, 60, room).removeprefix(JPEG))) for room in (*sizes[:3], 0)]
        assert found == sizes

    def test_an_orientation_is_not_applied_because_boxes_are_in_stored_pixels(self):
        turned = Image.Exif()
        turned[0x0112] = 6  # turn it by 90° to see it upright
        buffer = BytesIO()
        Image.new("RGB", (40, 20), "red").save(buffer, "JPEG", exif=turned)
        image = opened(thumbnail(buffer.getvalue(), 100, 10**6))
        assert image.size == (40, 20)
        assert not image.getexif()

    @pytest.mark.parametrize("data", [b"", b"no image", noise(60, 60)[:900]])
    def test_what_does_not_decode_is_unreadable(self, data):
        with pytest.raises(UnreadableImage):
            thumbnail(data, 50, 10**6)


class TestPictures:
    """Images of a run with all that lies over them."""

    def test_a_run_without_images_has_no_picture(self, shown):
        assert shown() == []

    def test_a_picture_has_its_name_size_and_drafts(self, shown, photo):
        (found,) = shown(photo("a.png", detections=2, scores=[0.75, 0.25]))
        assert (found.name, found.width, found.height, found.drafts) == ("a.png", 64, 48, 2)
        assert found.uri.endswith("/photos/a.png")
        assert (found.certainty, found.missing) == (0.5, None)
        assert found.shapes == (
            DrawnDraft(1, "cat", 0.75, 10.5, 20.25, 100, 200, ()),
            DrawnDraft(2, "größe <b>", 0.25, 11.5, 21.25, 100, 200, ()),
        )
        assert opened(found.jpeg).size == (64, 48)

    def test_an_image_without_drafts_is_shown_bare(self, shown, photo):
        (found,) = shown(photo("a.png", detections=0))
        assert (found.shapes, found.drafts, found.certainty) == ((), 0, None)
        assert found.jpeg.startswith(JPEG)

    def test_a_class_without_a_name_is_called_by_its_number(self, shown, photo):
        (found,) = shown(photo("a.png", detections=3), names={5: "dog"})
        assert [shape.label for shape in found.shapes] == ["class 1", "class 2", "dog"]

    @pytest.mark.parametrize("side", ["x1", "y1", "x2", "y2"])
    @pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
    def test_a_box_with_a_side_that_is_no_number_is_counted_but_not_drawn(self, shown, photo, side, odd):
        """The others keep their own polygons."""
        polygons = [[[[1, 1, 9, 1, 9, 9]]], [[[2, 2, 8, 2, 8, 8]]], [[[3, 3, 7, 3, 7, 7]]]]
        sides = {name: [1.0, 2.0, 3.0] for name in ("x1", "y1", "x2", "y2")}
        sides[side][1] = odd
        (found,) = shown(photo("a.png", detections=3, polygons=polygons, **sides))
        assert found.drafts == 3
        assert [(shape.x, shape.outlines) for shape in found.shapes] == [
            (1, ("M1.0 1.0 9.0 1.0 9.0 9.0Z",)),
            (3, ("M3.0 3.0 7.0 3.0 7.0 7.0Z",)),
        ]

    def test_a_polygon_has_an_outline_per_part_with_its_holes_to_a_tenth_of_a_pixel(self, shown, photo):
        polygons = [[[[0.04, 0.06, 1, 2.25, 3, 4], [1, 1, 2, 1, 2, 2]], [[5, 6, 7, 8, 9, 10.96]]], []]
        (found,) = shown(photo("a.png", detections=2, polygons=polygons))
        assert [shape.outlines for shape in found.shapes] == [
            ("M0.0 0.1 1.0 2.2 3.0 4.0Z M1.0 1.0 2.0 1.0 2.0 2.0Z", "M5.0 6.0 7.0 8.0 9.0 11.0Z"),
            (),
        ]

    def test_a_crowd_is_drawn_up_to_a_hundred_and_counted_whole(self, shown, photo):
        (most,) = shown(photo("a.png", detections=DRAFTS, scores=[0.9] * DRAFTS))
        assert (len(most.shapes), most.drafts) == (100, 100)
        (more,) = shown(photo("bb.png", detections=DRAFTS + 1, scores=[n / 100 for n in range(101, 0, -1)]))
        assert (len(more.shapes), more.drafts) == (100, 101)
        assert more.shapes[-1].score == pytest.approx(2 / 100)

    def test_what_does_not_reach_the_run_s_threshold_is_no_draft(self, finished_run, warehouse, photo):
        spec = finished_run([photo("a.png", detections=2, scores=[0.75, 0.25])], thresholds=Thresholds(0.5))
        (found,) = pictures(warehouse, load_run(warehouse, spec.run_id), ["ok"], NAMES, 9)
        assert ([shape.score for shape in found.shapes], found.drafts, found.certainty) == ([0.75], 1, 0.75)

    def test_there_are_no_more_than_asked_for_in_the_order_of_the_choice(self, shown, photo):
        rows = [photo(f"{n}.png", (20 + n, 20), scores=[0.4 + n / 10]) for n in range(5)]
        first, _ = shown(*rows, limit=2)
        assert first.name == "0.png", "the least certain one comes first"
        assert shown(*rows, limit=0) == []

    def test_a_name_is_what_follows_the_last_slash_in_plain_characters(self, shown, photo):
        assert [found.name for found in shown(photo("größe 100% <b>.png"))] == ["größe 100% <b>.png"]

    def test_an_image_that_is_gone_keeps_its_drafts(self, shown, photo):
        gone = photo("gone.png", detections=2)
        local_path(gone["uri"]).unlink()
        (found,) = shown(gone)
        assert (found.jpeg, found.missing) == (None, "was listed, but is gone")
        assert len(found.shapes) == found.drafts == 2

    def test_an_image_whose_bytes_have_changed_is_not_shown_under_old_drafts(self, shown, photo):
        changed = photo("changed.png")
        local_path(changed["uri"]).write_bytes(noise(65, 48))
        (found,) = shown(changed)
        assert (found.jpeg, found.missing) == (None, "has changed since it was inferred")

    def test_bytes_that_do_not_decode_any_more_are_told(self, shown, photo):
        """The bytes are the same: whoever decoded them then knew more formats."""
        broken = photo("broken.png")
        local_path(broken["uri"]).write_bytes(b"not a picture")
        (found,) = shown(broken | {"sha256": sha256(b"not a picture").hexdigest(), "size": 13})
        assert found.jpeg is None
        assert found.missing.startswith("is not an image")

    def test_a_server_that_is_not_set_up_any_more_is_told(self, shown):
        (found,) = shown(row("cvat:task/3#7", task=3, frame=7))
        assert (found.name, found.jpeg) == ("3#7", None)
        assert "CVAT" in found.missing

    def test_an_image_of_unknown_size_has_one_pixel_to_draw_over(self, shown, photo):
        (found,) = shown(photo("a.png", width=None, height=None))
        assert (found.width, found.height) == (1, 1)

    @pytest.mark.parametrize(("count", "side"), [(48, 640), (49, 480)])
    def test_pictures_are_smaller_where_there_are_many(self, shown, photo, count, side):
        large = photo("large.png", (700, 20), scores=[0.1])
        rest = [photo(f"{n}.png", (2 + n, 2)) for n in range(count - 1)]
        found = {each.name: opened(each.jpeg).size for each in shown(large, *rest)}
        assert len(found) == count
        assert found["large.png"][0] == side

    def test_all_pictures_share_what_a_report_may_weigh(self, shown, photo, monkeypatch):
        rows = [photo(f"{n}.png", (100 + n, 100)) for n in range(4)]
        whole = sum(len(b64decode(each.jpeg.removeprefix(JPEG))) for each in shown(*rows))
        assert whole < BUDGET
        monkeypatch.setattr("firstpass.report.gallery.BUDGET", whole // 2)
        smaller = [len(b64decode(each.jpeg.removeprefix(JPEG))) for each in shown(*rows)]
        assert all(each <= whole // 2 // 4 for each in smaller)
