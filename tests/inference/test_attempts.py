"""Attempts at a chunk are counted, and one that was killed is followed by smaller batches."""

from __future__ import annotations

import json

import pytest

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.inference.attempts import Attempt, attempt
from firstpass.inference.chunk_inference import Stopped, infer


class Killed(BaseException):
    """What does not even leave time to say so."""


@pytest.fixture
def made(chunk, paint):
    return chunk([paint("a.png", (1, 0, 0))], batch_size=8)[0]


def note(made) -> dict:
    return json.loads(storage.read(f"{made.parts_uri}/attempt.json"))


@pytest.fixture
def killed():
    """`killed(chunk)`: an attempt that ends without another word."""
    forgotten = []  # not closed, which would be a word

    def kill(made) -> Attempt:
        forgotten.append(attempt(made))
        return forgotten[-1].__enter__()

    return kill


def ended(made, how: type[BaseException] = ValueError) -> Attempt:
    with pytest.raises(how), attempt(made) as now:
        raise how
    return now


def test_an_attempt_counts_as_killed_until_it_ends_in_another_way(made, killed):
    now = killed(made)
    assert now == Attempt(1, 8, True)
    assert note(made) == {"chunk": made.checksum, "number": 1, "batch_size": 8, "killed": True}
    storage.delete(made.parts_uri)
    assert ended(made) == now
    assert note(made) == {"chunk": made.checksum, "number": 1, "batch_size": 8, "killed": False}


def test_after_one_that_was_killed_batches_are_half_as_large_and_one_at_the_least(made, killed, caplog):
    assert [(now.number, now.batch_size) for now in (killed(made) for _ in range(6))] == [
        (1, 8), (2, 4), (3, 2), (4, 1), (5, 1), (6, 1)
    ]  # fmt: skip
    assert caplog.text.count("chunk 0 was killed before it ended") == 5


@pytest.mark.parametrize("how", [ValueError, KeyboardInterrupt, SystemExit, Stopped])
def test_after_one_that_ended_in_order_they_stay_as_they_were(made, killed, caplog, how):
    assert [(now.number, now.batch_size) for now in (ended(made, how) for _ in range(3))] == [(1, 8), (2, 8), (3, 8)]
    killed(made)
    assert [(now.number, now.batch_size) for now in (ended(made, how) for _ in range(2))] == [(5, 4), (6, 4)]
    assert caplog.text.count("killed") == 1


def test_batches_of_an_odd_size_are_halved_downwards(made, killed):
    killed(made)
    storage.write(f"{made.parts_uri}/attempt.json", json.dumps(note(made) | {"batch_size": 7}).encode())
    assert killed(made).batch_size == 3


def test_they_are_never_larger_than_the_manifest_s(made, killed):
    killed(made)
    storage.write(f"{made.parts_uri}/attempt.json", json.dumps(note(made) | {"batch_size": 64}).encode())
    assert killed(made).batch_size == 4


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null", "7", '{"chunk": "other", "number": 3, "batch_size": 1}'])
def test_a_note_that_is_damaged_or_of_another_plan_does_not_count(made, killed, text):
    storage.write(f"{made.parts_uri}/attempt.json", text.encode())
    assert killed(made) == Attempt(1, 8, True)


def test_a_note_lacks_nothing(made, killed):
    killed(made)
    for name in ("chunk", "number", "batch_size"):
        storage.write(
            f"{made.parts_uri}/attempt.json", json.dumps({k: v for k, v in note(made).items() if k != name}).encode()
        )
        assert killed(made) == Attempt(1, 8, True)


def test_what_ended_the_attempt_counts_and_not_that_storage_is_full_as_well(made, monkeypatch):
    now = attempt(made)
    now.__enter__()
    monkeypatch.setattr(storage, "write", None)
    assert not now.__exit__(ValueError, ValueError("out of luck"), None)


def test_a_result_that_cannot_be_written_is_no_attempt_that_was_killed(network, paint, chunk, monkeypatch):
    made, uri = chunk([paint("a.png", (200, 0, 0))])
    write = storage.write

    def full(uri, data):
        if uri == made.output_uri:
            raise FirstpassError("cannot write: No space left on device", "free space")
        write(uri, data)

    monkeypatch.setattr(storage, "write", full)
    with pytest.raises(FirstpassError, match="No space left"):
        infer(uri)
    monkeypatch.setattr(storage, "write", write)
    marker = infer(uri)
    assert (marker["batch_size"], marker["attempt"]) == (4, 2)


def test_a_chunk_that_was_killed_goes_on_in_smaller_batches(network, paint, chunk, monkeypatch):
    """Killed for its memory, it would only be killed again."""
    images = [paint(f"{i}.png", (i * 20, 0, 0)) for i in range(12)]
    _, uri = chunk(images)
    sizes = []

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
    assert (marker["batch_size"], marker["attempt"], marker["rows"]) == (1, 5, 12)
