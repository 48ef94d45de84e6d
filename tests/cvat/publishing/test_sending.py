"""Exactly once, one fault at a time."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg2.extensions import connection

from cvat.publishing.storm import FAULTS
from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing import recovery, sending, task_shapes
from firstpass.cvat.publishing.ledger import Ledger
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.cvat.server import client, uncertain_writes
from fixtures.cvat_runs import Night, boxes, jpeg


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PIECE", 6)


@pytest.fixture
def run(warehouse: connection, task: Task) -> str:
    return first_night(warehouse, task)


def first_night(warehouse: connection, task: Task) -> str:
    return Night(f"{task.name} 1", task.id, {frame: boxes(frame) for frame in range(8)}).save(warehouse)


def newer(warehouse: connection, task: Task) -> str:
    found = {frame: boxes(frame, 2, shift=0.5) for frame in range(8)}
    name = f"{task.name} 2"
    return Night(name, task.id, found, version="bbbbbbbbbbbb", decided_at="2026-03-01").save(warehouse)


def another(cvat: CvatDouble, name: str) -> Task:
    """A task like the fixture's: making one is quicker than a test with a warehouse of its own."""
    labels = ["person", "Car", "traffic_light"]
    return cvat.state.add_task(name, labels=labels, frames=[jpeg()] * 8, segment_size=4)


def copies(task: Task) -> dict[int, int]:
    """How often shapes are there → how many of them."""
    return Counter(Counter((s["frame"], s["score"], *s["points"]) for s in task.shapes.values()).values())


def ledger(warehouse: connection, task: Task) -> set[int]:
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT shape_id FROM published_shapes WHERE task = %s", [task.id])
        return {shape_id for (shape_id,) in cur}


def test_one_fault_while_creating(warehouse: connection, cvat: CvatDouble) -> None:
    for number, (kind, status, options) in enumerate([*FAULTS, *FAULTS]):
        task = another(cvat, f"{number}: {kind} {status} {options}")
        run = first_night(warehouse, task)
        skip = 2 if number >= len(FAULTS) and options.get("method") != "GET" else 0
        cvat.faults.add(kind, status, **options | {"skip": skip})  # type: ignore[arg-type]
        publish_run(run)
        assert len(cvat.faults.hits) == number + 1
        if kind == "late":
            time.sleep(0.15)
        assert publish_run(run)["state"] == "published", task.name
        assert copies(task) == {1: 24}, task.name
        assert ledger(warehouse, task) == set(task.shapes), task.name


def test_one_fault_while_taking_old_drafts_away(warehouse: connection, cvat: CvatDouble) -> None:
    cases = [(kind, when) for kind in ("status", "drop", "truncate") for when in ("before", "after")]
    for number, (kind, when) in enumerate(cases, start=1):
        task = another(cvat, f"{kind} {when}")
        publish_run(first_night(warehouse, task))
        cvat.faults.add(kind, 504, when=when, skip=3)  # type: ignore[arg-type]  # three pieces are created first
        assert publish_run(newer(warehouse, task))["state"] == "published", task.name
        assert len(cvat.faults.hits) == number
        assert copies(task) == {1: 16}, task.name
        assert ledger(warehouse, task) == set(task.shapes), task.name


class Killed(BaseException):
    """Stands for SIGKILL."""


def test_killed_at_any_word_to_the_ledger(
    warehouse: connection, cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before or after each time that the ledger is written, while a newer version replaces an older one."""
    for step in range(1, 20):
        for after in (False, True):
            task = another(cvat, f"killed {'after' if after else 'before'} {step}")
            publish_run(first_night(warehouse, task))
            second = newer(warehouse, task)
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
            assert ledger(warehouse, task) == set(task.shapes), task.name
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
    assert ledger(warehouse, task) == set(task.shapes)


def test_a_request_that_arrives_after_its_publisher_died_and_a_newer_version_came(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cvat.faults.add("late", 504, seconds=0.4)
    with monkeypatch.context() as patch:
        patch.setattr(task_shapes.TaskShapes, "look", _die_on_second_look(task_shapes.TaskShapes.look))
        with pytest.raises(Killed):
            publish_run(run)
    second = newer(warehouse, task)
    publish_run(second)
    time.sleep(0.5)
    publish_run(second)
    assert copies(task) == {1: 16}
    assert ledger(warehouse, task) == set(task.shapes)


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
    assert ledger(warehouse, task) == set(task.shapes)


def test_an_answer_that_says_less_than_was_done(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = client.Cvat.send
    monkeypatch.setattr(client.Cvat, "send", lambda *arguments: real(*arguments)[1:])
    summary = publish_run(run)
    assert (summary["lost"], summary["shapes_in_task"]) == (0, 24)
    assert ledger(warehouse, task) == set(task.shapes)


def test_an_edit_that_is_saved_during_the_last_look(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the edit does not tell of it; that the task was changed meanwhile does."""
    publish_run(run)
    draft = min(task.shapes.values(), key=lambda shape: shape["id"])
    edited = draft | {"points": [0.0, 0.0, 9.0, 9.0]}
    real = client.Cvat.shapes

    def shapes(self: client.Cvat, number: int, keep: Any) -> Any:
        answer = real(self, number, keep)
        if keep.__name__ == "keep" and task.shapes[draft["id"]] == draft and "_read_at_rest" in keep.__qualname__:
            cvat.state.update(task, {"shapes": [edited]})
        return answer

    monkeypatch.setattr(client.Cvat, "shapes", shapes)
    assert publish_run(newer(warehouse, task))["kept"] == 1
    assert task.shapes[draft["id"]]["points"] == edited["points"]


def test_jobs_that_overlap_each_have_their_copy(warehouse: connection, cvat: CvatDouble) -> None:
    labels = ["person", "Car", "traffic_light"]
    task = cvat.state.add_task("overlap", labels=labels, frames=[jpeg()] * 8, segment_size=4, overlap=2)
    assert [(job.start, job.stop) for job in task.jobs] == [(0, 3), (2, 5), (4, 7)]
    first, second = first_night(warehouse, task), newer(warehouse, task)
    assert publish_run(first)["shapes_in_task"] == 24
    assert len(task.shapes) == 24 + 4 * 3, "four frames lie in two jobs"
    assert publish_run(second)["replaced"] == 24 + 4 * 3
    assert copies(task) == {1: 4 * 2, 2: 4 * 2}
    assert publish_run(second)["shapes"] == 0
    withdraw_run(second)
    assert task.shapes == {}


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
    assert ledger(warehouse, task) == set()
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
    assert ledger(warehouse, task) == set()
