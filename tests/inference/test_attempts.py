"""What an attempt leaves word of, and what the next one makes of the images that were in flight when it died."""

from __future__ import annotations

import json

import pytest

from firstpass import storage
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError
from firstpass.inference import attempts
from firstpass.inference.attempts import TRIES, Attempts, attempt, killer_reason, load_attempt
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.chunk_inference import Stopped, infer
from firstpass.inference.death import Death, Supervision
from firstpass.inference.result_rows import ResultRow

CRASH = Death(11, 2**30, 2**31, 2**32)


@pytest.fixture
def made(chunk, paint):
    return chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(12)], batch_size=8)[0]


def note(made) -> dict:
    return json.loads(storage.read(f"{made.parts_uri}/attempt.json"))


@pytest.fixture
def begun(made):
    """`begun(death)`: an attempt, or another process of it, that ends without another word."""
    forgotten = []  # not closed, which would be a word

    def begin(death: Death | None = None) -> Attempts:
        forgotten.append(attempt(made, Checkpoints(made), Supervision(death) if death else None))
        return forgotten[-1].__enter__()

    return begin


def ended(made, how: type[BaseException] = ValueError) -> Attempts:
    with pytest.raises(how), attempt(made, Checkpoints(made)) as now:
        raise how
    return now


def fly(now: Attempts, made, decoding=(), inferring=(), decoded=()) -> None:
    for position in decoding:
        now.board.decoding(made.images[position])
    now.board.inferring(made.images[position] for position in inferring)
    for position in decoded:
        now.board.decoded(made.images[position])


def finish(made, *positions: int) -> None:
    """They run to their end."""
    done = Checkpoints(made)
    done.add(positions, [ResultRow(made.images[position], Outcome.MISSING) for position in positions])
    done.save()


def test_an_attempt_counts_as_killed_until_it_ends_in_another_way(made, begun):
    assert begun().now.number == 1
    assert (note(made)["chunk"], note(made)["number"], note(made)["killed"]) == (made.checksum, 1, True)
    storage.delete(made.parts_uri)
    ended(made)
    assert (note(made)["number"], note(made)["killed"]) == (1, False)


@pytest.mark.parametrize("how", [ValueError, KeyboardInterrupt, SystemExit, Stopped])
def test_what_ended_in_order_puts_nothing_under_suspicion(made, begun, how):
    def flies_and_ends():
        with attempt(made, Checkpoints(made)) as now:
            fly(now, made, decoding=[1, 2], inferring=[0])
            raise how

    with pytest.raises(how):
        flies_and_ends()
    again = begun()
    assert (again.now.number, again.now.batch_size) == (2, 8)
    assert (again.suspects, again.rest, again.appeals) == ([], list(range(12)), [])


def test_what_the_cluster_took_away_uses_up_no_try_and_puts_nothing_under_suspicion(made, begun):
    for _ in range(2 * TRIES):  # an image that runs alone each time, as one that kills does
        now = begun()
        now.board.alone(3)
        attempts.excuse(made)
    assert attempts.blamed(made) == {}
    again = begun()
    assert (again.now.number, again.now.batch_size, again.now.deaths) == (1, 8, {})
    assert (again.suspects, again.rest) == ([], list(range(12)))


def test_there_may_be_nothing_to_excuse(made):
    attempts.excuse(made)
    assert load_attempt(made) is None


def test_only_what_was_in_flight_is_suspect_and_only_what_kills_alone_is_to_blame(made, begun):
    fly(begun(), made, decoding=[5], inferring=[1, 2], decoded=[3, 4])
    now = begun(CRASH)
    assert (now.now.number, now.suspects, now.rest) == (1, [1, 2, 5], [0, 3, 4, *range(6, 12)])
    finish(made, 1)
    now.board.alone(2)
    now.board.hashed(made.images[2], "2" * 64)
    fly(now, made, decoding=[2], inferring=[2])  # wherever it is: alone is alone
    now = begun(CRASH)
    assert (now.suspects, now.rest, now.appeals) == ([5], [0, 3, 4, *range(6, 12)], [2])
    assert now.now.killers() == {}, "it runs once more when all else is done"
    finish(made, 5)
    now.suspects_are_done()
    assert now.now.batch_size == 8, "one was to blame: it was not the batch"
    finish(made, 0, 3, 4, *range(6, 12))
    now.board.alone(2)
    now = begun(CRASH)
    assert (now.suspects, now.rest, now.appeals) == ([], [], [])
    assert list(now.now.killers()) == [2]
    assert now.now.deaths[2][0].sha256 == "2" * 64
    assert killer_reason(now.now.deaths[2]) == (
        "killed the process when it ran alone, twice: SIGSEGV at 1.0 GiB of resident memory, limit 4.0 GiB"
    )


def test_where_none_was_to_blame_it_was_the_batch_and_the_next_death_suspects_more(made, begun):
    fly(begun(), made, decoding=[5], inferring=[1, 2], decoded=[3, 4])
    now = begun(CRASH)
    assert now.suspects == [1, 2, 5]
    finish(made, 1, 2, 5)
    now.suspects_are_done()
    assert now.now.batch_size == 4
    fly(now, made, decoding=[6], decoded=[7, 8])
    now = begun(CRASH)
    assert now.suspects == [6, 7, 8]
    finish(made, 6, 7, 8)
    now.suspects_are_done()
    assert now.now.batch_size == 2
    fly(now, made, decoding=[9])
    now = begun(CRASH)
    assert now.rest == [], "whatever it is: no image runs beside another any more"


def test_a_death_that_nobody_saw_counts_as_an_attempt(made, begun):
    fly(begun(), made, inferring=[1])
    now = begun()
    assert (now.now.number, now.now.unseen, now.suspects) == (2, 1, [1])
    now.board.alone(1)
    now = begun()
    assert (now.now.number, now.appeals) == (3, [1])
    assert now.suspects == [0, *range(2, 12)], "no further try may go into finding out which"
    finish(made, 0, *range(2, 12))
    now.board.alone(1)
    now = begun()
    assert (now.now.number, now.appeals, list(now.now.killers())) == (4, [], [1])
    assert "everything around it was killed as well" in killer_reason(now.now.deaths[1])


def test_the_last_try_has_no_appeal_that_may_kill_it(made, begun):
    fly(begun(), made, inferring=[1])
    begun().board.alone(1)
    begun().board.alone(2)
    now = begun()
    assert now.now.number == TRIES
    assert (list(now.now.killers()), now.appeals) == ([1, 2], [])


def test_a_death_without_a_trace_halves_the_batches(made, begun, caplog):
    assert [begun().now.batch_size for _ in range(5)] == [8, 4, 2, 1, 1]
    assert caplog.text.count("continues in batches of") == 4


def test_a_process_that_dies_before_any_image_is_not_started_for_ever(made, begun):
    begun()
    begun(CRASH)
    begun(CRASH)
    with pytest.raises(RuntimeError, match=r"killed 3 times with no image in flight: SIGSEGV at 1\.0 GiB"):
        begun(CRASH)
    assert begun().now.idle == 0, "another try is worth it"


def test_a_limit_that_no_network_fits_into_is_said_at_once(made, begun):
    begun()
    with pytest.raises(FirstpassError, match="needs more memory than it may have, before it has read an image") as told:
        begun(Death(9, 2**30, 2**30, 2**29, over_limit=True))
    assert "FIRSTPASS_MEMORY" in told.value.fix


def test_very_many_killers_are_the_machine_s_fault(made, begun, monkeypatch):
    monkeypatch.setattr(attempts, "MOST_KILLERS", 3)
    begun().board.alone(0)
    for position in range(1, 4):
        begun(CRASH).board.alone(position)
    with pytest.raises(FirstpassError, match="4 images of chunk 0 killed the process, the last one by SIGSEGV") as told:
        begun(CRASH)
    assert "look at the machine" in told.value.fix
    again = begun()
    assert (again.rest, again.appeals) == (list(range(4, 12)), [0, 1, 2, 3]), "a person who clears the task goes on"


def test_batches_are_never_larger_than_the_manifest_s(made, begun):
    ended(made)
    storage.write(f"{made.parts_uri}/attempt.json", json.dumps(note(made) | {"batch_size": 64}).encode())
    assert begun().now.batch_size == 8


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null", "7", '{"chunk": "other", "number": 3, "batch_size": 1}'])
def test_a_note_that_is_damaged_or_of_another_plan_does_not_count(made, begun, text):
    storage.write(f"{made.parts_uri}/attempt.json", text.encode())
    assert load_attempt(made) is None
    assert (begun().now.number, note(made)["batch_size"]) == (1, 8)


@pytest.mark.parametrize("position", [-1, 12])
def test_a_note_about_images_that_there_are_not_does_not_count(made, begun, position):
    ended(made)
    deaths = {str(position): [{"signal": 9}]}
    storage.write(f"{made.parts_uri}/attempt.json", json.dumps(note(made) | {"deaths": deaths}).encode())
    assert load_attempt(made) is None


def test_what_ended_the_attempt_counts_and_not_that_storage_is_full_as_well(made, monkeypatch):
    now = attempt(made, Checkpoints(made))
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
    assert (marker["batch_size"], marker["attempt"], marker["killers"]) == (4, 2, [])
