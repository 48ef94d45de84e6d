"""Reading ahead: in order, in threads, and never more in flight than was allowed."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from firstpass.contracts.detector import PreparedInput
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError
from firstpass.inference import image_reader
from firstpass.inference.image_reader import ImageReader, PreparedImage


def prepared(image) -> PreparedInput:
    return PreparedInput(image, image.shape[1], image.shape[0])


def through(refs, threads, ahead, prepare=prepared):
    with ImageReader(refs, threads, ahead) as image_reader:
        assert image_reader.load(lambda: "a network") == "a network"
        yield from image_reader.run(prepare)


def names_of_threads():
    return {thread.name.rpartition("_")[0] for thread in threading.enumerate()}


def taken(refs, taken_so_far):
    """The references, counting how many the pipeline has taken."""
    for ref in refs:
        taken_so_far.append(ref)
        yield ref


def test_images_come_in_order_whichever_is_ready_first(paint):
    refs = [paint(f"{i}.png", (i, 0, 0), (300, 300) if i % 5 == 0 else (8, 6)) for i in range(40)]
    items = list(through(refs, threads=4, ahead=16))
    assert [item.ref for item in items] == refs
    assert [int(item.prepared.pixels[0, 0, 0]) for item in items if isinstance(item, PreparedImage)] == list(range(40))


def test_no_more_than_allowed_are_in_flight(paint):
    refs = [paint(f"{i}.png", (i, 0, 0)) for i in range(20)]
    started = []
    items = through(taken(refs, started), threads=2, ahead=5)
    next(items)
    assert len(started) == 7  # one is handed over, five are in flight, one was looked at
    assert len(list(items)) == 19


@pytest.mark.parametrize("known", [True, False])
def test_big_images_wait_for_each_other(paint, monkeypatch, known):
    """Bounded by pixels, too; where the header was not read, by what such a file may hold."""
    monkeypatch.setattr(image_reader, "_PIXELS_AHEAD", 3 * 2000 * 1000)
    refs = [replace(paint(f"{i}.png", (i, 0, 0)), size=375_000) for i in range(8)]
    if known:
        refs = [replace(ref, size=1, width=1000, height=1000) for ref in refs]
    started = []
    items = through(taken(refs, started), threads=2, ahead=100)
    next(items)
    assert len(started) == 4  # handed over, two in flight, looked at
    giant = replace(refs[0], width=30_000, height=10_000)
    assert len(list(through([giant, giant], threads=2, ahead=100))) == 2  # one alone may exceed it


def test_what_the_network_takes_counts_when_it_is_larger(paint, monkeypatch):
    """Once the first input was seen: a small picture may become a thousand pixels square."""
    monkeypatch.setattr(image_reader, "_PIXELS_AHEAD", 4 * 3 * 100 * 100)
    refs = [replace(paint(f"{i}.png", (i, 0, 0)), width=8, height=6) for i in range(30)]
    started = []
    enlarged = PreparedInput(np.zeros((100, 100, 3), np.uint8), 8, 6)
    items = through(taken(refs, started), threads=2, ahead=10, prepare=lambda image: enlarged)
    taken_out = [next(items) for _ in range(15)]
    assert len(started) - len(taken_out) == 4 + 1
    assert len(list(items)) == 15


def test_reading_goes_on_while_the_network_is_loaded(paint, monkeypatch):
    """Decoded, but not yet prepared: nobody knows for what before the network is there."""
    refs = [paint(f"{i}.png", (i, 0, 0)) for i in range(8)]
    six = threading.Semaphore(0)
    decode = image_reader.decode

    def counted(data):
        six.release()
        return decode(data)

    def load():
        for _ in range(6):
            assert six.acquire(timeout=20)
        return "a network"

    monkeypatch.setattr(image_reader, "decode", counted)
    with ImageReader(refs, threads=2, ahead=6) as pipeline:
        assert pipeline.load(load) == "a network"
        assert not six.acquire(blocking=False)  # no more than allowed here, too
        assert [item.ref for item in pipeline.run(prepared)] == refs


def test_a_network_that_cannot_be_loaded_ends_it_all(paint):
    def load():
        raise FirstpassError("the weights are damaged", "copy them again")

    with pytest.raises(FirstpassError, match="damaged"), ImageReader([paint("a.png", (1, 0, 0))], 2, 4) as pipeline:
        pipeline.load(load)
    assert not names_of_threads() & {"decode", "fetch"}


def test_one_thread_loads_first_and_reads_then(paint):
    refs = [paint(f"{i}.png", (i, 0, 0)) for i in range(5)]
    assert len(list(through(refs, threads=1, ahead=3))) == 5


def test_objects_are_fetched_beside_each_other(monkeypatch):
    """Sixteen requests under way at once: the pipeline would stand still here with fewer."""
    everybody = threading.Barrier(16, timeout=20)
    data = np.zeros((4, 4, 3), np.uint8)

    def fetch(ref):
        everybody.wait()
        return b"bytes"

    monkeypatch.setattr(image_reader, "fetch", fetch)
    monkeypatch.setattr(image_reader, "decode", lambda data_: data)
    refs = [ImageRef(f"s3://b/{i}.jpg", 5, "e") for i in range(32)]
    assert len(list(through(refs, threads=2, ahead=32))) == 32


def test_what_is_no_fault_of_an_image_is_raised(paint, monkeypatch):
    def fetch(ref):
        raise ConnectionError("the network is down")

    monkeypatch.setattr(image_reader, "fetch", fetch)
    with pytest.raises(ConnectionError):
        list(through([paint("a.png", (1, 0, 0))], threads=2, ahead=4))


def test_giving_up_leaves_no_thread_behind(paint):
    refs = [paint(f"{i}.png", (i, 0, 0)) for i in range(30)]
    items = through(refs, threads=2, ahead=16)
    next(items)
    items.close()
    assert not names_of_threads() & {"decode", "fetch"}


def test_brightness_comes_along(paint):
    refs = [paint("black.png", (0, 0, 0)), paint("white.png", (255, 255, 255), (300, 200))]
    assert [item.brightness for item in through(refs, threads=1, ahead=2)] == [0.0, 255.0]
