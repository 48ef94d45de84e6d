"""Reading ahead: in order, in threads, and never more in flight than was allowed."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from firstpass import storage
from firstpass.contracts.detector import PreparedInput, UnfitImage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError
from firstpass.inference import image_reader
from firstpass.inference.image_reader import ImageReader, PreparedImage
from firstpass.inference.result_rows import ResultRow
from firstpass.settings import settings


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
@pytest.mark.parametrize(("room", "in_flight"), [(2 * 3 * 1000 * 1000, 2), (2 * 3 * 1000 * 1000 - 1, 1)])
def test_big_images_wait_for_each_other(paint, monkeypatch, known, room, in_flight):
    """Bounded by bytes of pixels, too; where the header was not read, by eight for each stored one."""
    monkeypatch.setattr(image_reader, "BYTES_AHEAD", room)
    refs = [replace(paint(f"{i}.png", (i, 0, 0)), size=375_000) for i in range(8)]
    if known:
        refs = [replace(ref, size=1, width=1000, height=1000) for ref in refs]
    started = []
    items = through(taken(refs, started), threads=2, ahead=100)
    next(items)
    assert len(started) == 1 + in_flight + 1  # handed over, in flight, looked at
    giant = replace(refs[0], width=30_000, height=10_000)
    assert len(list(through([giant, giant], threads=2, ahead=100))) == 2  # one alone may exceed it


@pytest.fixture
def allowed(monkeypatch):
    """Set the setting max_image_memory, and what may be read ahead to the same."""

    def set_to(size: int) -> None:
        monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_MEMORY", str(size))
        monkeypatch.setattr(image_reader, "BYTES_AHEAD", size)
        settings.cache_clear()

    yield set_to
    settings.cache_clear()


@pytest.mark.parametrize(("room", "at_once"), [(2 * 7, 2), (2 * 7 - 1, 1), (3 * 7, 3)])
def test_threads_do_not_decode_more_at_once_than_memory_allows(paint, monkeypatch, allowed, room, at_once):
    """Whatever was known of their size before: a PNG of this kind needs 7 bytes a pixel."""
    decode, lock, now, most = image_reader.decode, threading.Lock(), 0, 0

    def watched(data):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)  # for others to come, if they may
        try:
            return decode(data)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(image_reader, "decode", watched)
    allowed(room * 400 * 400)
    refs = [replace(paint(f"{i}.png", (i, 0, 0), (400, 400)), width=1, height=1) for i in range(12)]
    small = PreparedInput(np.zeros((1, 1, 3), np.uint8), 400, 400)
    assert len(list(through(refs, threads=4, ahead=100, prepare=lambda image: small))) == 12
    assert most == at_once


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_images_that_fill_memory_while_the_network_is_loaded_come_through(paint, allowed, threads):
    """Decoders wait for room that only handing over makes, and what they decoded still has to be prepared."""
    allowed(7 * 400 * 400)
    refs = [replace(paint(f"{i}.png", (i, 0, 0), (400, 400)), width=1, height=1) for i in range(10)]
    with ImageReader(refs, threads, ahead=10) as reader:
        reader.load(lambda: time.sleep(0.05))
        assert [item.ref for item in reader.run(prepared)] == refs


def test_leaving_does_not_wait_for_room(paint, allowed):
    allowed(7 * 400 * 400)
    refs = [replace(paint(f"{i}.png", (i, 0, 0), (400, 400)), width=1, height=1) for i in range(10)]
    items = through(refs, threads=4, ahead=10)
    next(items)
    items.close()
    assert not names_of_threads() & {"decode", "prepare", "fetch"}


@pytest.mark.parametrize("half", [{"width": 1000}, {"height": 1000}])
def test_half_a_header_is_none(paint, monkeypatch, half):
    monkeypatch.setattr(image_reader, "BYTES_AHEAD", 2 * 8 * 1000)
    refs = [replace(paint(f"{i}.png", (i, 0, 0)), size=1000, **half) for i in range(8)]
    started = []
    items = through(taken(refs, started), threads=2, ahead=100)
    next(items)
    assert len(started) == 4
    items.close()


def test_files_are_read_where_they_are_decoded_and_all_else_beside_it(paint, monkeypatch):
    fetch, threads = image_reader.fetch, {}

    def watched(ref):
        threads[ref.uri] = threading.current_thread().name.rpartition("_")[0]
        return fetch(replace(ref, uri=ref.uri.replace("other://", "file://")))

    monkeypatch.setattr(image_reader, "fetch", watched)
    local = paint("a.png", (1, 0, 0))
    remote = replace(local, uri=local.uri.replace("file://", "other://"))
    assert len(list(through([local, remote], threads=1, ahead=4))) == 2
    assert threads == {local.uri: "decode", remote.uri: "fetch"}


def test_what_the_network_takes_counts_when_it_is_larger(paint, monkeypatch):
    """Once the first input was seen: a small picture may become a thousand pixels square."""
    monkeypatch.setattr(image_reader, "BYTES_AHEAD", 4 * 3 * 100 * 100)
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
    assert not names_of_threads() & {"decode", "prepare", "fetch"}


def test_one_thread_loads_first_and_reads_then(paint):
    refs = [paint(f"{i}.png", (i, 0, 0)) for i in range(5)]
    assert len(list(through(refs, threads=1, ahead=3))) == 5


def test_objects_are_fetched_beside_each_other(monkeypatch):
    """Sixteen requests under way at once: the pipeline would stand still here with fewer."""
    everybody = threading.Barrier(16, timeout=20)
    buffer = BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")

    def fetch(ref):
        everybody.wait()
        return buffer.getvalue()

    monkeypatch.setattr(image_reader, "fetch", fetch)
    refs = [ImageRef(f"s3://b/{i}.jpg", 5, "e") for i in range(32)]
    items = list(through(refs, threads=2, ahead=32))
    assert [isinstance(item, PreparedImage) for item in items] == [True] * 32


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
    assert not names_of_threads() & {"decode", "prepare", "fetch"}


def test_a_prepared_image_has_the_hash_of_its_bytes(paint):
    ref = paint("a.png", (9, 0, 0))
    (item,) = through([ref], threads=1, ahead=2)
    assert item.traits.sha256 == hashlib.sha256(storage.read(ref.uri)).hexdigest()
    assert (item.ref, item.prepared.width, item.prepared.height) == (ref, 8, 6)


class TestWhatCannotBeRead:
    """A row in place of an image, which says why; the others go on."""

    def row(self, refs, prepare=prepared) -> ResultRow:
        row, after = through(refs, threads=2, ahead=4, prepare=prepare)
        assert isinstance(after, PreparedImage)
        return row

    def test_is_missing(self, paint):
        gone = ImageRef("file:///nowhere/gone.png", 5, "e")
        assert self.row([gone, paint("a.png", (1, 0, 0))]) == ResultRow(
            gone, Outcome.MISSING, "was listed, but is gone"
        )

    def test_is_no_image(self, paint):
        text = paint("text.jpg", b"only text")
        row = self.row([text, paint("a.png", (1, 0, 0))])
        assert (row.ref, row.outcome, row.sha256) == (
            text,
            Outcome.UNREADABLE,
            hashlib.sha256(b"only text").hexdigest(),
        )
        assert "is not an image" in row.reason

    def test_is_too_large_to_be_fetched(self, paint):
        giant = ImageRef("s3://b/giant.tif", 2**40, "e")
        row = self.row([giant, paint("a.png", (1, 0, 0))])
        assert (row.outcome, row.sha256) == (Outcome.UNREADABLE, None)
        assert "FIRSTPASS_MAX_IMAGE_BYTES" in row.reason

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (UnfitImage("is thinner than the network's stride"), "is thinner than the network's stride"),
            (MemoryError("no room for 9 GiB"), "needs more memory than there is: no room for 9 GiB"),
            (MemoryError(), "needs more memory than there is"),
        ],
    )
    def test_does_not_fit_the_network(self, paint, error, reason):
        def prepare(image):
            if image[0, 0, 0] == 7:
                raise error
            return prepared(image)

        unfit = paint("unfit.png", (7, 0, 0))
        row = self.row([unfit, paint("a.png", (1, 0, 0))], prepare)
        digest = hashlib.sha256(storage.read(unfit.uri)).hexdigest()
        assert row == ResultRow(unfit, Outcome.UNREADABLE, reason, digest)

    def test_does_not_fit_into_memory(self, paint, monkeypatch):
        decode = image_reader.decode
        small = paint("a.png", (1, 0, 0))
        data = storage.read(small.uri)
        monkeypatch.setattr(
            image_reader, "decode", lambda found: decode(found) if found == data else (_ for _ in ()).throw(MemoryError)
        )
        row = self.row([paint("b.png", (2, 0, 0)), small])
        assert (row.outcome, row.reason) == (Outcome.UNREADABLE, "needs more memory than there is")


@pytest.mark.parametrize("error", [ValueError("a defect"), KeyboardInterrupt()])
def test_a_defect_of_the_network_s_preparation_is_raised(paint, error):
    def prepare(image):
        raise error

    with pytest.raises(type(error)):
        list(through([paint("a.png", (1, 0, 0))], threads=1, ahead=2, prepare=prepare))


def test_seconds_of_reading_add_up_in_whichever_thread(paint, monkeypatch):
    fetch = image_reader.fetch

    def slow(ref):
        time.sleep(0.02)
        return fetch(replace(ref, uri=ref.uri.replace("s3://", "file:///")))

    monkeypatch.setattr(image_reader, "fetch", slow)
    refs = [paint(f"{i}.png", (i, 0, 0)) for i in range(6)]
    remote = [replace(ref, uri=ref.uri.replace("file:///", "s3://")) for ref in refs[:3]]
    with ImageReader([*refs[3:], *remote], threads=2, ahead=8) as pipeline:
        pipeline.load(lambda: None)
        assert len(list(pipeline.run(prepared))) == 6
    assert 6 * 0.02 <= pipeline.fetch_seconds < 2


def test_seconds_of_decoding_are_those_of_the_cpu(paint, monkeypatch):
    decode = image_reader.decode

    def busy(data):
        time.sleep(0.02)
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        return decode(data)

    def prepare(image):
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        return prepared(image)

    monkeypatch.setattr(image_reader, "decode", busy)
    with ImageReader([paint(f"{i}.png", (i, 0, 0)) for i in range(4)], threads=1, ahead=8) as pipeline:
        pipeline.load(lambda: None)
        list(pipeline.run(prepare))
    assert 0.08 <= pipeline.decode_seconds < 0.2


def test_without_images_there_is_still_a_network_to_load():
    assert list(through([], threads=1, ahead=2)) == []


def test_brightness_comes_along(paint):
    refs = [paint("black.png", (0, 0, 0)), paint("white.png", (255, 255, 255), (300, 200))]
    assert [item.traits.brightness for item in through(refs, threads=1, ahead=2)] == [0.0, 255.0]


def test_so_does_the_orientation_and_the_pixels_stay_as_they_are_stored(paint):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    Image.new("RGB", (10, 4)).save(buffer, "JPEG", exif=exif)
    turned, plain = through([paint("turned.jpg", buffer.getvalue()), paint("plain.png", (0, 0, 0))], threads=1, ahead=2)
    assert (turned.traits.orientation, plain.traits.orientation) == (6, 1)
    assert (turned.prepared.width, turned.prepared.height) == (10, 4)
