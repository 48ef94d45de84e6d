"""What is finished of a chunk is kept: a node that dies loses seconds, not the chunk."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstpass import storage
from firstpass.contracts.detections import Detections
from firstpass.contracts.outcome import Outcome
from firstpass.inference import checkpoints
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.chunk_inference import Stopped, infer
from firstpass.inference.result_rows import ResultRow, to_bytes, to_table


def rows_of(made) -> list[ResultRow]:
    """One row an image, each with its own number of detections."""
    rows = []
    for number, ref in enumerate(made.images):
        n = number % 4
        found = Detections(np.arange(n, dtype="i4"), np.linspace(0.9, 0.5, n, dtype="f4"), np.ones((n, 4), "f4"))
        rows.append(ResultRow(ref, Outcome.OK if n else Outcome.EMPTY, None, f"{number:064x}", 8, 6, 1.5, 1, found))
    return rows


@pytest.fixture
def made(chunk, paint):
    return chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(12)])[0]


def parts(made) -> list[str]:
    return [entry.uri.rpartition("/")[2] for entry in storage.listing(made.parts_uri)]


def part(made, first: int, last: int) -> str:
    return f"{made.checksum}-{first:08d}-{last:08d}.parquet"


def save(made, first: int, last: int) -> None:
    storage.write(f"{made.parts_uri}/{part(made, first, last)}", to_bytes(to_table(rows_of(made)[first:last])))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["add", "save", "killed"])), max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_finished_and_wherever_it_was_killed_the_result_is_the_same(made, steps):
    rows, now = rows_of(made), Checkpoints(made)
    saved = 0
    for count, then in steps:
        now.add(rows[now.count : now.count + count])
        if then == "save":
            now.save()
            saved = now.count
        elif then == "killed":
            now = Checkpoints(made)
            assert now.resume() == now.count == saved
    now.add(rows[now.count :])
    assert now.count == 12
    assert to_bytes(now.table()) == to_bytes(to_table(rows))
    now.save()
    now.clear()
    assert parts(made) == []


def test_parts_say_which_plan_and_which_images_they_are_of(made):
    now = Checkpoints(made)
    now.add(rows_of(made)[:3])
    now.add(rows_of(made)[3:5])
    now.save()
    now.save()
    now.add(rows_of(made)[5:6])
    now.save()
    assert parts(made) == [part(made, 0, 5), part(made, 5, 6)]


def test_a_part_is_written_when_it_is_time(made, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    now, rows = Checkpoints(made), rows_of(made)
    clock[0] += 29.9
    now.add(rows[:2])
    assert parts(made) == []
    clock[0] += 0.1
    now.add(rows[2:4])
    assert parts(made) == [part(made, 0, 4)]
    clock[0] += 29.9
    now.add(rows[4:5])
    clock[0] += 0.1
    now.save()
    clock[0] += 29.9
    now.add(rows[5:6])
    assert parts(made) == [part(made, 0, 4), part(made, 4, 5)]


def test_nothing_there_is_nothing_finished(made):
    assert Checkpoints(made).resume() == 0


def test_the_longest_of_several_parts_from_one_image_on_is_taken(made):
    for first, last in ((0, 2), (0, 10), (0, 6), (6, 12), (10, 11)):
        save(made, first, last)
    assert Checkpoints(made).resume() == 11


def test_a_part_whose_beginning_is_missing_does_not_count(made):
    save(made, 4, 8)
    assert Checkpoints(made).resume() == 0
    save(made, 0, 3)
    assert Checkpoints(made).resume() == 3


@pytest.mark.parametrize("lost", [False, True])
def test_a_part_that_is_damaged_or_gone_ends_what_counts(made, monkeypatch, lost):
    for first, last in ((0, 3), (3, 5), (5, 9)):
        save(made, first, last)
    uri = f"{made.parts_uri}/{part(made, 3, 5)}"
    storage.write(uri, b"PAR1")
    read = storage.read

    def vanished(asked):
        if lost and asked == uri:
            raise FileNotFoundError(asked)
        return read(asked)

    monkeypatch.setattr(storage, "read", vanished)
    now = Checkpoints(made)
    assert now.resume() == 3
    now.add(rows_of(made)[3:])
    assert to_bytes(now.table()) == to_bytes(to_table(rows_of(made)))


def test_storage_that_cannot_be_read_is_no_damage(made, monkeypatch):
    save(made, 0, 3)
    monkeypatch.setattr(storage, "read", lambda uri: (_ for _ in ()).throw(PermissionError(uri)))
    with pytest.raises(PermissionError):
        Checkpoints(made).resume()


def test_what_else_lies_there_does_not_count_and_goes_with_the_parts(made):
    for name in ("attempt.json", f"x{part(made, 0, 4)}", part(made, 0, 4).replace(made.checksum, "0" * 16),
                 part(made, 0, 4) + ".tmp"):  # fmt: skip
        storage.write(f"{made.parts_uri}/{name}", to_bytes(to_table(rows_of(made)[:4])))
    now = Checkpoints(made)
    assert now.resume() == 0
    now.clear()
    assert parts(made) == []


def test_where_nothing_was_left_behind_nothing_is_removed(made, monkeypatch):
    removed = []
    monkeypatch.setattr(storage, "delete", removed.append)
    now = Checkpoints(made)
    now.resume()
    now.add(rows_of(made))
    now.clear()
    assert removed == []
    now.save()
    now.clear()
    assert removed == [made.parts_uri]


def test_a_stopped_chunk_goes_on_where_it_was(network, paint, chunk):
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(12)]
    made, uri = chunk(images)
    stop = Event()
    stop.set()
    for done in (4, 8):
        with pytest.raises(Stopped, match=f"stopped after {done} of 12 images"):
            infer(uri, stop)
        assert not storage.exists(made.done_uri)
    marker = infer(uri, stop)  # the last batch ends the chunk, asked to stop or not
    assert [len(batch) for batch in network.batches] == [4, 4, 4]
    assert marker["resumed"] == 8
    in_pieces = storage.read(made.output_uri)
    assert list(storage.listing(made.parts_uri)) == []
    storage.delete(made.done_uri)
    assert infer(uri)["sha256"] == marker["sha256"]
    assert storage.read(made.output_uri) == in_pieces


def test_a_killed_chunk_keeps_what_was_checkpointed(network, paint, chunk, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(10)]
    _, uri = chunk(images)
    predict, calls = network.predict, []

    def killed(batch):
        calls.append(len(batch))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict(batch)

    monkeypatch.setattr(network, "predict", killed)
    with pytest.raises(KeyboardInterrupt):
        infer(uri)
    assert infer(uri)["rows"] == 10
    assert calls == [4, 4, 2, 2]


def test_parts_of_another_plan_do_not_count(network, paint, chunk):
    images = [paint(f"{i}.png", (200, 0, 0)) for i in range(8)]
    stop = Event()
    stop.set()
    _, uri = chunk(images, floor=0.9)
    with pytest.raises(Stopped):
        infer(uri, stop)
    made, uri = chunk(images, floor=0.1)
    assert infer(uri)["outcomes"] == {"ok": 8}
    assert list(storage.listing(made.parts_uri)) == []
