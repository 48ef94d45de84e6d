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


def add(now, made, first: int, end: int) -> None:
    now.add(range(first, min(end, 12)), rows_of(made)[first:end])


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
        add(now, made, now.count, now.count + count)
        if then == "save":
            now.save()
            saved = now.count
        elif then == "killed":
            now = Checkpoints(made)
            assert now.resume() == now.count == saved
    add(now, made, now.count, 12)
    assert now.count == 12
    assert to_bytes(now.table()) == to_bytes(to_table(rows))
    now.save()
    now.clear()
    assert parts(made) == []


def test_parts_say_which_plan_and_which_images_they_are_of(made):
    now = Checkpoints(made)
    add(now, made, 0, 3)
    add(now, made, 3, 5)
    now.save()
    now.save()
    add(now, made, 5, 6)
    now.save()
    assert parts(made) == [part(made, 0, 5), part(made, 5, 6)]


def test_what_ran_out_of_turn_has_parts_of_its_own(made):
    now = Checkpoints(made)
    for first, end in ((7, 8), (3, 5), (10, 12), (5, 7)):
        add(now, made, first, end)
    now.save()
    assert parts(made) == [part(made, 3, 8), part(made, 10, 12)]
    again = Checkpoints(made)
    assert again.resume() == 7
    assert again.missing() == [0, 1, 2, 8, 9]
    assert (7 in again, 8 in again) == (True, False)
    add(again, made, 8, 10)
    add(again, made, 0, 3)
    assert to_bytes(again.table()) == to_bytes(to_table(rows_of(made)))


@pytest.mark.parametrize(("elapsed", "pause"), [(0, 2), (10, 2), (50, 5), (290, 29), (300, 30), (4000, 30)])
def test_no_more_than_a_tenth_of_the_work_is_lost(made, monkeypatch, elapsed, pause):
    clock = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    now = Checkpoints(made)
    clock[0] += elapsed
    now.save()
    clock[0] += pause - 0.1
    add(now, made, 0, 2)
    if elapsed in (0, 10, 4000):
        assert parts(made) == []
    clock[0] += pause
    add(now, made, 2, 4)
    assert parts(made)[-1].endswith("-00000004.parquet")


def test_nothing_there_is_nothing_finished(made):
    assert Checkpoints(made).resume() == 0


def test_the_longest_of_several_parts_from_one_image_on_is_taken(made):
    for first, last in ((0, 2), (0, 10), (0, 6), (6, 11), (10, 11)):
        save(made, first, last)
    now = Checkpoints(made)
    assert now.resume() == 11
    add(now, made, 11, 12)
    assert to_bytes(now.table()) == to_bytes(to_table(rows_of(made)))


def test_a_part_about_other_images_does_not_count(made):
    storage.write(f"{made.parts_uri}/{part(made, 4, 8)}", to_bytes(to_table(rows_of(made)[3:7])))
    storage.write(f"{made.parts_uri}/{part(made, 8, 13)}", to_bytes(to_table(rows_of(made)[8:12])))
    assert Checkpoints(made).resume() == 0


@pytest.mark.parametrize("lost", [False, True])
def test_a_part_that_is_damaged_or_gone_does_not_count(made, monkeypatch, lost):
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
    assert now.resume() == 7
    add(now, made, 3, 5)
    add(now, made, 9, 12)
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
    monkeypatch.setattr(checkpoints, "SECONDS", (0.0, 0.0))
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
