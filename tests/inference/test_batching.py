"""Batches beside each other through the network: as many as it takes, and out in the order in which they went in."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.painted import Painted
from firstpass.contracts.detector import PreparedInput
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome
from firstpass.inference import batching
from firstpass.inference.batching import BatchRunner, batches
from firstpass.inference.image_reader import ImageTraits, PreparedImage
from firstpass.inference.result_rows import ResultRow


class TwoStreams(Painted):
    """A Painted that may be called twice at a time; `before` is called with the red value of a batch's first image."""

    streams = 2

    def __init__(self, before) -> None:
        super().__init__()
        self.before = before

    def predict(self, batch):
        self.before(int(batch[0].pixels[0, 0, 0]))
        return super().predict(batch)


def ready(red, side=2):
    pixels = np.full((side, side, 3), (red, 0, 0), np.uint8)
    ref = ImageRef(f"file:///{red}.png", 1, "e")
    return PreparedImage(ref, ImageTraits("hash", 0.25, 6), PreparedInput(pixels, side, side))


def network(detector, batch_size=2):
    return BatchRunner(detector, 0.0, batch_size)


def uris(rows):
    return [row.ref.uri for row in rows]


ROW = ResultRow(ImageRef("file:///gone.png", 1, "e"), Outcome.MISSING, "was listed, but is gone")
# Images of two shapes, and rows of images that need no network.
ITEMS = st.lists(st.sampled_from(["small", "large", "row"]), max_size=30).map(
    lambda kinds: [ROW if kind == "row" else ready(1, 2 if kind == "small" else 3) for kind in kinds]
)


def images(batch) -> list[PreparedImage]:
    return [item for item in batch if isinstance(item, PreparedImage)]


def test_a_batch_of_giants_is_a_small_one(monkeypatch):
    monkeypatch.setattr(batching, "BYTES", 2 * ready(1, 20).prepared.pixels.nbytes)
    assert [len(batch) for batch in batches([ready(1, 20)] * 5 + [ready(1)] * 8, 8)] == [2, 2, 1, 8]


@given(ITEMS, st.integers(1, 5))
def test_batches_are_neighbours_of_one_shape_and_no_more_than_asked_for(items, size):
    made = list(batches(items, size))
    assert [item for batch in made for item in batch] == items
    for batch in made:
        assert len({item.prepared.pixels.shape for item in images(batch)}) <= 1
        assert len(images(batch)) <= size
    for batch, following in pairwise(made):
        full = len(images(batch)) == size
        assert full or images(batch)[0].prepared.pixels.shape != following[0].prepared.pixels.shape


@given(ITEMS, st.integers(1, 5), st.integers(0, 9))
def test_work_that_is_taken_up_after_a_batch_makes_the_same_ones(items, size, done):
    made = list(batches(items, size))
    done = min(done, len(made))
    left = items[sum(map(len, made[:done])) :]
    assert list(batches(left, size)) == made[done:]


def test_a_row_stays_in_the_batch_that_it_comes_in():
    one, two, other = ready(1), ready(2), ready(3, side=5)
    assert list(batches([ROW, one, ROW, two, ROW, other, ROW], 2)) == [[ROW, one, ROW, two], [ROW, other, ROW]]
    assert list(batches([one, ROW, other], 2)) == [[one, ROW], [other]]
    assert list(batches([ROW], 2)) == [[ROW]]
    assert list(batches([], 2)) == []


def test_what_a_batch_gives_is_what_reached_the_floor():
    detector = Painted()
    (rows,) = BatchRunner(detector, 0.5, 4).run([[ready(255), ready(127), ready(128)]])
    assert [row.outcome for row in rows] == [Outcome.OK, Outcome.EMPTY, Outcome.OK]
    assert (rows[0].sha256, rows[0].width, rows[0].height, rows[0].brightness) == ("hash", 2, 2, 0.25)
    assert (rows[0].orientation, rows[1].orientation) == (6, 6)
    assert (len(rows[0].detections), len(rows[1].detections), rows[0].reason) == (1, 0, None)


@pytest.mark.parametrize(("floor", "found"), [(102 / 255, True), (102.001 / 255, False)])
def test_what_scores_the_floor_is_kept(floor, found):
    ((row,),) = BatchRunner(Painted(), floor, 4).run([[ready(102)]])
    assert row.outcome == (Outcome.OK if found else Outcome.EMPTY)


def test_the_floor_of_the_detector_is_told():
    detector = Painted()
    detector.floor = 0.25
    assert BatchRunner(detector, 0.5, 4).floor == 0.25


class Failing(Painted):
    """Fails on every batch that has a picture with this red in it."""

    def __init__(self, red: int, error: Exception) -> None:
        super().__init__()
        self.red, self.error = red, error

    def predict(self, batch):
        self.batches.append([int(item.pixels[0, 0, 0]) for item in batch])
        if self.red in self.batches[-1]:
            raise self.error
        return super().predict(batch)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("OOM\nand a long trace"), "needs more memory than there is for the network: OOM"),
        (MemoryError("9 GiB"), "needs more memory than there is for the network: 9 GiB"),
        (RuntimeError("no room\nOOM"), "made the network fail: no room"),
        (ValueError(), "made the network fail: ValueError"),
        (RuntimeError("x" * 500), "made the network fail: " + "x" * 200),
    ],
)
def test_a_batch_that_fails_is_tried_image_by_image_and_the_guilty_one_says_why(error, reason, caplog):
    detector = Failing(7, error)
    rows = [
        row for batch in network(detector, 4).run([[ready(6), ready(7), ROW, ready(8)], [ready(9)]]) for row in batch
    ]
    assert [row.outcome for row in rows] == [Outcome.OK, Outcome.UNREADABLE, Outcome.MISSING, Outcome.OK, Outcome.OK]
    assert (rows[1].reason, rows[1].sha256, rows[1].width, rows[1].detections) == (reason, "hash", 2, None)
    assert (rows[1].brightness, rows[1].orientation) == (0.25, 6)
    assert [batch for batch in detector.batches if isinstance(batch[0], int)] == [[6, 7, 8], [6], [7], [8], [9]]
    assert detector.warmed == 1
    assert "the network failed on 3 image(s)" in caplog.text
    assert max(map(len, caplog.messages)) < 350


def test_of_two_images_that_fail_together_the_innocent_one_is_found_too():
    (rows,) = network(Failing(7, RuntimeError("OOM"))).run([[ready(7), ready(8)]])
    assert [row.outcome for row in rows] == [Outcome.UNREADABLE, Outcome.OK]


def test_seconds_add_up_over_the_streams():
    through = network(TwoStreams(lambda red: time.sleep(0.03)))
    assert through.seconds == 0
    list(through.run([[ready(red)] for red in range(4)]))
    assert 0.12 <= through.seconds < 2


def test_batches_are_divided_among_the_streams():
    for batch_size, share in ((16, 8), (5, 2), (1, 1)):
        detector = TwoStreams(lambda red: None)
        through = network(detector, batch_size)
        through.warm_up()
        assert (through.share, detector.warmed) == (share, share)


def test_two_batches_are_under_way_at_once():
    """This would stand still if one waited for the other."""
    together = threading.Barrier(2, timeout=20)
    detector = TwoStreams(lambda red: together.wait())
    assert len(list(network(detector).run([[ready(red)] for red in range(6)]))) == 6


def test_rows_come_in_order_whichever_batch_is_done_first():
    detector = TwoStreams(lambda red: time.sleep(0.05 if red % 2 == 0 else 0))
    missing = ResultRow(ImageRef("file:///gone.png", 1, "e"), Outcome.MISSING, "was listed, but is gone")
    given = [[ready(0)], [ready(1), ready(11)], [ready(2), missing], [missing], [ready(3)]]
    found = list(network(detector).run(given))
    assert [uris(rows) for rows in found] == [uris(batch) for batch in given]
    assert found[2][1] is found[3][0] is missing


def test_only_one_batch_more_than_streams_is_taken():
    taken = []

    def batches():
        for red in range(9):
            taken.append(red)
            yield [ready(red)]

    rows = network(TwoStreams(lambda red: None)).run(batches())
    next(rows)
    assert len(taken) == 3
    assert len(list(rows)) == 8


def test_what_a_broken_network_raises_comes_after_what_it_did_before():
    def fails(argument):
        if argument in (2, "warm up"):
            raise RuntimeError("the device is gone")

    detector = TwoStreams(fails)
    detector.warm_up = lambda batch_size: fails("warm up")
    rows = network(detector, batch_size=1).run([[ready(red)] for red in range(3)])
    assert [uris(next(rows)), uris(next(rows))] == [["file:///0.png"], ["file:///1.png"]]
    with pytest.raises(RuntimeError, match="the device is gone"):
        next(rows)


def test_giving_up_waits_for_what_is_under_way_and_leaves_no_thread_behind():
    rows = network(TwoStreams(lambda red: time.sleep(0.02))).run([[ready(red)] for red in range(9)])
    next(rows)
    rows.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("network")]
