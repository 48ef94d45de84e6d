"""A run's shapes are taken out again, wherever they are and whichever run sent them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cvat_sdk import Client, models
from cvat_sdk.core.client import AccessTokenCredentials
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.contracts.thresholds import Thresholds
from firstpass.cvat.publishing.ledger import Ledger, LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.publishing.publications import publications_of
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.cvat.server import client
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import Killed, Night, another_task, boxes, first_night, jpeg, newer_night


@pytest.fixture
def run(warehouse: connection, task: Task) -> str:
    return first_night(warehouse, task)


def only(summary: dict[str, Any]) -> dict[str, Any]:
    (entry,) = summary["tasks"]
    return entry


def entry(frame: int, **fields: Any) -> LedgerEntry:
    plain: dict[str, Any] = {"model": "toy@aaaaaaaaaaaa", "drafts_hash": Thresholds(0.3).digest(2), "run_id": "a run"}
    return LedgerEntry(
        frame=frame, state=LedgerState.PUBLISHED, shapes=[LedgerShape(1, 7, frame + 1000)], **plain | fields
    )


def test_withdraw_takes_away_what_nobody_edited(cvat: CvatDouble, task: Task, run: str) -> None:
    person = cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    publish_run(run)
    edited = next(s for s in task.shapes.values() if s["frame"] == 3) | {"occluded": True}
    cvat.state.update(task, {"shapes": [edited]})
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 20, "kept": 1, "gone": 0}
    assert task.shapes == {person["id"]: person, edited["id"]: edited}
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 0, "kept": 1, "gone": 0}
    assert only(publish_run(run))["frames"] == 6  # all but the one with the edited draft and the person's


def test_withdraw_takes_away_what_the_run_found_drafted_already(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    again = Night("night 2", task.id, {frame: boxes(frame) for frame in range(4)}, started_at="2026-02-02")
    assert only(publish_run(again.save(warehouse)))["left_alone"] == {"published already": 4}
    assert withdraw_run("night 2")["removed"] == 12
    assert {shape["frame"] for shape in task.shapes.values()} == {4, 5, 6, 7}


def test_a_task_deleted_after_it_was_drafted_can_be_withdrawn(cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    del cvat.state.tasks[task.id]
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 0, "kept": 0, "gone": 24}
    assert withdraw_run(run)["tasks"] == []


def test_a_run_that_there_is_not(warehouse: connection, cvat: CvatDouble) -> None:
    with pytest.raises(FirstpassError, match="no run 'none'"):
        withdraw_run("none")


def test_a_run_that_was_never_published_has_nothing_to_withdraw(cvat: CvatDouble, task: Task, run: str) -> None:
    assert withdraw_run("latest") == {"run_id": run, "tasks": [], "removed": 0, "kept": 0, "gone": 0}


def test_all_tasks_of_a_run_are_withdrawn_and_marked_so(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    other = another_task(cvat, "other")
    run = first_night(warehouse, task)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET task = %s WHERE frame >= 5", [other.id])
    publish_run(run)
    kept = next(s for s in other.shapes.values() if s["frame"] == 6)
    cvat.state.update(other, {"shapes": [kept | {"z_order": 1}]})
    summary = withdraw_run(run)
    assert summary == {"run_id": run, "tasks": [task.id, other.id], "removed": 23, "kept": 1, "gone": 0}
    assert (task.shapes, list(other.shapes)) == ({}, [kept["id"]])
    assert [each["state"] for each in publications_of(warehouse, run)] == ["withdrawn", "withdrawn"]


def test_shapes_of_other_versions_models_and_frames_stay(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    publish_run(Night("faces", task.id, {0: boxes(0, 2, shift=3)}, model="faces").save(warehouse))
    publish_run(Night("stricter", task.id, {1: boxes(1, 1)}, threshold=0.945).save(warehouse))
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
    others = [entry(0, model="faces@1"), entry(1, drafts_hash="2" * 12)]
    ledger.save(others)
    del cvat.state.tasks[task.id]
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 0, "kept": 0, "gone": 24}
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
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 21, "kept": 0, "gone": 0}
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
    assert withdraw_run(run) == {"run_id": run, "tasks": [], "removed": 0, "kept": 0, "gone": 0}
    assert len(task.shapes) == 16


def saved(cvat: CvatDouble, task: Task, job: int, change: Callable[[list[Any]], None] = lambda _: None) -> None:
    """What a script does with CVAT's SDK: fetch a job's annotations, change some, put them all."""
    only = task.jobs[job]
    with Client(cvat.url) as sdk:
        sdk.login(AccessTokenCredentials(cvat.token))
        found = sdk.tasks.retrieve(task.id).get_annotations()
        shapes = [s.to_dict() for s in found.shapes if only.start <= s.frame <= only.stop]
        change(shapes)
        put = models.LabeledDataRequest(shapes=[models.LabeledShapeRequest(**s) for s in shapes])
        sdk.jobs.api.update_annotations(only.id, labeled_data_request=put)


def test_shapes_whose_ids_another_client_renewed_are_withdrawn_too(cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    before = set(task.shapes)
    saved(cvat, task, 0)
    assert len(before & set(task.shapes)) == 12
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 24, "kept": 0, "gone": 0}
    assert task.shapes == {}
    assert only(publish_run(run))["shapes"] == 24, "the frames are nobody's again"


def test_what_was_edited_or_deleted_in_a_job_that_was_saved_anew_is_told_as_what_it_is(
    cvat: CvatDouble, task: Task, run: str
) -> None:
    """Three edited and one deleted on frames 0 to 3, which are saved anew; one of each on frames 4 and 5, by id."""

    def change(shapes: list[Any]) -> None:
        shapes[0]["points"] = [0.0, 0.0, 5.0, 5.0]
        shapes[3]["label_id"] = task.labels[2].id
        shapes[4]["occluded"], shapes[4]["source"] = True, "semi-auto"
        del shapes[5]

    publish_run(run)
    fifth, sixth = (next(s for s in task.shapes.values() if s["frame"] == frame) for frame in (4, 5))
    cvat.state.update(task, {"shapes": [fifth | {"z_order": 1}]})
    cvat.state.delete(task, {"shapes": [sixth]})
    saved(cvat, task, 0, change)
    summary = withdraw_run(run)
    assert summary == {"run_id": run, "tasks": [task.id], "removed": 24 - 4 - 2, "kept": 4, "gone": 2}
    assert len(task.shapes) == summary["kept"]
    assert sorted(s["frame"] for s in task.shapes.values()) == [0, 1, 1, 4]
    again = withdraw_run(run)
    assert again == {"run_id": run, "tasks": [task.id], "removed": 0, "kept": 4, "gone": 2}


def test_what_a_person_drew_in_a_job_that_was_saved_anew_is_neither_touched_nor_counted(
    cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    ours = next(s for s in task.shapes.values() if s["frame"] == 0)
    cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    cvat.state.draw(task, 0, "person", ours["points"], score=ours["score"])
    saved(cvat, task, 0, lambda shapes: shapes.remove(next(s for s in shapes if s["source"] == "auto")))
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 23, "kept": 0, "gone": 1}
    assert [s["source"] for s in task.shapes.values()] == ["manual", "manual"]


def test_another_machines_shapes_do_not_stand_for_ours_that_were_deleted(
    cvat: CvatDouble, task: Task, run: str
) -> None:
    """Those that were there before, and those on a frame where one of ours still is."""
    older = cvat.state.draw(task, 0, "person", [1, 1, 9, 9], source="auto")
    publish_run(run)
    later = cvat.state.draw(task, 1, "person", [1, 1, 9, 9], source="auto")
    doomed = [s for s in task.shapes.values() if s["frame"] == 0 and s["id"] != older["id"]]
    doomed.append(next(s for s in task.shapes.values() if s["frame"] == 1))
    cvat.state.delete(task, {"shapes": doomed})
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 20, "kept": 0, "gone": 4}
    assert task.shapes == {older["id"]: older, later["id"]: later}


def test_no_more_is_kept_than_was_published(cvat: CvatDouble, task: Task, run: str) -> None:
    """Another machine drew five on a frame whose drafts were all deleted: at most three of them are ours."""
    publish_run(run)
    cvat.state.delete(task, {"shapes": [s for s in task.shapes.values() if s["frame"] == 0]})
    for x in range(5):
        cvat.state.draw(task, 0, "person", [x, 1, 9, 9], source="auto")
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 21, "kept": 3, "gone": 0}


def test_a_withdrawal_that_was_killed_is_finished_and_counts_everything(
    cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first deletion arrived; then the other job was saved anew."""
    publish_run(run)
    edited = next(s for s in task.shapes.values() if s["frame"] == 0) | {"z_order": 1}
    cvat.state.update(task, {"shapes": [edited]})
    real = client.Cvat.send

    def send(self: client.Cvat, number: int, action: str, doomed: Any) -> Any:
        real(self, number, action, doomed[:6])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(client.Cvat, "send", send)
        with pytest.raises(Killed):
            withdraw_run(run)
    assert len(task.shapes) == 18
    saved(cvat, task, 1)
    assert withdraw_run(run) == {"run_id": run, "tasks": [task.id], "removed": 23, "kept": 1, "gone": 0}
    assert list(task.shapes) == [edited["id"]]


def test_copies_in_jobs_that_overlap_are_counted_once(warehouse: connection, cvat: CvatDouble) -> None:
    task = another_task(cvat, "overlap", overlap=2)
    run = first_night(warehouse, task)
    assert publish_run(run)["shapes_in_task"] == 24
    assert len(task.shapes) == 36
    assert withdraw_run(run)["removed"] == 24
    assert task.shapes == {}


def test_what_an_earlier_release_left_of_a_job_that_was_saved_anew_is_removed(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    """It took shapes without their ids for a person's and the frames for kept."""
    publish_run(run)
    ledger = Ledger(warehouse, cvat.url, task.id)
    entries = ledger.entries()
    for each in entries:
        each.settle(LedgerState.KEPT)
    ledger.save(entries)
    saved(cvat, task, 0)
    saved(cvat, task, 1)
    assert withdraw_run(run)["removed"] == 24
    assert (task.shapes, ledger.entries()) == ({}, [])
