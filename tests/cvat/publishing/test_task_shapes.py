"""What of ours lies in a task: the ledger beside CVAT."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerState
from firstpass.cvat.publishing.task_shapes import TaskShapes

Draft = Callable[..., LedgerEntry]
Work = Callable[..., TaskShapes]


def test_a_task_is_read_with_its_ledger(cvat: CvatDouble, task: Task, work: Work, published: Draft) -> None:
    ours = published(0, 1.0)
    stranger = cvat.state.draw(task, 0, "person", [1, 1, 9, 9], source="auto")
    cvat.state.draw(task, 1, "person", [1, 1, 9, 9])
    shapes = work([ours])
    assert list(shapes.entries) == [ours.key]
    assert set(shapes.snapshot.shapes) == set(task.shapes)
    assert list(shapes.unclaimed.values()) == [[stranger["id"]]]
    assert (shapes.removed, shapes.lost_at, shapes.doubtful_frames) == (0, None, set())


def test_looking_again_shows_what_came_meanwhile(cvat: CvatDouble, task: Task, work: Work) -> None:
    shapes = work()
    drawn = cvat.state.draw(task, 0, "person", [1, 1, 9, 9], source="auto")
    assert not shapes.unclaimed
    shapes.look()
    assert list(shapes.unclaimed.values()) == [[drawn["id"]]]


def test_shapes_are_claimed_once_and_by_whom_they_are_missing(
    cvat: CvatDouble, task: Task, work: Work, draft: Draft
) -> None:
    first, second = draft(0, 1.0, 20.0), draft(0, 1.0, drafts_hash="t")
    lying = cvat.state.create(task, {"shapes": [first.shapes[0].outgoing]})["shapes"][0]["id"]
    shapes = work()
    first.shapes[1].id = 999
    shapes.claim([first, second])
    assert [shape.id for shape in first.shapes] == [lying, 999]
    assert second.shapes[0].id is None
    assert not any(shapes.unclaimed.values())


def test_what_has_new_ids_is_claimed_by_whose_ids_are_gone(
    cvat: CvatDouble, task: Task, work: Work, published: Draft, draft: Draft
) -> None:
    there, gone, missing = published(0, 1.0), published(0, 20.0, 30.0, drafts_hash="t"), draft(1, 1.0)
    renewed = cvat.state.create(task, {"shapes": [task.shapes[gone.shapes[0].id or 0]]})["shapes"][0]["id"]
    twin = cvat.state.create(task, {"shapes": [task.shapes[there.shapes[0].id or 0]]})["shapes"][0]["id"]
    arrived = cvat.state.create(task, {"shapes": [missing.shapes[0].outgoing]})["shapes"][0]["id"]
    before, old = there.shapes[0].id, gone.shapes[1].id
    cvat.state.delete(task, {"shapes": [{"id": number} for number in gone.ids]})
    shapes = work([there, gone])
    shapes.claim_renewed([there, gone, missing])
    assert [shape.id for shape in gone.shapes] == [renewed, old], "nothing equals the other"
    assert (there.shapes[0].id, missing.shapes[0].id) == (before, None), "one is there, the other never was"
    assert sorted(n for numbers in shapes.unclaimed.values() for n in numbers) == sorted([twin, arrived])


def test_what_has_settled_is_written_with_the_next_word_to_the_ledger(work: Work, draft: Draft) -> None:
    shapes, entry, later = work(), draft(0, 1.0), draft(1, 1.0)
    shapes.write([entry])
    entry.shapes[0].id = 70
    shapes.settle([entry])
    assert entry.state is LedgerState.PUBLISHED
    assert {each.state for each in work().entries.values()} == {LedgerState.SENDING}
    shapes.write([later])
    assert {each.frame: (each.state, list(each.ids)) for each in work().entries.values()} == {
        0: (LedgerState.PUBLISHED, [70]), 1: (LedgerState.SENDING, []),
    }  # fmt: skip
    assert shapes.entries == {entry.key: entry, later.key: later}


def test_nothing_to_write_or_forget_says_nothing_to_the_ledger(
    work: Work, published: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = work([published(0, 1.0)])

    def no(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("firstpass.cvat.publishing.ledger.Ledger.save", no)
    monkeypatch.setattr("firstpass.cvat.publishing.ledger.Ledger.forget", no)
    shapes.write()
    shapes.forget([])
    assert len(shapes.entries) == 1


def test_what_is_forgotten_is_gone_here_and_in_the_ledger(work: Work, published: Draft) -> None:
    gone, stays = published(0, 1.0), published(1, 1.0)
    shapes = work([gone, stays])
    shapes.forget([gone])
    assert list(shapes.entries) == list(work().entries) == [stays.key]
