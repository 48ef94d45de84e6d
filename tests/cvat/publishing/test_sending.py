"""Exactly once: what is sent is there once, whatever goes wrong on its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection

from cvat.publishing.storm import FAULTS
from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing import sending
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.sending import ShapeSender, pieces
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.server import client, uncertain_writes
from firstpass.cvat.server.snapshot import fingerprint
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import another_task, copies, first_night, ids_in_ledger

Draft = Callable[..., LedgerEntry]
Work = Callable[..., TaskShapes]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PIECE", 6)


@pytest.fixture
def run(warehouse: connection, task: Task, small_pieces: None) -> str:
    return first_night(warehouse, task)


def entry(frame: int, shapes: int) -> LedgerEntry:
    return LedgerEntry(frame, "toy@1", "s", "a run", LedgerState.SENDING, [LedgerShape(n, n) for n in range(shapes)])


def frames(of: list[list[LedgerEntry]]) -> list[list[int]]:
    return [[each.frame for each in piece] for piece in of]


def test_a_piece_ends_with_the_frame_that_fills_it(small_pieces: None) -> None:
    sizes = [2, 3, 1, 7, 5, 2, 0, 6, 1]
    entries = [entry(frame, size) for frame, size in enumerate(sizes)]
    assert frames(list(pieces(entries))) == [[0, 1, 2], [3], [4, 5], [6, 7], [8]]


def test_a_thousand_shapes_fill_a_piece() -> None:
    assert frames(list(pieces([entry(0, 999), entry(1, 1), entry(2, 1000), entry(3, 5)]))) == [[0, 1], [2], [3]]


def test_frames_without_shapes_fill_a_piece_by_their_number() -> None:
    assert [len(piece) for piece in pieces(entry(frame, 0) for frame in range(600))] == [250, 250, 100]
    assert [len(piece) for piece in pieces(entry(frame, 4) for frame in range(500))] == [250, 250]
    assert [len(piece) for piece in pieces(entry(frame, 5) for frame in range(400))] == [200, 200]


def test_of_nothing_there_is_no_piece() -> None:
    assert list(pieces([])) == []


@given(st.lists(st.integers(0, 1200), max_size=300))
def test_pieces_hold_every_frame_once_and_in_order(sizes: list[int]) -> None:
    entries = [entry(frame, 0) for frame in range(len(sizes))]
    for each, size in zip(entries, sizes, strict=True):
        each.shapes = [LedgerShape(1, 1)] * size
    made = list(pieces(entries))
    assert [each.frame for piece in made for each in piece] == list(range(len(sizes)))
    for piece in made:
        assert piece
        assert sum(len(each.shapes) for each in piece[:-1]) < 1000


def test_what_is_announced_is_in_the_ledger_before_it_is_sent(task: Task, work: Work, draft: Draft) -> None:
    shapes, entries = work(), [draft(0, 1.0), draft(1, 1.0)]
    sender = ShapeSender(shapes)
    assert sender.announce(entries) is entries
    assert [(each.frame, each.state) for each in work().entries.values()] == [
        (0, LedgerState.SENDING), (1, LedgerState.SENDING),
    ]  # fmt: skip
    assert task.shapes == {}
    sender.create(entries)
    assert set(task.shapes) == {number for each in entries for number in each.ids}
    assert sender.sent == 2
    sender.close()
    assert {each.state for each in work().entries.values()} == {LedgerState.PUBLISHED}


def test_what_was_announced_and_never_sent_is_forgotten(work: Work, draft: Draft) -> None:
    shapes = work()
    sender = ShapeSender(shapes)
    first, second = sender.announce([draft(0, 1.0)]), sender.announce([draft(1, 1.0)])
    sender.create(first)
    sender.close()
    assert [each.frame for each in work().entries.values()] == [0]
    assert list(shapes.entries) == [first[0].key]
    assert second[0].nothing_arrived


def test_frames_without_shapes_are_done_without_a_request(cvat: CvatDouble, work: Work, draft: Draft) -> None:
    sender = ShapeSender(work())
    sender.create(sender.announce([draft(0), draft(1)]))
    sender.close()
    assert {each.state for each in work().entries.values()} == {LedgerState.PUBLISHED}
    assert not any(request.startswith("PATCH") for request in cvat.requests)


def test_shapes_that_lie_there_already_are_not_sent_again(
    cvat: CvatDouble, task: Task, work: Work, draft: Draft
) -> None:
    entries = [draft(0, 1.0, 20.0), draft(1, 1.0)]
    cvat.state.create(task, {"shapes": [entries[0].shapes[1].outgoing]})
    sender = ShapeSender(work())
    sender.create(sender.announce(entries))
    assert sender.sent == 2
    assert copies(task) == {1: 3}
    assert {number for each in entries for number in each.ids} == set(task.shapes)


def test_equal_detections_of_one_frame_each_have_their_shape(task: Task, work: Work, draft: Draft) -> None:
    (entry,) = entries = [draft(0, 1.0, 1.0, 1.0)]
    sender = ShapeSender(work())
    sender.create(sender.announce(entries))
    assert sorted(entry.ids) == sorted(task.shapes)
    assert len(task.shapes) == 3


def test_what_goes_out_is_the_very_text_that_the_ledger_has(
    work: Work, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[Any] = []
    real = client.Cvat.send

    def send(self: client.Cvat, number: int, action: str, shapes: Any) -> Any:
        texts.append(shapes)
        return real(self, number, action, shapes)

    monkeypatch.setattr(client.Cvat, "send", send)
    entries = [draft(0, 1.0, 20.0), draft(1), draft(2, 1.0)]
    sender = ShapeSender(work())
    written = [each.text for each in sender.announce(entries)]
    sender.create(entries)
    assert texts == [f"{(written[0] or '')[:-1]},{(written[2] or '')[1:]}"]


def test_what_was_not_written_out_is_sent_all_the_same(task: Task, work: Work, draft: Draft) -> None:
    sender = ShapeSender(work())
    sender.deliver([draft(0, 1.0), draft(1, 1.0)])
    assert len(task.shapes) == sender.sent == 2


def looks(cvat: CvatDouble, task: Task) -> int:
    return cvat.requests[f"GET /api/tasks/{task.id}/annotations/"]


def test_an_answer_that_says_all_needs_no_other_look(cvat: CvatDouble, task: Task, work: Work, draft: Draft) -> None:
    sender = ShapeSender(work())
    before = looks(cvat, task)
    sender.create(sender.announce([draft(0, 1.0, 1.0), draft(1, 1.0)]))
    assert looks(cvat, task) == before


def altered(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Let the server answer something else than what it did."""
    real = client.Cvat.send
    monkeypatch.setattr(client.Cvat, "send", lambda *arguments: change([dict(raw) for raw in real(*arguments)]))


@pytest.mark.parametrize(
    "change",
    [
        lambda created: created[::-1],
        lambda created: [{**raw, "score": raw["score"] + 1e-9} for raw in created],
        lambda created: [{**raw, "group": None} for raw in created],
        lambda created: [*created, created[0]],
    ],
    ids=["in another order", "with other digits", "with more keys", "one of them twice"],
)
def test_an_answer_in_other_words_is_understood_without_another_look(
    cvat: CvatDouble, task: Task, work: Work, draft: Draft, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    altered(monkeypatch, change)
    entries = [draft(0, 1.0, 20.0), draft(1, 1.0)]
    sender = ShapeSender(work())
    before = looks(cvat, task)
    sender.create(sender.announce(entries))
    assert looks(cvat, task) == before
    for each in entries:
        assert each.state is LedgerState.PUBLISHED
        for shape in each.shapes:
            assert fingerprint(task.shapes[shape.id or 0], {}) == shape.fingerprint
    assert len(task.shapes) == sender.sent == 3


def test_what_cvat_drops_is_said_and_stays_without_an_id(
    task: Task, work: Work, draft: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    task.jobs.pop()  # frames 4 to 7 lie in no job now
    entries = [draft(3, 1.0), draft(4, 1.0, 20.0)]
    sender = ShapeSender(work())
    sender.create(sender.announce(entries))
    sender.close()
    assert (sender.sent, [len(each.missing) for each in entries]) == (1, [0, 2])
    assert f"task {task.id}: CVAT took 2 shapes less than it was sent" in caplog.text
    assert {each.state for each in work().entries.values()} == {LedgerState.PUBLISHED}


def test_only_frames_about_which_a_request_got_lost_are_doubtful(
    cvat: CvatDouble, task: Task, work: Work, draft: Draft
) -> None:
    shapes = work()
    sender = ShapeSender(shapes)
    sender.create(sender.announce([draft(0, 1.0)]))
    assert shapes.lost_at is None
    cvat.faults.add("status", 504, when="after")
    before = time.monotonic()
    sender.create(sender.announce([draft(1, 1.0), draft(2, 1.0)]))
    sender.create(sender.announce([draft(3, 1.0)]))
    sender.create(sender.announce([draft(2, 20.0, drafts_hash="t")]))
    sender.close()
    assert shapes.doubtful_frames == {1, 2}
    assert copies(task) == {1: 5}, "it was looked before anything was sent again"
    assert before <= (shapes.lost_at or 0) <= time.monotonic()
    assert sender.sent == 5
    assert {(each.frame, each.drafts_hash) for each in work().entries.values() if each.unsure} == {
        (1, "s"), (2, "s"), (2, "t"),
    }  # fmt: skip


def test_a_refusal_forgets_what_will_not_come_and_keeps_what_is_there(
    cvat: CvatDouble, task: Task, work: Work, draft: Draft
) -> None:
    whole, partly, nothing = entries = [draft(0, 1.0), draft(1, 1.0, 20.0), draft(2, 1.0)]
    cvat.state.create(task, {"shapes": [whole.shapes[0].outgoing, partly.shapes[0].outgoing]})
    for shape in (partly.shapes[1], nothing.shapes[0]):
        assert shape.outgoing
        shape.outgoing["label_id"] = 9
    sender = ShapeSender(work())
    sender.announce(entries)
    with pytest.raises(FirstpassError, match="label_id"):
        sender.create(entries)
    sender.close()
    assert {each.frame: each.state for each in work().entries.values()} == {
        0: LedgerState.PUBLISHED, 1: LedgerState.SENDING,
    }  # fmt: skip
    assert len(task.shapes) == 2


def test_one_fault_while_creating(warehouse: connection, cvat: CvatDouble, small_pieces: None) -> None:
    for number, (kind, status, options) in enumerate([*FAULTS, *FAULTS]):
        task = another_task(cvat, f"{number}: {kind} {status} {options}")
        run = first_night(warehouse, task)
        skip = 2 if number >= len(FAULTS) and options.get("method") != "GET" else 0
        cvat.faults.add(kind, status, **options | {"skip": skip})  # type: ignore[arg-type]
        summary = publish_run(run)
        assert (summary["shapes"], summary["lost"]) == (24, 0), task.name
        assert len(cvat.faults.hits) == number + 1
        if kind == "late":
            time.sleep(0.15)
        assert publish_run(run)["state"] == "published", task.name
        assert copies(task) == {1: 24}, task.name
        assert ids_in_ledger(warehouse, task) == set(task.shapes), task.name


def test_an_answer_that_says_less_than_was_done(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = client.Cvat.send
    monkeypatch.setattr(client.Cvat, "send", lambda *arguments: real(*arguments)[1:])
    summary = publish_run(run)
    assert (summary["lost"], summary["shapes_in_task"]) == (0, 24)
    assert ids_in_ledger(warehouse, task) == set(task.shapes)


def test_the_same_publish_twice_at_once(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(publish_run, 4 * [run]))
    assert sorted(summary["shapes"] for summary in summaries) == [0, 0, 0, 24]
    assert copies(task) == {1: 24}


def test_an_outage_is_said_and_made_up_for(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uncertain_writes, "TRIES", 3)
    cvat.faults.add("status", 503, skip=1, times=3)
    summary = publish_run(run)
    assert summary["state"] == "failed"
    assert "after 3 tries it is still not done" in summary["tasks"][0]["reason"]
    assert publish_run(run)["state"] == "published"
    assert copies(task) == {1: 24}


def test_a_label_deleted_while_we_work(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = client.Cvat.send

    def send(self: client.Cvat, number: int, action: str, shapes: Any) -> Any:
        task.own_labels[:] = [label for label in task.own_labels if label.name != "Car"]
        return real(self, number, action, shapes)

    with monkeypatch.context() as patch:
        patch.setattr(client.Cvat, "send", send)
        summary = publish_run(run)
    assert summary["state"] == "failed"
    assert "label_id" in summary["tasks"][0]["reason"]
    assert task.shapes == {}
    assert ids_in_ledger(warehouse, task) == set()
    summary = publish_run(run)
    assert (summary["state"], summary["shapes"]) == ("published", 16)
    assert summary["tasks"][0]["dropped"] == {"car: no label of this name": 8}


def test_a_task_deleted_while_we_work(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = client.Cvat.send

    def send(self: client.Cvat, *arguments: Any) -> Any:
        cvat.state.tasks.clear()
        return real(self, *arguments)

    monkeypatch.setattr(client.Cvat, "send", send)
    summary = publish_run(run)
    assert summary["state"] == "failed"
    assert "does not exist (any more)" in summary["tasks"][0]["reason"]


def test_a_token_that_may_only_read(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", cvat.connection(cvat.read_only_token))
    client.cvat.cache_clear()
    summary = publish_run(run)
    assert "it may only read or has no access" in summary["tasks"][0]["reason"]
    assert ids_in_ledger(warehouse, task) == set()
