"""The ledger: what was written is there for whoever comes next, and one works in a task at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection

from firstpass.cvat.publishing.ledger import Ledger, LedgerEntry, LedgerShape, LedgerState, keys_by_task

SERVER = "https://cvat.example.org"


@pytest.fixture
def ledger(warehouse: connection) -> Ledger:
    return Ledger(warehouse, SERVER, 12)


def entry(frame: int = 0, *shapes: LedgerShape, **fields: Any) -> LedgerEntry:
    plain: dict[str, Any] = {"model": "toy@1", "drafts_hash": "s", "run_id": "a run", "state": LedgerState.PUBLISHED}
    return LedgerEntry(frame=frame, shapes=list(shapes), **plain | fields)


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1)
sent = st.none() | st.fixed_dictionaries(
    {"frame": st.integers(0, 9), "points": st.lists(st.integers(0, 10**6).map(lambda n: n / 100), max_size=6)}
)


@st.composite
def entries(draw: Any) -> LedgerEntry:
    """Any entry as one comes out of planning, sending or removing."""
    state = draw(st.sampled_from(LedgerState))
    ids = draw(st.lists(st.none() | st.integers(0, 2**63 - 1), max_size=5))
    ids = [n if n is None or n not in ids[:i] else None for i, n in enumerate(ids)]
    shapes = [
        LedgerShape(
            detection=draw(st.integers(1, 2**31 - 1)),
            fingerprint=draw(numbers),
            id=number,
            outgoing=draw(sent) if state is LedgerState.SENDING else None,
            removing=number is not None and state is LedgerState.REMOVING and draw(st.booleans()),
        )
        for number in ids
    ]
    named = {"model": draw(names), "drafts_hash": draw(names), "run_id": draw(names), "unsure": draw(st.booleans())}
    return entry(draw(st.integers(0, 2**31 - 1)), *shapes, state=state, **named)


def read(ledger: Ledger) -> dict[Any, LedgerEntry]:
    return {found.key: found for found in ledger.entries()}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(entries(), max_size=4, unique_by=lambda each: each.key))
def test_whatever_is_saved_is_read_back(ledger: Ledger, some: list[LedgerEntry]) -> None:
    ledger.save(some)
    assert read(ledger) == {each.key: replace(each, text=None) for each in some}
    ledger.forget(some)
    assert ledger.entries() == []


def test_an_entry_is_replaced_by_what_is_saved_of_its_frame_model_and_drafts(ledger: Ledger) -> None:
    sending = entry(
        3, LedgerShape(1, 7, outgoing={"frame": 3}), LedgerShape(2, 8, outgoing={"frame": 3}), state=LedgerState.SENDING
    )
    ledger.save([sending])
    later = entry(
        3, LedgerShape(5, 9, 100, removing=True), state=LedgerState.REMOVING, run_id="a later run", unsure=True
    )
    ledger.save([later])
    assert ledger.entries() == [later]


def test_neighbours_of_an_entry_stay_as_they_are(ledger: Ledger, warehouse: connection) -> None:
    mine = entry(3, LedgerShape(1, 7, 70))
    beside = [
        entry(4, LedgerShape(1, 7, 71)),
        entry(3, LedgerShape(1, 7, 72), model="toy@2"),
        entry(3, LedgerShape(1, 7, 73), drafts_hash="t"),
    ]
    elsewhere = [Ledger(warehouse, SERVER, 13), Ledger(warehouse, "https://other.example.org", 12)]
    ledger.save([mine, *beside])
    for other in elsewhere:
        other.save([mine])
    arrived = entry(3, LedgerShape(1, 7, 99), state=LedgerState.KEPT)
    ledger.save([], [arrived])
    assert read(ledger) == {each.key: each for each in (arrived, *beside)}
    ledger.forget([mine])
    assert read(ledger) == {each.key: each for each in beside}
    for other in elsewhere:
        assert other.entries() == [mine]


def test_of_what_arrived_only_the_state_and_the_ids_are_written(ledger: Ledger) -> None:
    shapes = [LedgerShape(1, 7, outgoing={"frame": 3}), LedgerShape(2, 8, outgoing={"frame": 3})]
    sending = entry(3, *shapes, state=LedgerState.SENDING)
    ledger.save([sending])
    sending.shapes[0].id = 70
    sending.unsure = True
    sending.settle(LedgerState.PUBLISHED)
    ledger.save([], [sending])
    assert ledger.entries() == [entry(3, LedgerShape(1, 7, 70), LedgerShape(2, 8), unsure=True)]


def test_saving_notes_the_very_text_that_is_sent(ledger: Ledger) -> None:
    sending = entry(3, LedgerShape(1, 7, outgoing={"frame": 3, "points": [1.5]}), state=LedgerState.SENDING)
    published = entry(4, LedgerShape(1, 7, 70))
    ledger.save([sending, published])
    assert sending.text == '[{"frame":3,"points":[1.5]}]'
    assert published.text is None


def test_more_entries_than_one_statement_takes(ledger: Ledger) -> None:
    many = [entry(frame, LedgerShape(1, frame, outgoing={}), state=LedgerState.SENDING) for frame in range(1001)]
    ledger.save(many)
    for each in many:
        each.shapes[0].id = 5000 + each.frame
        each.settle(LedgerState.PUBLISHED)
    ledger.save([], many)
    assert ledger.entries() == many
    ledger.forget(many[1:])
    assert ledger.entries() == many[:1]


def test_entries_come_in_order_of_frame_and_those_of_one_frame_as_they_were_written_last(ledger: Ledger) -> None:
    for frame in (5, 2, 9):
        ledger.save([entry(frame)])
    for drafts_hash in ("t", "a", "u"):
        ledger.save([entry(2, drafts_hash=drafts_hash)])
    order = [(5, "s"), (9, "s")]
    found = [(each.frame, each.drafts_hash) for each in ledger.entries()]
    assert found == [(2, "s"), (2, "t"), (2, "a"), (2, "u"), *order]
    ledger.save([entry(2)])
    ledger.save([], [entry(2, drafts_hash="t")])
    found = [(each.frame, each.drafts_hash) for each in ledger.entries()]
    assert found == [(2, "a"), (2, "u"), (2, "s"), (2, "t"), *order]


def test_what_an_entry_says_of_its_shapes() -> None:
    there, gone = LedgerShape(1, 7, 70), LedgerShape(2, 8)
    mixed = entry(0, there, gone)
    assert (list(mixed.ids), mixed.missing, mixed.nothing_arrived) == ([70], [gone], False)
    lost = entry(0, gone)
    assert (list(lost.ids), lost.missing, lost.nothing_arrived) == ([], [gone], True)
    empty = entry(0)
    assert (list(empty.ids), empty.missing, empty.nothing_arrived) == ([], [], False)
    assert empty.unsure is False


def test_settling_leaves_nothing_under_way() -> None:
    shapes = [LedgerShape(1, 7, outgoing={"frame": 0}), LedgerShape(2, 8, 80, removing=True)]
    sending = entry(0, *shapes, state=LedgerState.SENDING, text="[]")
    sending.settle(LedgerState.KEPT)
    assert sending == entry(0, LedgerShape(1, 7), LedgerShape(2, 8, 80), state=LedgerState.KEPT)


def test_a_versions_keys_come_in_order_of_task_and_frame_with_the_run_that_sent_each(warehouse: connection) -> None:
    for task, frame, run in ((13, 1, "first"), (12, 4, "second"), (12, 2, "first"), (2, 9, "first")):
        Ledger(warehouse, SERVER, task).save([entry(frame, run_id=run)])
    Ledger(warehouse, SERVER, 12).save([entry(0, model="toy@2"), entry(0, drafts_hash="t")])
    Ledger(warehouse, "https://other.example.org", 12).save([entry(0)])
    assert keys_by_task(warehouse, SERVER, "toy@1") == [
        (2, (9, "toy@1", "s"), "first"),
        (12, (0, "toy@1", "t"), "a run"),
        (12, (2, "toy@1", "s"), "first"),
        (12, (4, "toy@1", "s"), "second"),
        (13, (1, "toy@1", "s"), "first"),
    ]


def test_who_comes_second_waits_until_the_first_has_had_its_turn(
    warehouse_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstpass")
    order: list[str] = []
    inside = Event()

    def second() -> None:
        with closing(psycopg2.connect(warehouse_dsn)) as other:
            inside.wait(5)
            with Ledger(other, SERVER, 12).turn():
                order.append("second")

    with ThreadPoolExecutor(1) as pool, closing(psycopg2.connect(warehouse_dsn)) as conn:
        with Ledger(conn, SERVER, 12).turn():
            waiting = pool.submit(second)
            inside.set()
            while "waiting for our turn" not in caplog.text:
                assert not waiting.done()
            order.append("first")
        waiting.result(5)
    assert order == ["first", "second"]


@pytest.mark.parametrize("ending", [None, RuntimeError, KeyboardInterrupt])
def test_a_turn_ends_however_its_block_does(
    warehouse: connection, warehouse_dsn: str, ending: type[BaseException] | None
) -> None:
    def take_a_turn() -> None:
        with Ledger(warehouse, SERVER, 12).turn(), warehouse.cursor() as cur:
            cur.execute("SELECT 1")
            if ending:
                raise ending

    if ending:
        with pytest.raises(ending):
            take_a_turn()
    else:
        take_a_turn()
    assert free(warehouse_dsn, SERVER, 12)


def test_a_turn_in_which_a_statement_failed_ends_too(warehouse: connection, warehouse_dsn: str) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable):  # noqa: SIM117 - the turn is what is to end
        with Ledger(warehouse, SERVER, 12).turn(), warehouse.cursor() as cur:
            cur.execute("SELECT FROM nothing")
    assert free(warehouse_dsn, SERVER, 12)


def test_turns_of_other_tasks_and_servers_are_not_waited_for(warehouse: connection, warehouse_dsn: str) -> None:
    with Ledger(warehouse, SERVER, 12).turn():
        assert free(warehouse_dsn, SERVER, 13)
        assert free(warehouse_dsn, "https://other.example.org", 12)
        assert not free(warehouse_dsn, SERVER, 12)


def free(dsn: str, server: str, task: int, milliseconds: int = 50) -> bool:
    """Whether somebody else would get the task within this time."""
    with closing(psycopg2.connect(dsn, options=f"-c lock_timeout={milliseconds}")) as conn:
        try:
            with Ledger(conn, server, task).turn():
                return True
        except psycopg2.errors.LockNotAvailable:
            return False


def test_a_connection_that_was_lost_takes_its_turn_with_it(warehouse_dsn: str) -> None:
    conn = psycopg2.connect(warehouse_dsn)
    with Ledger(conn, SERVER, 12).turn():
        conn.close()
    assert free(warehouse_dsn, SERVER, 12, milliseconds=5000)
