"""How far a chunk is, for whoever watches: not too often, and the end always."""

from __future__ import annotations

import json

import pytest

from firstpass import storage
from firstpass.inference import progress
from firstpass.inference.chunk_inference import infer
from firstpass.inference.progress import Progress


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [50.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def told(monkeypatch) -> list[dict]:
    """What was written, in order."""
    bodies = []
    monkeypatch.setattr(storage, "write", lambda uri, data: bodies.append({"uri": uri} | json.loads(data)))
    return bodies


@pytest.mark.parametrize(("place", "every"), [("/runs/r/0.parquet", 1.0), ("s3://b/r/0.parquet", 10.0)])
def test_it_is_told_as_often_as_the_storage_is_quick(chunk, paint, clock, told, place, every):
    made, _ = chunk([paint("a.png", (1, 0, 0))] * 100, output_uri=place)
    told.clear()
    shown = Progress(made)
    for done, seconds in ((1, every - 0.01), (2, 0.01), (3, every - 0.01), (4, 0.02), (5, every)):
        clock[0] += seconds
        shown.show(done)
    assert [each["done"] for each in told] == [2, 4, 5]
    assert told[0] == {"uri": f"{place}.progress.json", "done": 2, "total": 100, "seconds": every}
    assert told[1]["seconds"] == round(2 * every + 0.01, 3)


def test_the_last_image_is_always_told(chunk, paint, clock, told):
    made, _ = chunk([paint("a.png", (1, 0, 0))] * 3)
    told.clear()
    shown = Progress(made)
    for done in (1, 2, 3):
        clock[0] += 0.0004
        shown.show(done)
    assert [(each["done"], each["seconds"]) for each in told] == [(3, 0.001)]


def test_a_short_chunk_tells_its_end_alone(network, paint, chunk, monkeypatch):
    made, uri = chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(9)])
    written = []
    write = storage.write

    def watched(uri, data):
        written.append(uri)
        write(uri, data)

    monkeypatch.setattr(storage, "write", watched)
    infer(uri)
    assert written[2:] == [made.progress_uri, made.output_uri, made.done_uri]  # the first two say that it began
    shown = json.loads(storage.read(made.progress_uri))
    assert (shown["done"], shown["total"]) == (9, 9)
