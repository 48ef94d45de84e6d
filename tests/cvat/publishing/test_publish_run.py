"""Publishing: drafts arrive exactly once, and what people did is never touched."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing import sending
from firstpass.cvat.publishing.publish_run import preview_run, publish_run
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import Night, boxes, jpeg


@pytest.fixture
def run(warehouse: connection, task: Task) -> str:
    """Three detections on each of the eight frames."""
    return Night("night 1", task.id, {frame: boxes(frame) for frame in range(8)}).save(warehouse)


def only(summary: dict[str, Any]) -> dict[str, Any]:
    (entry,) = summary["tasks"]
    return entry


def contents(task: Task) -> list[tuple[Any, ...]]:
    """The shapes in CVAT without their ids."""
    return sorted((s["frame"], s["label_id"], s["score"], *s["points"]) for s in task.shapes.values())


def test_drafts_arrive_with_label_score_and_source(cvat: CvatDouble, task: Task, run: str) -> None:
    summary = publish_run(run)
    assert (summary["state"], summary["frames"], summary["shapes"]) == ("published", 8, 24)
    first = min(task.shapes.values(), key=lambda s: s["id"])
    assert first["type"] == "rectangle"
    assert (first["frame"], first["label_id"], first["source"]) == (0, task.labels[0].id, "auto")
    assert first["score"] == 0.95
    assert first["points"] == [1.25, 2.5, 20.75, 30.0]
    assert {s["label_id"] for s in task.shapes.values()} == {label.id for label in task.labels}


def test_publishing_again_sends_nothing(cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    before = dict(task.shapes)
    summary = publish_run(run)
    assert task.shapes == before
    assert (summary["shapes"], summary["shapes_in_task"]) == (0, 24)
    assert only(summary)["left_alone"] == {"published already": 8}
    assert cvat.requests[f"PATCH /api/tasks/{task.id}/annotations/"] == 1


def test_the_ledger_knows_each_shape(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT frame, shape_id, detection FROM published_shapes WHERE task = %s", [task.id])
        rows = cur.fetchall()
    assert {shape_id for _, shape_id, _ in rows} == set(task.shapes)
    assert all(task.shapes[shape_id]["frame"] == frame for frame, shape_id, _ in rows)
    assert sorted({detection for *_, detection in rows}) == [1, 2, 3]


def test_frames_that_a_person_works_on_are_left_alone(cvat: CvatDouble, task: Task, run: str) -> None:
    theirs = cvat.state.draw(task, 2, "person", [1, 1, 9, 9])
    summary = only(publish_run(run))
    assert summary["left_alone"] == {"a person works on it": 1}
    assert [s for s in task.shapes.values() if s["frame"] == 2] == [theirs]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stage": "validation"}, "its job is in validation"),
        ({"stage": "acceptance"}, "its job is in acceptance"),
        ({"state": "completed"}, "its job is completed"),
    ],
)
def test_jobs_beyond_annotation_are_left_alone(
    cvat: CvatDouble, task: Task, run: str, change: dict[str, str], reason: str
) -> None:
    for name, value in change.items():
        setattr(task.jobs[1], name, value)
    assert only(publish_run(run))["left_alone"] == {reason: 4}
    assert {s["frame"] for s in task.shapes.values()} == {0, 1, 2, 3}


def test_deleted_frames_are_left_alone(cvat: CvatDouble, task: Task, run: str) -> None:
    task.deleted_frames = {5}
    assert only(publish_run(run))["left_alone"] == {"deleted": 1}


def test_policies(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    cvat.state.draw(task, 1, "person", [1, 1, 9, 9], source="auto")
    found = {frame: boxes(frame) for frame in range(3)}
    for policy, frames in (("empty", {2}), ("new", {1, 2}), ("all", {0, 1, 2})):
        night = Night(policy, task.id, found, images_uri=f"cvat:task/{task.id}?policy={policy}", model=f"toy-{policy}")
        publish_run(night.save(warehouse))
        ours = {s["frame"] for s in task.shapes.values() if s["source"] == "auto" and s["score"] < 1}
        assert ours == frames, policy
        withdraw_run(policy)


def test_a_newer_version_replaces_what_nobody_touched(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    person = cvat.state.draw(task, 6, "person", [1, 1, 9, 9])
    edited = next(s for s in task.shapes.values() if s["frame"] == 3)
    cvat.state.update(task, {"shapes": [edited | {"points": [0.0, 0.0, 5.0, 5.0]}]})
    deleted = next(s for s in task.shapes.values() if s["frame"] == 4)
    cvat.state.delete(task, {"shapes": [deleted]})
    before = {n: s for n, s in task.shapes.items() if s["frame"] in (3, 4, 6)}

    found = {frame: boxes(frame, 2, shift=0.5) for frame in range(8)}
    newer = Night("night 2", task.id, found, version="bbbbbbbbbbbb", decided_at="2026-03-01", started_at="2026-03-02")
    summary = only(publish_run(newer.save(warehouse)))

    assert summary["left_alone"] == {"a person works on it": 3}
    assert (summary["frames"], summary["shapes"], summary["replaced"]) == (5, 10, 15)
    assert {n: s for n, s in task.shapes.items() if s["frame"] in (3, 4, 6)} == before
    assert task.shapes[person["id"]] == person
    assert {len([s for s in task.shapes.values() if s["frame"] == frame]) for frame in (0, 1, 2, 5, 7)} == {2}


def test_a_newer_version_that_finds_nothing_takes_the_old_drafts_away(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    newer = Night("night 2", task.id, {0: []}, version="bbbbbbbbbbbb", decided_at="2026-03-01")
    assert only(publish_run(newer.save(warehouse)))["replaced"] == 3
    assert 0 not in {s["frame"] for s in task.shapes.values()}


def test_an_older_version_does_not_replace_a_newer_one(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    found = {frame: boxes(frame, 2, shift=0.5) for frame in range(8)}
    publish_run(Night("night 2", task.id, found, version="bbbbbbbbbbbb", decided_at="2026-03-01").save(warehouse))
    before = contents(task)
    assert only(publish_run(run))["left_alone"] == {"published by a newer version or run": 8}
    assert contents(task) == before


def test_other_settings_replace_too_and_another_model_stays_beside(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    stricter = Night("night 2", task.id, {0: boxes(0, 1)}, settings_hash="222222222222", started_at="2026-02-02")
    assert only(publish_run(stricter.save(warehouse)))["replaced"] == 3
    publish_run(Night("faces", task.id, {0: boxes(0, 2, shift=3)}, model="faces").save(warehouse))
    assert len([s for s in task.shapes.values() if s["frame"] == 0]) == 3


def test_withdraw_takes_away_what_nobody_edited(cvat: CvatDouble, task: Task, run: str) -> None:
    person = cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    publish_run(run)
    edited = next(s for s in task.shapes.values() if s["frame"] == 3) | {"occluded": True}
    cvat.state.update(task, {"shapes": [edited]})
    assert withdraw_run(run) | {"tasks": []} == {"run_id": run, "tasks": [], "removed": 20, "kept": 1}
    assert task.shapes == {person["id"]: person, edited["id"]: edited}
    assert withdraw_run(run)["removed"] == 0
    assert only(publish_run(run))["frames"] == 6  # all but the one with the edited draft and the person's


def test_preview_sends_nothing_and_says_the_same(cvat: CvatDouble, task: Task, run: str) -> None:
    preview = preview_run(run)
    assert task.shapes == {}
    assert not any(request.startswith("PATCH") for request in cvat.requests)
    assert only(preview)["mapping"][1]["reason"] == "'Car' but for case, spaces, underscores or hyphens"
    published = publish_run(run)
    assert (preview["frames"], preview["shapes"]) == (published["frames"], published["shapes"])


def test_a_lost_warehouse_does_not_make_second_copies(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    before = dict(task.shapes)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("DELETE FROM shape_ledger")
    publish_run(run)
    assert task.shapes == before


def test_large_tasks_go_in_pieces(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PIECE", 5)
    assert publish_run(run)["shapes"] == 24
    assert cvat.requests[f"PATCH /api/tasks/{task.id}/annotations/"] == 4


def test_a_frame_beyond_the_end(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    night = Night("night 1", task.id, {7: boxes(7), 8: boxes(8), 4000: boxes(0)})
    summary = only(publish_run(night.save(warehouse)))
    assert (summary["frames"], summary["left_alone"]) == (1, {"beyond the task's end": 2})


def test_what_cvat_does_not_take_is_counted(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    task.jobs.pop()  # policy all does not ask for jobs: frames 4 to 7 lie in none now
    night = Night("n", task.id, {3: boxes(3), 4: boxes(4)}, images_uri=f"cvat:task/{task.id}?policy=all", model="other")
    summary = only(publish_run(night.save(warehouse)))
    assert (summary["shapes"], summary["lost"], summary["shapes_in_task"]) == (3, 3, 3)
    assert only(publish_run("n"))["shapes"] == 0


def test_several_tasks_one_of_which_is_gone(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    other = cvat.state.add_task("other", labels=["person"], frames=[jpeg()])
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET task = %s WHERE frame = 0", [other.id])
    del cvat.state.tasks[other.id]
    summary = publish_run(run)
    assert summary["state"] == "partial"
    assert [entry["state"] for entry in summary["tasks"]] == ["published", "failed"]
    assert "does not exist (any more)" in summary["tasks"][1]["reason"]


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


def test_attributes_get_their_defaults(warehouse: connection, cvat: CvatDouble) -> None:
    attributes = [{"name": "side", "input_type": "select", "values": ["left", "right"], "default_value": "right"}]
    task = cvat.state.add_task("a", labels=[{"name": "person", "attributes": attributes}], frames=[jpeg()])
    publish_run(Night("night 1", task.id, {0: boxes(0, 1)}).save(warehouse))
    (shape,) = task.shapes.values()
    assert shape["attributes"] == [{"spec_id": task.labels[0].attributes[0]["id"], "value": "right"}]
    assert withdraw_run("night 1")["removed"] == 1


def test_the_gate_of_the_checks(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    with warehouse, warehouse.cursor() as cur:
        cur.execute(
            "INSERT INTO quality_results (run_id, suite, expectation, severity, success, observed, sentence)"
            " VALUES (%s, 'detections', 'box_inside', 'critical', false, '3 are not', 'Boxes lie inside')",
            [run],
        )
    with pytest.raises(FirstpassError, match="failed 1 critical checks: Boxes lie inside"):
        publish_run(run)
    assert task.shapes == {}
    assert publish_run(run, unchecked=True)["shapes"] == 24


def test_a_run_that_was_never_checked(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    run = Night("hasty", task.id, {0: boxes(0)}, checked=False).save(warehouse)
    with pytest.raises(FirstpassError, match="was never checked"):
        publish_run(run)
    assert task.shapes == {}
    assert publish_run(run, unchecked=True)["shapes"] == 3


def test_runs_that_cannot_be_published(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    Night("folder", task.id, {}, images_uri="/photos").save(warehouse)
    Night("early", task.id, {}, state="running").save(warehouse)
    for run_id, problem in (("folder", "not about CVAT"), ("early", "is running"), ("none", "there is no run")):
        with pytest.raises(FirstpassError, match=problem):
            publish_run(run_id)


def test_an_old_server_without_scores(
    warehouse: connection, monkeypatch: pytest.MonkeyPatch, cvat: CvatDouble, task: Task, run: str
) -> None:
    cvat.version = "2.50.0"
    assert publish_run(run)["shapes"] == 24
    assert {s["score"] for s in task.shapes.values()} == {1.0}
    assert publish_run(run)["shapes"] == 0
    assert withdraw_run(run)["removed"] == 24
