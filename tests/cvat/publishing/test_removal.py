"""What nobody edited goes, and what somebody did stays."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing import removal
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerState
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.removal import delete_shapes, finish_removal, remove
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.cvat.server import client
from firstpass.cvat.server.client import CvatDown
from fixtures.cvat_runs import Killed, another_task, copies, first_night, ids_in_ledger, newer_night

Draft = Callable[..., LedgerEntry]
Work = Callable[..., TaskShapes]


@pytest.fixture
def run(warehouse: connection, task: Task) -> str:
    return first_night(warehouse, task)


def deletions(cvat: CvatDouble, task: Task) -> int:
    return cvat.requests[f"PATCH /api/tasks/{task.id}/annotations/"]


def edit(cvat: CvatDouble, task: Task, number: int | None) -> dict[str, Any]:
    edited = task.shapes[number or 0] | {"points": [0.0, 0.0, 5.0, 5.0]}
    cvat.state.update(task, {"shapes": [edited]})
    return edited


def test_nothing_to_remove_is_no_request(cvat: CvatDouble, work: Work) -> None:
    shapes = work()
    before = cvat.requests.total()
    assert remove(shapes, []) == 0
    assert cvat.requests.total() == before


def test_what_nobody_edited_goes_with_its_entries(cvat: CvatDouble, task: Task, work: Work, published: Draft) -> None:
    entries = [published(0, 1.0, 20.0), published(1, 1.0), published(2, 1.0), published(3)]
    shapes = work(entries)
    (staying,) = entries[2].ids
    assert remove(shapes, [shapes.entries[each.key] for each in (entries[0], entries[1], entries[3])]) == 0
    assert set(task.shapes) == {staying}
    assert shapes.removed == 3
    assert deletions(cvat, task) == 1
    assert cvat.requests[f"GET /api/tasks/{task.id}/annotations/"] == 1 + 3, "before, just before, and after"
    assert [each.frame for each in work().entries.values()] == [2]
    assert list(shapes.entries) == [entries[2].key]


def test_edited_shapes_stay_and_are_counted_and_remembered_as_a_persons(
    cvat: CvatDouble, task: Task, work: Work, published: Draft
) -> None:
    entry = published(0, 1.0, 20.0, 30.0)
    edited = edit(cvat, task, entry.shapes[1].id)
    cvat.state.delete(task, {"shapes": [{"id": entry.shapes[2].id}]})
    shapes = work([entry])
    assert remove(shapes, shapes.entries.values()) == 1, "what was deleted does not stay"
    assert task.shapes == {edited["id"]: edited}
    assert shapes.removed == 1
    (found,) = work().entries.values()
    assert (found.state, list(found.ids)) == (LedgerState.KEPT, [entry.shapes[1].id, entry.shapes[2].id])
    assert not any(shape.removing for shape in found.shapes)


def test_what_was_not_marked_stays_though_nobody_edited_it(task: Task, work: Work, published: Draft) -> None:
    """A person's edit was undone since."""
    entry = published(0, 1.0, 20.0)
    entry.state, entry.shapes[0].removing = LedgerState.REMOVING, True
    shapes = work([entry])
    assert finish_removal(shapes, list(shapes.entries.values())) == 1
    assert set(task.shapes) == {entry.shapes[1].id}
    (found,) = work().entries.values()
    assert (found.state, list(found.ids)) == (LedgerState.KEPT, [entry.shapes[1].id])


def test_an_entry_of_which_cvat_dropped_a_shape_goes_like_any_other(task: Task, work: Work, published: Draft) -> None:
    entry = published(0, 1.0, 20.0)
    del task.shapes[entry.shapes[1].id or 0]
    entry.shapes[1].id = None
    shapes = work([entry])
    assert remove(shapes, shapes.entries.values()) == 0
    assert work().entries == {}


def test_what_the_ledger_is_told_before_anything_goes(
    task: Task, work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published(0, 1.0, 20.0)
    shapes = work([entry])
    with monkeypatch.context() as patch:
        patch.setattr(removal, "delete_shapes", _die)
        with pytest.raises(Killed):
            remove(shapes, shapes.entries.values())
    (found,) = work().entries.values()
    assert (found.state, [shape.removing for shape in found.shapes]) == (LedgerState.REMOVING, [True, True])
    assert len(task.shapes) == 2


def _die(*_: Any) -> Any:
    raise Killed


def test_what_was_drawn_or_edited_since_the_task_was_read_is_seen(
    cvat: CvatDouble, task: Task, work: Work, published: Draft
) -> None:
    entry = published(0, 1.0, 20.0)
    shapes = work([entry])
    edited = edit(cvat, task, entry.shapes[0].id)
    assert remove(shapes, shapes.entries.values()) == 1
    assert task.shapes == {edited["id"]: edited}


def test_large_removals_go_in_pieces(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "DELETIONS", 2)
    shapes = work([published(frame, 1.0) for frame in range(5)])
    asked: list[int] = []
    real = client.Cvat.send

    def send(self: client.Cvat, number: int, action: str, doomed: Any) -> Any:
        asked.append(len(doomed))
        return real(self, number, action, doomed)

    monkeypatch.setattr(client.Cvat, "send", send)
    remove(shapes, shapes.entries.values())
    assert asked == [2, 2, 1]
    assert (task.shapes, shapes.removed) == ({}, 5)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_request_is_made_up_for_and_each_shape_is_counted_once(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, when: str
) -> None:
    shapes = work([published(0, 1.0, 20.0)])
    cvat.faults.add("status", 504, when=when)
    assert remove(shapes, shapes.entries.values()) == 0
    assert (task.shapes, shapes.removed) == ({}, 2)
    assert deletions(cvat, task) == (2 if when == "before" else 1)


def test_an_edit_while_a_lost_request_is_looked_for_is_kept(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published(0, 1.0, 20.0)
    shapes = work([entry])
    cvat.faults.add("status", 504)
    edits: list[dict[str, Any]] = []
    monkeypatch.setattr("time.sleep", lambda _: edits.append(edit(cvat, task, entry.shapes[0].id)))
    assert remove(shapes, shapes.entries.values()) == 1
    assert task.shapes == {edits[0]["id"]: edits[0]}
    assert shapes.removed == 1


def test_copies_that_nobody_claims_go_with_their_original_and_others_stay(
    cvat: CvatDouble, task: Task, work: Work, published: Draft
) -> None:
    doomed, beside = published(0, 1.0), published(1, 1.0)
    shape = task.shapes[doomed.shapes[0].id or 0]
    cvat.state.create(task, {"shapes": [shape, shape | {"source": "manual"}, shape | {"score": 0.6}]})
    shapes = work([doomed, beside])
    assert delete_shapes(shapes, {doomed.shapes[0].id or 0: doomed.shapes[0].fingerprint}) == set()
    left = sorted((s["frame"], s["source"], s["score"]) for s in task.shapes.values())
    assert left == [(0, "auto", 0.6), (0, "manual", 0.5), (1, "auto", 0.5)]
    assert shapes.removed == 2


def test_copies_of_an_edited_shape_stay(cvat: CvatDouble, task: Task, work: Work, published: Draft) -> None:
    """It is the person's frame then, and what lies on it theirs to judge."""
    entry = published(0, 1.0)
    number, fingerprint = entry.shapes[0].id or 0, entry.shapes[0].fingerprint
    cvat.state.create(task, {"shapes": [task.shapes[number]]})
    shapes = work([entry])
    edit(cvat, task, number)
    assert delete_shapes(shapes, {number: fingerprint}) == {number}
    assert len(task.shapes) == 2


def test_copies_that_come_back_for_ever_are_given_up(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "TRIES", 3)
    entry = published(0, 1.0)
    number = entry.shapes[0].id or 0
    raw = task.shapes[number]
    shapes = work([entry])
    real = client.Cvat.send

    def send(self: client.Cvat, *arguments: Any) -> Any:
        answer = real(self, *arguments)
        cvat.state.create(task, {"shapes": [raw]})
        return answer

    monkeypatch.setattr(client.Cvat, "send", send)
    assert delete_shapes(shapes, {number: entry.shapes[0].fingerprint}) == set()
    assert shapes.removed == 3


def test_a_task_that_never_comes_to_rest_is_left_for_another_time(
    task: Task, work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "TRIES", 3)
    shapes = work([published(0, 1.0)])
    looks, stamps = count(), count()
    real = client.Cvat.shapes

    def look(*arguments: Any) -> Any:
        next(looks)
        return real(*arguments)

    monkeypatch.setattr(client.Cvat, "get", lambda *_, **__: {"updated_date": str(next(stamps))})
    monkeypatch.setattr(client.Cvat, "shapes", look)
    with pytest.raises(CvatDown, match="changed faster than it can be read"):
        remove(shapes, shapes.entries.values())
    assert len(task.shapes) == 1
    assert next(looks) == 1 + 3, "once for all, then three times for one moment without a change"


def test_one_fault_while_taking_old_drafts_away(warehouse: connection, cvat: CvatDouble) -> None:
    cases = [(kind, when) for kind in ("status", "drop", "truncate") for when in ("before", "after")]
    for number, (kind, when) in enumerate(cases, start=1):
        task = another_task(cvat, f"{kind} {when}")
        publish_run(first_night(warehouse, task))
        cvat.faults.add(kind, 504, when=when, skip=1)  # type: ignore[arg-type]  # the new ones are created first
        summary = publish_run(newer_night(warehouse, task))
        assert (summary["state"], summary["replaced"]) == ("published", 24), task.name
        assert len(cvat.faults.hits) == number
        assert copies(task) == {1: 16}, task.name
        assert ids_in_ledger(warehouse, task) == set(task.shapes), task.name


def test_an_edit_that_is_saved_during_the_last_look(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the edit does not tell of it; that the task was changed meanwhile does."""
    publish_run(run)
    draft = min(task.shapes.values(), key=lambda shape: shape["id"])
    edited = draft | {"points": [0.0, 0.0, 9.0, 9.0]}
    real_get, real_shapes = client.Cvat.get, client.Cvat.shapes
    asked: list[str] = []

    def get(self: client.Cvat, path: str, **query: Any) -> Any:
        asked.append(path)
        return real_get(self, path, **query)

    def shapes(self: client.Cvat, number: int, keep: Any) -> Any:
        """Between asking when the task was changed and looking at it, which is done before a deletion alone."""
        answer = real_shapes(self, number, keep)
        if asked[-1] == f"/api/tasks/{task.id}" and task.shapes[draft["id"]] == draft:
            cvat.state.update(task, {"shapes": [edited]})
        return answer

    monkeypatch.setattr(client.Cvat, "get", get)
    monkeypatch.setattr(client.Cvat, "shapes", shapes)
    assert publish_run(newer_night(warehouse, task))["kept"] == 1
    assert task.shapes[draft["id"]]["points"] == edited["points"]


def test_jobs_that_overlap_each_have_their_copy(warehouse: connection, cvat: CvatDouble) -> None:
    task = another_task(cvat, "overlap", overlap=2)
    assert [(job.start, job.stop) for job in task.jobs] == [(0, 3), (2, 5), (4, 7)]
    first, second = first_night(warehouse, task), newer_night(warehouse, task)
    assert publish_run(first)["shapes_in_task"] == 24
    assert len(task.shapes) == 24 + 4 * 3, "four frames lie in two jobs"
    assert publish_run(second)["replaced"] == 24 + 4 * 3
    assert copies(task) == {1: 4 * 2, 2: 4 * 2}
    assert publish_run(second)["shapes"] == 0
    withdraw_run(second)
    assert task.shapes == {}
