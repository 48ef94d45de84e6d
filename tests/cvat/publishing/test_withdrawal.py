"""A run's shapes are taken out again, wherever they are and whichever run sent them."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing.ledger import Ledger, LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.publishing.publications import publications_of
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import Night, another_task, boxes, first_night, jpeg, newer_night


@pytest.fixture
def run(warehouse: connection, task: Task) -> str:
    return first_night(warehouse, task)


def only(summary: dict[str, Any]) -> dict[str, Any]:
    (entry,) = summary["tasks"]
    return entry


def entry(frame: int, **fields: Any) -> LedgerEntry:
    plain: dict[str, Any] = {"model": "toy@aaaaaaaaaaaa", "settings_hash": "111111111111", "run_id": "a run"}
    return LedgerEntry(
        frame=frame, state=LedgerState.PUBLISHED, shapes=[LedgerShape(1, 7, frame + 1000)], **plain | fields
    )


def test_withdraw_takes_away_what_nobody_edited(cvat: CvatDouble, task: Task, run: str) -> None:
    person = cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    publish_run(run)
    edited = next(s for s in task.shapes.values() if s["frame"] == 3) | {"occluded": True}
    cvat.state.update(task, {"shapes": [edited]})
    assert withdraw_run(run) | {"tasks": []} == {"run_id": run, "tasks": [], "removed": 20, "kept": 1}
    assert task.shapes == {person["id"]: person, edited["id"]: edited}
    assert withdraw_run(run) | {"tasks": []} == {"run_id": run, "tasks": [], "removed": 0, "kept": 0}
    assert only(publish_run(run))["frames"] == 6  # all but the one with the edited draft and the person's


def test_withdraw_takes_away_what_the_run_found_drafted_already(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    again = Night("night 2", task.id, {frame: boxes(frame) for frame in range(4)}, started_at="2026-02-02")
    assert only(publish_run(again.save(warehouse)))["left_alone"] == {"published already": 8}
    assert withdraw_run("night 2")["removed"] == 12
    assert {shape["frame"] for shape in task.shapes.values()} == {4, 5, 6, 7}


def test_a_task_deleted_after_it_was_drafted_can_be_withdrawn(cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    del cvat.state.tasks[task.id]
    assert withdraw_run(run)["removed"] == 0
    assert withdraw_run(run)["tasks"] == []


def test_a_run_that_there_is_not(warehouse: connection, cvat: CvatDouble) -> None:
    with pytest.raises(FirstpassError, match="no run 'none'"):
        withdraw_run("none")


def test_a_run_that_was_never_published_has_nothing_to_withdraw(cvat: CvatDouble, task: Task, run: str) -> None:
    assert withdraw_run("latest") == {"run_id": run, "tasks": [], "removed": 0, "kept": 0}


def test_all_tasks_of_a_run_are_withdrawn_and_marked_so(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    other = another_task(cvat, "other")
    run = first_night(warehouse, task)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET task = %s WHERE frame >= 5", [other.id])
    publish_run(run)
    kept = next(s for s in other.shapes.values() if s["frame"] == 6)
    cvat.state.update(other, {"shapes": [kept | {"z_order": 1}]})
    summary = withdraw_run(run)
    assert summary == {"run_id": run, "tasks": [task.id, other.id], "removed": 23, "kept": 1}
    assert (task.shapes, list(other.shapes)) == ({}, [kept["id"]])
    assert [each["state"] for each in publications_of(warehouse, run)] == ["withdrawn", "withdrawn"]


def test_shapes_of_other_versions_models_and_frames_stay(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    publish_run(Night("faces", task.id, {0: boxes(0, 2, shift=3)}, model="faces").save(warehouse))
    publish_run(Night("stricter", task.id, {1: boxes(1, 1)}, settings_hash="2" * 12).save(warehouse))
    part = Night("part", task.id, {2: boxes(2)}).save(warehouse)
    assert withdraw_run(part)["removed"] == 3
    frames = sorted(s["frame"] for s in task.shapes.values())
    assert frames == [0] * 5 + [1] + [3] * 3 + [4] * 3 + [5] * 3 + [6] * 3 + [7] * 3


def test_what_a_run_sent_is_its_own_even_where_its_images_are_forgotten(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("DELETE FROM outcomes")
    assert withdraw_run(run)["removed"] == 24


def test_of_a_deleted_task_only_the_runs_own_entries_are_forgotten(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    ledger = Ledger(warehouse, cvat.url, task.id)
    others = [entry(0, model="faces@1"), entry(1, settings_hash="2" * 12)]
    ledger.save(others)
    del cvat.state.tasks[task.id]
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 0, "kept": 0}
    assert ledger.entries() == others


def test_what_was_being_sent_when_its_publisher_died_is_withdrawn_too(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    ledger = Ledger(warehouse, cvat.url, task.id)
    arrived, lost = ledger.entries()[:2]
    for each in (arrived, lost):
        each.state = LedgerState.SENDING
        for shape in each.shapes:
            shape.outgoing = dict(task.shapes[shape.id or 0])
    cvat.state.delete(task, {"shapes": [{"id": number} for number in lost.ids]})
    for shape in lost.shapes:
        shape.id = None
    ledger.save([arrived, lost])
    assert withdraw_run(run)["removed"] == 21
    assert task.shapes == {}
    assert ledger.entries() == []


def test_attributes_that_have_their_defaults_are_no_edit(warehouse: connection, cvat: CvatDouble) -> None:
    attributes = [{"name": "side", "input_type": "select", "values": ["left", "right"], "default_value": "right"}]
    task = cvat.state.add_task("a", labels=[{"name": "person", "attributes": attributes}], frames=[jpeg()])
    publish_run(Night("night 1", task.id, {0: boxes(0, 1)}).save(warehouse))
    (shape,) = task.shapes.values()
    shape["attributes"] = []
    assert withdraw_run("night 1")["removed"] == 1


def test_a_newer_version_stays_when_the_older_one_is_withdrawn(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    publish_run(newer_night(warehouse, task))
    assert withdraw_run(run) | {"tasks": []} == {"run_id": run, "tasks": [], "removed": 0, "kept": 0}
    assert len(task.shapes) == 16
