"""One chunk in, one Parquet file out: every image has a row, equal chunks give equal bytes, nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import platform
import threading
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pyarrow.parquet as pq
import pytest
from PIL import Image

from firstpass import storage
from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError
from firstpass.images.folder import FOLDER
from firstpass.inference import image_reader, passes, process
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.chunk_inference import done_marker, infer
from firstpass.inference.image_reader import ImageReader
from firstpass.inference.result_rows import ResultRow
from firstpass.settings import settings
from fixtures.made_up_runs import VERSION


def result(chunk) -> list[dict]:
    table = pq.read_table(BytesIO(storage.read(chunk.output_uri)))
    assert table.schema.equals(RESULT)
    return table.to_pylist()


def test_every_image_has_a_row_in_the_order_of_the_manifest(network, paint, chunk):
    images = [
        paint("found.png", (200, 0, 0)),
        paint("text.jpg", b"only text"),
        paint("empty.png", (10, 0, 0)),
        ImageRef("file:///nowhere/gone.png", 5, "e"),
        paint("zero.jpg", b""),
        paint("fails.png", (0, 255, 0)),
        paint("nan.png", (200, 0, 255)),
        paint("large.png", (255, 0, 0), (100, 50)),
    ]
    made, uri = chunk(images)
    marker = infer(uri)
    rows = result(made)
    assert [row["uri"] for row in rows] == [image.uri for image in images]
    assert [row["outcome"] for row in rows] == [
        "ok",
        "unreadable",
        "empty",
        "missing",
        "unreadable",
        "unreadable",
        "empty",
        "ok",
    ]
    assert rows[0]["scores"] == [pytest.approx(200 / 255)]
    assert (rows[0]["class_ids"], rows[0]["x2"], rows[0]["polygons"]) == ([1], [1.0], None)
    assert (rows[7]["width"], rows[7]["height"]) == (100, 50)
    assert rows[0]["sha256"] == hashlib.sha256(storage.read(images[0].uri)).hexdigest()
    assert rows[0]["reason"] is None
    assert "not an image" in rows[1]["reason"]
    assert rows[1]["sha256"] == hashlib.sha256(b"only text").hexdigest()
    assert rows[3]["reason"] == "was listed, but is gone"
    assert rows[3]["sha256"] is None
    assert rows[5]["reason"] == "needs more memory than there is for the network: OOM when allocating tensor"
    assert marker["rows"] == 8
    assert marker["detections"] == 2
    assert list(marker["outcomes"].items()) == [("empty", 2), ("missing", 1), ("ok", 2), ("unreadable", 3)]
    assert marker["sha256"] == hashlib.sha256(storage.read(made.output_uri)).hexdigest()
    assert json.loads(storage.read(made.done_uri)) == marker


def test_all_from_the_floor_on_is_stored(network, paint, chunk):
    images = [paint(f"{red}.png", (red, 0, 0)) for red in (101, 102, 103, 255)]
    made, uri = chunk(images, floor=102 / 255)
    infer(uri)
    assert [row["outcome"] for row in result(made)] == ["empty", "ok", "ok", "ok"]
    made, uri = chunk(images, floor=0.01)
    infer(uri)
    assert [row["outcome"] for row in result(made)] == ["ok"] * 4


def test_the_network_is_loaded_for_the_floor_of_the_chunk(network, paint, chunk, monkeypatch):
    asked = []
    load = passes.load_detector
    monkeypatch.setattr(passes, "load_detector", lambda *given: asked.append(given) or load(*given))
    made, uri = chunk([paint("a.png", (200, 0, 0))], floor=0.125)
    infer(uri)
    assert asked == [(made.model_uri, 0.125)]


@pytest.mark.parametrize("planned", [1, 3])
def test_a_chunk_of_another_revision_of_the_kind_is_not_inferred(network, paint, chunk, planned):
    """Else half of a night would be found by one release and half by another."""
    made, uri = chunk([paint("a.png", (200, 0, 0))], revision=planned)
    with pytest.raises(
        FirstpassError, match=rf"chunk 0 was planned for revision {planned} of tfod_frozen_graph, here is 2"
    ) as error:
        infer(uri)
    assert "plan_chunks" in error.value.fix
    assert network.batches == []
    assert not storage.exists(made.done_uri)


def test_the_exif_orientation_is_stored_and_not_applied(network, paint, chunk):
    def photo(orientation: int | None) -> bytes:
        exif = Image.Exif()
        if orientation is not None:
            exif[0x0112] = orientation
        buffer = BytesIO()
        Image.new("RGB", (10, 4), (200, 0, 0)).save(buffer, "JPEG", exif=exif)
        return buffer.getvalue()

    images = [paint(f"{i}.jpg", photo(orientation)) for i, orientation in enumerate([None, 1, 6, 8, 9])]
    made, uri = chunk([*images, paint("text.jpg", b"only text")])
    infer(uri)
    rows = result(made)
    assert [row["orientation"] for row in rows] == [1, 1, 6, 8, 1, None]
    assert {(row["width"], row["height"]) for row in rows[:5]} == {(10, 4)}


def test_batches_are_neighbours_of_one_shape(network, paint, chunk):
    sizes = [(8, 6)] * 6 + [(6, 8)] * 3 + [(8, 6)]
    _, uri = chunk([paint(f"{i}.png", (i, 0, 0), size) for i, size in enumerate(sizes)])
    infer(uri)
    assert network.warmed == 4
    assert [len(batch) for batch in network.batches] == [4, 2, 3, 1]
    assert all(len(set(batch)) == 1 for batch in network.batches)


def test_equal_chunks_give_equal_bytes(network, paint, chunk, tmp_path):
    images = [paint(f"{i}.png", (i, 0, 0)) for i in range(10)]
    made, uri = chunk(images)
    infer(uri)
    first = storage.read(made.output_uri)
    storage.delete(made.done_uri)
    infer(uri)
    assert storage.read(made.output_uri) == first


def test_a_chunk_that_is_done_is_left_alone(network, paint, chunk):
    _, uri = chunk([paint("a.png", (200, 0, 0))])
    marker = infer(uri)
    assert infer(uri) == marker
    assert len(network.batches) == 1


@pytest.mark.parametrize("damage", ["result lost", "result changed", "marker damaged", "planned anew"])
def test_a_chunk_that_only_looks_done_is_done_again(network, paint, chunk, damage):
    images = [paint("a.png", (200, 0, 0)), paint("b.png", (1, 0, 0))]
    made, uri = chunk(images)
    infer(uri)
    if damage == "result lost":
        storage.delete(made.output_uri)
    elif damage == "result changed":
        storage.write(made.output_uri, b"PAR1")
    elif damage == "marker damaged":
        storage.write(made.done_uri, b"{")
    else:
        made, uri = chunk(images, floor=0.001)
    infer(uri)
    assert len(network.batches) == 2
    assert [row["outcome"] for row in result(made)] == ["ok", "ok" if damage == "planned anew" else "empty"]


def test_a_network_that_is_broken_stops_the_chunk(network, paint, chunk):
    """Else a lost GPU would quarantine every image of the night."""
    made, uri = chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(4)])
    predict = network.predict

    def lost(batch):
        network.broken = True
        return predict(batch)

    network.predict = lost
    with pytest.raises(RuntimeError, match="the device is gone"):
        infer(uri)
    assert not storage.exists(made.done_uri)


def test_storage_that_cannot_be_written_says_what_to_do(network, paint, chunk, monkeypatch):
    made, uri = chunk([paint("a.png", (200, 0, 0))])
    write = storage.write

    def full(uri, data):
        if uri == made.output_uri:
            raise FirstpassError("cannot write: No space left on device", "free space")
        write(uri, data)

    monkeypatch.setattr(storage, "write", full)
    with pytest.raises(FirstpassError, match="No space left"):
        infer(uri)
    monkeypatch.undo()
    assert not storage.exists(made.done_uri)


@pytest.mark.parametrize("denied", [1, 2])
def test_a_bucket_that_denies_everything_is_no_night_of_missing_images(network, paint, chunk, monkeypatch, denied):
    images = [ImageRef(f"s3://b/{i}.png", 5, "e") for i in range(2)]
    made, uri = chunk(images)
    read = storage.read
    pixels = read(paint("a.png", (200, 0, 0)).uri)

    def refuse(uri):
        if uri in [image.uri for image in images[:denied]]:
            raise PermissionError(uri)
        return pixels if uri.startswith("s3://") else read(uri)

    monkeypatch.setattr(storage, "read", refuse)
    if denied == 1:
        assert infer(uri)["outcomes"] == {"missing": 1, "ok": 1}
        return
    for _ in range(2):
        with pytest.raises(FirstpassError, match="access denied to each of the 2 images") as error:
            infer(uri)
    assert "s3:GetObject" in error.value.fix
    assert not storage.exists(made.done_uri)


def test_the_marker_says_where_the_time_went_and_on_what(network, paint, chunk, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "gpu-node-7")
    network.seconds = 0.03
    made, uri = chunk([paint(f"{i}.png", (200, 0, 0), (10, 20 + 10 * i)) for i in range(2)], batch_size=2)
    marker = infer(uri)
    assert marker.keys() == {
        *("chunk", "sha256", "rows", "detections", "outcomes", "pixels", "seconds", "load_seconds", "fetch_seconds"),
        *("decode_seconds", "infer_seconds", "images_per_second", "resumed", "batch_size", "attempt", "ended_at"),
        *("host", "device", "gpus_asked", "waited_seconds", "killers", "limits"),
    }
    assert (marker["gpus_asked"], marker["waited_seconds"]) == (0, 0.0)
    assert (marker["chunk"], marker["host"], marker["device"]) == (made.checksum, "gpu-node-7", "cpu")
    assert (marker["pixels"], marker["resumed"], marker["batch_size"], marker["attempt"]) == (250.0, 0, 2, 1)
    assert 0.06 <= marker["infer_seconds"] <= marker["seconds"] < 5
    assert 0 < marker["images_per_second"] <= 2 / 0.06
    assert 0 <= marker["load_seconds"] < marker["seconds"] - 0.06 + 0.001
    assert datetime.fromisoformat(marker["ended_at"]).utcoffset() == timedelta(0)
    assert abs(datetime.fromisoformat(marker["ended_at"]) - datetime.now(UTC)) < timedelta(seconds=5)
    monkeypatch.delenv("NODE_NAME")
    storage.delete(made.done_uri)
    assert infer(uri)["host"] == platform.node()


def test_loading_is_no_part_of_the_rate(network, paint, chunk, monkeypatch):
    def slow(uri, floor):
        time.sleep(0.1)
        return VERSION, network

    monkeypatch.setattr(passes, "load_detector", slow)
    _, uri = chunk([paint(f"{i}.png", (200, 0, 0)) for i in range(4)])
    marker = infer(uri)
    assert marker["load_seconds"] >= 0.1
    assert 4 / marker["images_per_second"] < marker["seconds"] - 0.1 + marker["decode_seconds"] + 0.002


def test_what_was_decoded_during_loading_counts_into_the_rate(network, paint, chunk, monkeypatch):
    """As if all threads had done it side by side afterwards."""
    monkeypatch.setenv("FIRSTPASS_THREADS", "2")
    settings.cache_clear()
    decode, decoded = image_reader.decode, threading.Semaphore(0)

    def busy(data):
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        decoded.release()
        return decode(data)

    def load(uri, floor):
        for _ in range(4):
            assert decoded.acquire(timeout=20)
        return VERSION, network

    monkeypatch.setattr(image_reader, "decode", busy)
    monkeypatch.setattr(passes, "load_detector", load)
    _, uri = chunk([paint(f"{i}.png", (200, 0, 0)) for i in range(4)])
    try:
        marker = infer(uri)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    afterwards = marker["seconds"] - marker["load_seconds"]
    assert 3 * 0.02 / 2 <= 4 / marker["images_per_second"] <= afterwards + marker["decode_seconds"] / 2 + 0.002


def test_a_chunk_that_only_lacks_its_end_infers_nothing_and_has_no_rate(network, paint, chunk, monkeypatch):
    made, uri = chunk([paint(f"{i}.png", (200, 0, 0)) for i in range(4)])
    now = Checkpoints(made)
    now.add(range(4), [ResultRow(ref, Outcome.MISSING, "was listed, but is gone") for ref in made.images])
    now.save()
    marker = infer(uri)
    times = ("load_seconds", "fetch_seconds", "decode_seconds", "infer_seconds")
    assert [marker[name] for name in times] == [0.0] * 4
    assert (marker["images_per_second"], marker["resumed"], marker["rows"], marker["pixels"]) == (None, 4, 4, None)
    assert network.batches == []


@pytest.mark.parametrize("text", ["[]", "null", "7", '{"sha256": "x"}', '{"chunk": "x"}', "{}"])
def test_a_marker_that_is_none_is_no_end(network, paint, chunk, text):
    made, uri = chunk([paint("a.png", (200, 0, 0))])
    storage.write(made.output_uri, b"")
    storage.write(made.done_uri, text.encode())
    assert done_marker(made) is None
    assert infer(uri)["rows"] == 1


def test_only_a_bucket_that_denies_everything_is_a_mistake_of_the_credentials(network, paint, chunk, monkeypatch):
    local = [paint(f"{i}.png", (200, 0, 0)) for i in range(2)]

    def refuse(ref):
        raise PermissionError(ref.uri)

    monkeypatch.setattr(FOLDER, "fetch", refuse)
    _, uri = chunk(local)
    assert infer(uri)["outcomes"] == {"missing": 2}


def test_a_single_image_that_is_denied_is_one_too(network, chunk, monkeypatch):
    read = storage.read

    def refuse(uri):
        if uri.startswith("s3://"):
            raise PermissionError(uri)
        return read(uri)

    monkeypatch.setattr(storage, "read", refuse)
    _, uri = chunk([ImageRef("s3://b/0.png", 5, "e")])
    with pytest.raises(FirstpassError, match=r"access denied to each of the 1 images of chunk 0, s3://b/0\.png first"):
        infer(uri)


def test_the_process_is_set_up_for_pictures_and_reads_four_batches_ahead(network, paint, chunk, monkeypatch):
    settled, aheads = [], []

    class Watched(ImageReader):
        def __init__(self, refs, threads, ahead, board) -> None:
            super().__init__(refs, threads, ahead, board)
            aheads.append(ahead)

    monkeypatch.setattr(process, "settle", lambda: settled.append(True))
    monkeypatch.setattr(passes, "ImageReader", Watched)
    for batch_size in (4, 100):
        _, uri = chunk([paint("a.png", (200, 0, 0))], batch_size=batch_size)
        infer(uri)
    assert settled == [True, True]
    assert aheads == [256, 400]


def test_images_are_announced_before_the_first_is_read(network, paint, chunk, monkeypatch):
    announced = []
    monkeypatch.setattr(passes, "expect", lambda refs: announced.extend(refs))
    made, uri = chunk([paint(f"{i}.png", (200, 0, 0)) for i in range(3)])
    now = Checkpoints(made)
    now.add([0], [ResultRow(made.images[0], Outcome.MISSING, "gone")])
    now.save()
    infer(uri)
    assert announced == list(made.images[1:])


def test_images_and_results_in_object_storage(network, paint, chunk, bucket):
    images = []
    for i in range(20):
        local = paint(f"{i}.png", (i * 12, 0, 0))
        storage.write(f"{bucket}/photos/{i}.png", storage.read(local.uri))
        images.append(ImageRef(f"{bucket}/photos/{i}.png", local.size, f"e{i}"))
    made, uri = chunk(images, output_uri=f"{bucket}/runs/r/results/00000.parquet")
    storage.delete(images[3].uri)  # between listing and reading
    marker = infer(uri)
    rows = result(made)
    assert [row["uri"] for row in rows] == [image.uri for image in images]
    assert rows[3]["outcome"] == "missing"
    assert marker["outcomes"] == {"empty": 8, "missing": 1, "ok": 11}
    assert infer(uri) == marker
