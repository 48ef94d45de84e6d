"""Publishing: drafts arrive exactly once, and what people did is never touched."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.labels import reviews
from firstpass.cvat.publishing.publications import publications_of
from firstpass.cvat.publishing.publish_run import preview_run, publish_run
from firstpass.cvat.publishing.sending import ShapeSender
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.errors import FirstpassError
from firstpass.settings import settings
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


def test_other_thresholds_replace_too_and_another_model_stays_beside(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    stricter = Night("night 2", task.id, {0: boxes(0, 1)}, threshold=0.945, started_at="2026-02-02")
    assert only(publish_run(stricter.save(warehouse)))["replaced"] == 3
    publish_run(Night("faces", task.id, {0: boxes(0, 2, shift=3)}, model="faces").save(warehouse))
    assert len([s for s in task.shapes.values() if s["frame"] == 0]) == 3


def test_another_threshold_replaces_what_nobody_touched(cvat: CvatDouble, task: Task, run: str) -> None:
    """Over the same run: nothing is inferred. Scores on each frame are 0.95, 0.94 and 0.93."""
    publish_run(run)
    edited = next(s for s in task.shapes.values() if s["frame"] == 3) | {"occluded": True}
    cvat.state.update(task, {"shapes": [edited]})
    before = {number: s for number, s in task.shapes.items() if s["frame"] == 3}
    summary = only(publish_run(run, threshold=0.94))
    assert (summary["frames"], summary["shapes"], summary["replaced"]) == (7, 14, 21)
    assert (summary["threshold"], summary["left_alone"]) == (0.94, {"a person works on it": 1})
    assert {number: s for number, s in task.shapes.items() if s["frame"] == 3} == before
    assert {s["score"] for s in task.shapes.values() if s["frame"] != 3} == {0.95, 0.94}
    assert only(publish_run(run, threshold=0.94))["shapes"] == 0
    back = only(publish_run(run))
    assert (back["shapes"], back["replaced"], back["threshold"]) == (21, 14, 0.3)
    assert withdraw_run(run)["removed"] == 23


def test_a_lower_threshold_shows_what_was_stored_below_the_runs_own(
    warehouse: connection, cvat: CvatDouble, task: Task
) -> None:
    box = (1.0, 1.0, 9.0, 9.0)
    found = {0: [(1, score, box) for score in (0.5, 0.3, 0.29, 0.15)]}
    run = Night("low", task.id, found, threshold=0.3, floor=0.15).save(warehouse)
    assert publish_run(run)["shapes"] == 2
    assert only(publish_run(run, threshold=0.15))["shapes_in_task"] == 4
    with pytest.raises(FirstpassError, match=r"threshold 0.14 is below the floor 0.15"):
        publish_run(run, threshold=0.14)
    assert len(task.shapes) == 4, "one that was refused changes nothing"


def test_all_shapes_of_a_run_are_withdrawn_by_whatever_threshold_they_were_sent(
    cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run, threshold=0.94)
    assert withdraw_run(run)["removed"] == 16
    assert task.shapes == {}


def test_a_preview_by_another_threshold_counts_its_drafts(cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    assert preview_run(run, threshold=0.95)["shapes"] == 8
    with pytest.raises(FirstpassError, match=r"below the floor 0.15"):
        preview_run(run, threshold=0.1)
    assert len(task.shapes) == 24


def test_one_task_takes_masks_where_another_takes_polygons(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    """The same run: the mask keeps its hole, the polygon fills it, which is counted and kept."""
    tasks = [
        cvat.state.add_task(kind, labels=[{"name": "person", "type": kind}, "car", "traffic light"], frames=[jpeg()])
        for kind in ("mask", "polygon")
    ]
    ring, hole = [2, 1, 4.5, 1, 4.5, 3.5, 2, 3.5], [3, 2, 3.5, 2, 3.5, 2.5, 3, 2.5]
    found = {0: [(1, 0.9, (2.0, 1.0, 5.0, 4.0))], 1: [(1, 0.9, (2.0, 1.0, 5.0, 4.0))]}
    polygons = {frame: [[[ring, hole]]] for frame in (0, 1)}
    run = Night("n", task.id, found, polygons=polygons).save(warehouse)
    with warehouse, warehouse.cursor() as cur:
        for frame, each in enumerate(tasks):
            cur.execute("UPDATE outcomes SET task = %s, frame = 0 WHERE frame = %s AND task = %s",
                        [each.id, frame, task.id])  # fmt: skip
    masked, outlined = publish_run(run)["tasks"]
    ((mask,), (outline,)) = (each.shapes.values() for each in tasks)
    assert (mask["type"], mask["points"]) == ("mask", [0, 4, 1, 4, 2, 1, 4, 3])
    assert (outline["type"], outline["points"]) == ("polygon", ring)
    assert (masked["filled"], outlined["filled"]) == ({}, {"person": 1})
    assert [each["counts"]["filled"] for each in publications_of(warehouse, run)] == [{}, {"person": 1}]


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


def test_attributes_get_their_defaults(warehouse: connection, cvat: CvatDouble) -> None:
    attributes = [{"name": "side", "input_type": "select", "values": ["left", "right"], "default_value": "right"}]
    task = cvat.state.add_task("a", labels=[{"name": "person", "attributes": attributes}], frames=[jpeg()])
    publish_run(Night("night 1", task.id, {0: boxes(0, 1)}).save(warehouse))
    (shape,) = task.shapes.values()
    assert shape["attributes"] == [{"spec_id": task.labels[0].attributes[0]["id"], "value": "right"}]
    assert withdraw_run("night 1")["removed"] == 1


def test_an_old_server_without_scores(
    warehouse: connection, monkeypatch: pytest.MonkeyPatch, cvat: CvatDouble, task: Task, run: str
) -> None:
    cvat.version = "2.50.0"
    assert publish_run(run)["shapes"] == 24
    assert {s["score"] for s in task.shapes.values()} == {1.0}
    assert publish_run(run)["shapes"] == 0
    assert withdraw_run(run)["removed"] == 24


def states(warehouse: connection, run: str) -> list[tuple[str, str | None]]:
    return [(each["state"], each["reason"]) for each in publications_of(warehouse, run)]


def test_what_became_of_a_run_is_written_down(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    cvat.state.draw(task, 2, "person", [1, 1, 9, 9])
    publish_run(run)
    (found,) = publications_of(warehouse, run)
    assert (found["state"], found["reason"], found["task"], found["name"]) == ("published", None, task.id, "night")
    assert found["counts"] == {
        "frames": 7, "shapes": 21, "shapes_in_task": 21, "replaced": 0, "kept": 0, "lost": 0,
        "left_alone": {"a person works on it": 1}, "dropped": {}, "filled": {}, "threshold": 0.3,
    }  # fmt: skip
    assert [row["label"] for row in found["mapping"]] == ["person", "Car", "traffic_light"]


def test_only_this_versions_shapes_are_counted(warehouse: connection, cvat: CvatDouble, task: Task, run: str) -> None:
    publish_run(run)
    newer = Night("night 2", task.id, {0: boxes(0, 2, shift=5)}, version="b" * 12, decided_at="2026-03-01")
    summary = publish_run(newer.save(warehouse))
    assert (summary["shapes_in_task"], summary["lost"], summary["replaced"]) == (2, 0, 3)


def test_one_task_that_fails_stops_no_other_and_is_said(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one has no labels, the next cannot be reached for a while."""
    first = cvat.state.add_task("first", frames=[jpeg()])
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET task = %s WHERE frame = 0", [first.id])
        cur.execute("UPDATE outcomes SET task = 1, frame = 0 WHERE frame = 1")
    cvat.faults.add("status", 503, method="GET", path="tasks/1$", times=99)
    summary = publish_run(run)
    assert [each["state"] for each in summary["tasks"]] == ["failed", "published", "failed"]
    down, _, bare = (each["reason"] for each in summary["tasks"])
    assert "answers 503" in down
    assert "; check the host" in down
    assert "(first) has no labels; add the labels" in bare
    assert "task 1: " in caplog.text
    assert sorted(state for state, _ in states(warehouse, run)) == ["failed", "failed", "published"]
    assert {reason for _, reason in states(warehouse, run)} == {down, bare, None}


def test_what_has_no_label_is_dropped_asked_about_or_refused(
    warehouse: connection, cvat: CvatDouble, run: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.own_labels[:] = task.own_labels[:1]
    failed = only(publish_run(run, unmatched="fail"))
    assert failed["state"] == "failed"
    assert f"2 of 3 classes have no label in task {task.id} (night)" in failed["reason"]
    assert only(publish_run(run, unmatched="ask"))["state"] == "waiting"
    assert states(warehouse, run) == [("waiting", "a person is asked about the mapping in the DAG review_mapping")]
    assert task.shapes == {}
    (question,) = reviews.open_reviews(warehouse)
    assert (question.scope, question.labels) == (f"task/{task.id}", ["person"])
    monkeypatch.setenv("FIRSTPASS_CVAT_UNMATCHED", "fail")
    settings.cache_clear()
    assert only(publish_run(run))["state"] == "failed"
    done = only(publish_run(run, unmatched="drop"))
    assert (done["state"], done["shapes"]) == ("published", 8)
    monkeypatch.undo()
    settings.cache_clear()


def test_a_mapping_that_was_rejected_publishes_nothing(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    task.own_labels[:] = task.own_labels[:1]
    publish_run(run, unmatched="ask")
    (question,) = reviews.open_reviews(warehouse)
    reviews.reject(warehouse, question, "ada")
    assert only(publish_run(run, unmatched="drop"))["state"] == "refused"
    assert (task.shapes, states(warehouse, run)) == (
        {}, [("refused", "the mapping was rejected in review_mapping")],
    )  # fmt: skip


def test_only_a_checked_run_is_published_unless_somebody_says_so_and_any_is_previewed(
    warehouse: connection, cvat: CvatDouble, task: Task
) -> None:
    run = Night("hasty", task.id, {0: boxes(0)}, checked=False).save(warehouse)
    with pytest.raises(FirstpassError, match="was never checked"):
        publish_run(run)
    with pytest.raises(FirstpassError, match="was never checked"):
        preview_run(run, unchecked=False)
    preview = preview_run(run)
    assert (preview["state"], preview["shapes"]) == ("preview", 3)
    assert task.shapes == {}
    assert publish_run(run, unchecked=True)["shapes"] == 3


def test_a_preview_counts_what_a_newer_version_and_an_earlier_publish_leave(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    newer = Night("night 2", task.id, {0: boxes(0, 2, shift=5)}, version="b" * 12, decided_at="2026-03-01")
    publish_run(newer.save(warehouse))
    preview = only(preview_run(run))
    assert (preview["frames"], preview["shapes"]) == (7, 21)
    assert preview["left_alone"] == {"published by a newer version or run": 1}
    publish_run(run)
    preview = only(preview_run(run))
    assert (preview["frames"], preview["left_alone"]) == (
        0, {"published by a newer version or run": 1, "published already": 7},
    )  # fmt: skip


def test_threads_take_turns_more_often_only_while_shapes_are_sent(
    cvat: CvatDouble, task: Task, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = sys.getswitchinterval()
    seen: list[float] = []
    real = ShapeSender.create

    def create(self: ShapeSender, entries: Any) -> None:
        seen.append(sys.getswitchinterval())
        real(self, entries)
        raise FirstpassError("no more", "x")

    monkeypatch.setattr(ShapeSender, "create", create)
    publish_run(run)
    assert seen == [pytest.approx(usual / 10)]
    assert sys.getswitchinterval() == usual
