"""What killed publishers and lost requests left behind is settled: nothing is missing, nothing is there twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing import recovery, sending, task_shapes
from firstpass.cvat.publishing.ledger import Ledger, LedgerEntry, LedgerState
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.recovery import last_look, recover, remove_duplicates
from firstpass.cvat.publishing.sending import ShapeSender
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.publishing.withdrawal import withdraw_run
from fixtures.cvat_runs import Killed, another_task, copies, first_night, ids_in_ledger, newer_night

Draft = Callable[..., LedgerEntry]
Work = Callable[..., TaskShapes]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PIECE", 6)


@pytest.fixture
def run(warehouse: connection, task: Task, small_pieces: None) -> str:
    return first_night(warehouse, task)


def recovered(shapes: TaskShapes, ours: bool = True) -> ShapeSender:
    sender = ShapeSender(shapes)
    recover(shapes, sender, lambda _: ours)
    return sender


def states(shapes: TaskShapes) -> dict[int, LedgerState]:
    return {entry.frame: entry.state for entry in shapes.entries.values()}


def twin(cvat: CvatDouble, task: Task, entry: LedgerEntry, index: int = 0) -> int:
    """A request about this shape arrives once more."""
    assert entry.shapes[index].id
    like = task.shapes[entry.shapes[index].id or 0]
    number: int = cvat.state.create(task, {"shapes": [like]})["shapes"][0]["id"]
    return number


def test_where_nothing_is_under_way_nothing_is_done(cvat: CvatDouble, work: Work, published: Draft) -> None:
    shapes = work([published(0, 1.0), published(1, state=LedgerState.KEPT)])
    before = cvat.requests.total()
    assert recovered(shapes).sent == 0
    assert cvat.requests.total() == before
    assert states(work()) == {0: LedgerState.PUBLISHED, 1: LedgerState.KEPT}
    assert shapes.doubtful_frames == set()


def test_of_what_arrived_in_part_the_rest_is_sent(cvat: CvatDouble, task: Task, work: Work, draft: Draft) -> None:
    entry = draft(3, 1.0, 20.0)
    cvat.state.create(task, {"shapes": [entry.shapes[1].outgoing]})
    shapes = work([entry])
    assert recovered(shapes).sent == 1
    assert copies(task) == {1: 2}
    (found,) = work().entries.values()
    assert (found.state, found.unsure, set(found.ids)) == (LedgerState.PUBLISHED, True, set(task.shapes))
    assert shapes.doubtful_frames == {3}
    assert set(shapes.snapshot.shapes) == set(task.shapes), "it was looked at again"


def test_what_did_not_arrive_at_all_is_planned_again_if_it_is_ours(task: Task, work: Work, draft: Draft) -> None:
    shapes = work([draft(3, 1.0), draft(4)])
    assert recovered(shapes).sent == 0
    assert states(work()) == {4: LedgerState.PUBLISHED}, "a frame without shapes has all that it will ever have"
    assert task.shapes == {}
    assert shapes.doubtful_frames == {3, 4}


def test_what_did_not_arrive_of_somebody_elses_may_arrive_yet(task: Task, work: Work, draft: Draft) -> None:
    recovered(work([draft(3, 1.0)]), ours=False)
    assert states(work()) == {3: LedgerState.SENDING}


def test_a_removal_that_was_begun_is_carried_out(task: Task, work: Work, published: Draft) -> None:
    entry = published(3, 1.0, 20.0)
    entry.state, entry.shapes[0].removing = LedgerState.REMOVING, True
    staying = entry.shapes[1].id
    recovered(work([entry]))
    assert set(task.shapes) == {staying}
    (found,) = work().entries.values()
    assert (found.state, list(found.ids)) == (LedgerState.KEPT, [staying])


def test_the_second_of_two_arrivals_is_taken_away(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    entry = published(3, 1.0, 20.0, unsure=True)
    first = set(task.shapes)
    twin(cvat, task, entry, 0)
    twin(cvat, task, entry, 1)
    shapes = work([entry])
    recovered(shapes)
    assert set(task.shapes) == first
    assert shapes.removed == 2
    assert "2 shapes arrived twice" in caplog.text
    (found,) = work().entries.values()
    assert (found.state, set(found.ids)) == (LedgerState.PUBLISHED, first)


def test_a_third_arrival_goes_too(cvat: CvatDouble, task: Task, work: Work, published: Draft) -> None:
    entry = published(3, 1.0, unsure=True)
    first = set(task.shapes)
    twin(cvat, task, entry)
    twin(cvat, task, entry)
    recovered(work([entry]))
    assert set(task.shapes) == first


def test_where_the_first_arrival_was_deleted_the_second_one_stays(
    cvat: CvatDouble, task: Task, work: Work, published: Draft
) -> None:
    """What people see in CVAT then is the second."""
    entry = published(3, 1.0, unsure=True)
    second = twin(cvat, task, entry)
    cvat.state.delete(task, {"shapes": [{"id": entry.shapes[0].id}]})
    recovered(work([entry]))
    assert set(task.shapes) == {second}
    (found,) = work().entries.values()
    assert list(found.ids) == [second]


def test_equal_detections_are_no_duplicates(cvat: CvatDouble, task: Task, work: Work, published: Draft) -> None:
    entry = published(3, 1.0, 1.0, unsure=True)
    both = set(task.shapes)
    recovered(work([entry]))
    assert set(task.shapes) == both
    twin(cvat, task, entry)
    recovered(work())
    assert set(task.shapes) == both


@pytest.mark.parametrize(
    "fields", [{"unsure": False}, {"unsure": True, "state": LedgerState.KEPT}], ids=["no doubt", "a person's frame"]
)
def test_without_a_lost_request_an_equal_shape_is_somebody_elses(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, fields: dict[str, Any]
) -> None:
    entry = published(3, 1.0, **fields)
    twin(cvat, task, entry)
    recovered(work([entry]))
    assert len(task.shapes) == 2


def test_a_duplicate_that_the_ledger_has_already_is_taken_away_as_well(
    cvat: CvatDouble, task: Task, work: Work, published: Draft
) -> None:
    """Its remover was killed after it had written it down."""
    entry = published(3, 1.0, unsure=True)
    second = twin(cvat, task, entry)
    shapes = work([entry])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "delete_shapes", _die)
        with pytest.raises(Killed):
            remove_duplicates(shapes)
    assert second in {number for each in work().entries.values() for number in each.ids}
    remove_duplicates(work())
    assert set(task.shapes) == {entry.shapes[0].id}


def _die(*_: Any) -> Any:
    raise Killed


def test_a_last_look_costs_nothing_where_there_was_no_doubt(cvat: CvatDouble, work: Work, published: Draft) -> None:
    shapes = work([published(0, 1.0)])
    before = cvat.requests.total()
    last_look(shapes)
    assert cvat.requests.total() == before


@pytest.mark.parametrize(("ago", "wait"), [(0.0, 30.0), (10.0, 20.0), (29.0, 1.0), (31.0, 0.0), (1e6, 0.0)])
def test_the_last_look_comes_so_long_after_the_last_loss(
    work: Work, monkeypatch: pytest.MonkeyPatch, ago: float, wait: float
) -> None:
    monkeypatch.setattr(recovery, "LATE", 30.0)
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    shapes = work()
    shapes.doubtful_frames.add(3)
    shapes.lost_at = time.monotonic() - ago
    last_look(shapes)
    assert waited == [pytest.approx(wait, abs=0.2)]
    assert waited[0] >= 0


def test_a_doubt_that_an_earlier_process_left_is_not_waited_for(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published(3, 1.0, unsure=True)
    shapes = work([entry])
    twin(cvat, task, entry)
    shapes.doubtful_frames.add(3)
    monkeypatch.setattr("time.sleep", _die)
    last_look(shapes)
    assert set(task.shapes) == {entry.shapes[0].id}


def test_killed_at_any_word_to_the_ledger(
    warehouse: connection, cvat: CvatDouble, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before or after each time that the ledger is written, while a newer version replaces an older one."""
    for step in range(1, 20):
        for after in (False, True):
            task = another_task(cvat, f"killed {'after' if after else 'before'} {step}")
            publish_run(first_night(warehouse, task))
            second = newer_night(warehouse, task)
            with monkeypatch.context() as patch:
                patch.setattr(Ledger, "save", _dying(Ledger.save, step, after))
                try:
                    publish_run(second)
                except Killed:
                    pass
                else:
                    assert step > 5, "it is written before each of three pieces, after them, and for the removal"
                    return
            publish_run(second)
            assert copies(task) == {1: 16}, task.name
            assert ids_in_ledger(warehouse, task) == set(task.shapes), task.name
            withdraw_run(second)
            assert task.shapes == {}, task.name


def _dying(save: Any, step: int, after: bool) -> Any:
    calls = 0

    def dying(self: Ledger, *drafts: Any) -> None:
        nonlocal calls
        calls += 1
        if after or calls != step:
            save(self, *drafts)
        if calls == step:
            raise Killed

    return dying


def test_a_request_that_arrives_after_it_was_repeated(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    cvat.faults.add("late", 504, seconds=0.4)
    publish_run(run)
    time.sleep(0.5)
    assert copies(task)[2] > 0, "the test is about doubles"
    assert publish_run(run)["replaced"] > 0
    assert copies(task) == {1: 24}
    assert ids_in_ledger(warehouse, task) == set(task.shapes)


def test_a_request_that_arrives_after_its_publisher_died_and_a_newer_version_came(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cvat.faults.add("late", 504, seconds=0.4)
    with monkeypatch.context() as patch:
        patch.setattr(task_shapes.TaskShapes, "look", _die_on_second_look(task_shapes.TaskShapes.look))
        with pytest.raises(Killed):
            publish_run(run)
    second = newer_night(warehouse, task)
    publish_run(second)
    time.sleep(0.5)
    publish_run(second)
    assert copies(task) == {1: 16}
    assert ids_in_ledger(warehouse, task) == set(task.shapes)


def _die_on_second_look(look: Any) -> Any:
    calls = 0

    def dying(self: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        return look(self)

    return dying


def test_a_late_request_is_waited_for(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LATE", 0.6)
    cvat.faults.add("late", 504, seconds=0.3)
    assert publish_run(run)["replaced"] > 0
    assert copies(task) == {1: 24}
    assert ids_in_ledger(warehouse, task) == set(task.shapes)
