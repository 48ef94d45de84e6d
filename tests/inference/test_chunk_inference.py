"""One chunk in, one Parquet file out: every image has a row, equal chunks give equal bytes, nothing is done twice."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from threading import Event

import pyarrow.parquet as pq
import pytest

from firstpass import storage
from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError
from firstpass.inference import checkpoints
from firstpass.inference.chunk_inference import Stopped, infer


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
    assert rows[5]["reason"] == "made the network fail: OOM when allocating tensor"
    assert marker["rows"] == 8
    assert marker["detections"] == 2
    assert marker["outcomes"] == {"empty": 2, "missing": 1, "ok": 2, "unreadable": 3}
    assert marker["sha256"] == hashlib.sha256(storage.read(made.output_uri)).hexdigest()
    assert json.loads(storage.read(made.done_uri)) == marker


def test_thresholds_count_from_the_score_asked_for_on(network, paint, chunk):
    images = [paint(f"{red}.png", (red, 0, 0)) for red in (101, 102, 103, 255)]
    made, uri = chunk(images, threshold=102 / 255)
    infer(uri)
    assert [row["outcome"] for row in result(made)] == ["empty", "ok", "ok", "ok"]
    made, uri = chunk(images, threshold=0.0, class_thresholds={1: 0.5, 2: 0.0})
    infer(uri)
    assert [row["outcome"] for row in result(made)] == ["empty", "empty", "empty", "ok"]


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
        made, uri = chunk(images, threshold=0.0)
    infer(uri)
    assert len(network.batches) == 2
    assert [row["outcome"] for row in result(made)] == ["ok", "ok" if damage == "planned anew" else "empty"]


def test_a_stopped_chunk_goes_on_where_it_was(network, paint, chunk):
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(12)]
    made, uri = chunk(images)
    stop = Event()
    stop.set()
    for done in (4, 8):
        with pytest.raises(Stopped, match=f"{done} of 12 images"):
            infer(uri, stop)
        assert not storage.exists(made.done_uri)
    marker = infer(uri, stop)  # the last batch ends the chunk, asked to stop or not
    assert [len(batch) for batch in network.batches] == [4, 4, 4]
    in_pieces = storage.read(made.output_uri)
    assert list(storage.listing(made.parts_uri)) == []
    storage.delete(made.done_uri)
    assert infer(uri)["sha256"] == marker["sha256"]
    assert storage.read(made.output_uri) == in_pieces


def test_a_killed_chunk_keeps_what_was_checkpointed(network, paint, chunk, monkeypatch):
    monkeypatch.setattr(checkpoints, "_SECONDS", 0.0)
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(10)]
    made, uri = chunk(images)
    predict, calls = network.predict, []

    def killed(batch):
        calls.append(len(batch))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict(batch)

    monkeypatch.setattr(network, "predict", killed)
    with pytest.raises(KeyboardInterrupt):
        infer(uri)
    infer(uri)
    assert calls == [4, 4, 2, 2]
    assert len(result(made)) == 10


def test_a_chunk_that_was_killed_goes_on_in_smaller_batches(network, paint, chunk, monkeypatch):
    """Killed for its memory, it would only be killed again."""
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(12)]
    made, uri = chunk(images)
    sizes = []

    class Killed(BaseException):
        pass

    def kill(batch):
        sizes[-1].add(len(batch))
        storage.write = storage.delete = lambda *_: None  # a killed process does nothing any more
        raise Killed

    for _ in range(4):
        sizes.append(set())
        with monkeypatch.context() as patch:
            patch.setattr(storage, "write", storage.write)  # undone at the end
            patch.setattr(storage, "delete", storage.delete)
            patch.setattr(network, "predict", kill)
            with pytest.raises(Killed):
                infer(uri)
    assert sizes == [{4}, {2}, {1}, {1}]
    marker = infer(uri)
    assert (marker["batch_size"], marker["attempt"]) == (1, 5)
    assert len(result(made)) == 12
    assert list(storage.listing(made.parts_uri)) == []


def test_a_chunk_that_failed_in_order_keeps_its_batches(network, paint, chunk):
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(12)]
    stop = Event()
    stop.set()
    _, uri = chunk(images)
    for _ in range(2):
        with pytest.raises(Stopped):
            infer(uri, stop)
    marker = infer(uri)
    assert (marker["batch_size"], marker["attempt"]) == (4, 3)


def test_parts_of_another_plan_do_not_count(network, paint, chunk):
    images = [paint(f"{i}.png", (200, 0, 0)) for i in range(8)]
    stop = Event()
    stop.set()
    made, uri = chunk(images, threshold=0.9)
    with pytest.raises(Stopped):
        infer(uri, stop)
    made, uri = chunk(images, threshold=0.1)
    infer(uri)
    assert [row["outcome"] for row in result(made)] == ["ok"] * 8
    assert list(storage.listing(made.parts_uri)) == []


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


def test_progress_is_told_at_most_once_a_second(network, paint, chunk, monkeypatch):
    made, uri = chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(9)])
    written = []
    write = storage.write

    def watched(uri, data):
        written.append(uri)
        write(uri, data)

    monkeypatch.setattr(storage, "write", watched)
    infer(uri)
    assert written[1:] == [made.progress_uri, made.output_uri, made.done_uri]  # the first says that it began
    progress = json.loads(storage.read(made.progress_uri))
    assert (progress["done"], progress["total"]) == (9, 9)


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
