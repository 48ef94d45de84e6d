"""Batches beside each other through the network: as many as it takes, and out in the order in which they went in."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from doubles.painted import Painted
from firstpass.contracts.detector import PreparedInput
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome
from firstpass.inference.batching import BatchRunner
from firstpass.inference.image_reader import PreparedImage
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


def ready(red):
    pixels = np.full((2, 2, 3), (red, 0, 0), np.uint8)
    return PreparedImage(ImageRef(f"file:///{red}.png", 1, "e"), "hash", 0.0, PreparedInput(pixels, 2, 2))


def network(detector, batch_size=2):
    return BatchRunner(detector, 0.0, {}, batch_size)


def uris(rows):
    return [row.ref.uri for row in rows]


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
