"""The plan of a run in a task: which frames get drafts, and whose drafts these replace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.thresholds import Thresholds
from firstpass.cvat.labels import reviews
from firstpass.cvat.labels.mapping import DecidedBy, LabelRules, map_labels
from firstpass.cvat.publishing import publish_run as publishing
from firstpass.cvat.publishing.finished_run import FinishedRun, load_finished_run
from firstpass.cvat.publishing.frame_policy import PERSON
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerState
from firstpass.cvat.publishing.plan import TaskPlan, make_plan, published_by_newer, replaced_entries
from firstpass.cvat.publishing.publications import Publication
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.server.client import cvat as client
from firstpass.cvat.server.labels import Label
from firstpass.cvat.server.snapshot import SeenShape, Snapshot, fingerprint
from firstpass.cvat.server.tasks import Task as TaskRecord
from firstpass.cvat.server.tasks import TaskMeta
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import Night, boxes, jpeg

LABELS = [Label(n, name, "any") for n, name in enumerate(("person", "car", "traffic light"), start=1)]
NOTHING = Snapshot({}, frozenset())
EARLY = datetime(2026, 1, 1, tzinfo=UTC)

Plan = Callable[..., TaskPlan]


@pytest.fixture
def plan(warehouse: connection) -> Plan:
    """A plan over a task of three frames, of a run with two detections on each of these frames."""

    def make(frames: Sequence[int] = (0, 1, 2), scores: bool = True, closed: Any = None, **options: Any) -> TaskPlan:
        found = {frame: boxes(frame, 2) for frame in frames}
        run = load_finished_run(warehouse, Night("a run", 12, found, **options).save(warehouse))
        result = Publication("a run", "https://cvat.example.org", 12, run.model)
        result.decisions = map_labels(run.classes, LABELS, LabelRules.none(), outlines=run.outlines)
        meta = TaskMeta(np.array([(64, 48), (128, 96), (64, 48)], np.int32), ("a", "b", "c"), frozenset(), "")
        return TaskPlan(
            run, run.keys_in(12), TaskRecord(12, "t", None, 3), meta, LABELS, (), closed or {}, scores, None, result
        )

    return make


def entry(frame: int, run: FinishedRun | None = None, **fields: Any) -> LedgerEntry:
    version = {"model": run.model, "drafts_hash": run.key(frame, 2)[2]} if run else {"model": "toy@1"}
    plain: dict[str, Any] = {"drafts_hash": "s", "run_id": "a run", "state": LedgerState.PUBLISHED, "shapes": []}
    return LedgerEntry(frame=frame, **plain | version | fields)


def test_each_frame_gets_an_entry_ready_to_be_sent(plan: Plan) -> None:
    made = plan()
    entries = list(made.entries([], NOTHING, set()))
    assert [each.frame for each in entries] == [0, 1, 2]
    first = entries[0]
    assert (first.key, first.run_id) == ((0, "toy@aaaaaaaaaaaa", Thresholds(0.3).digest(2)), "a run")
    assert (first.state, first.unsure, [shape.detection for shape in first.shapes]) == (
        LedgerState.SENDING, False, [1, 2],
    )  # fmt: skip
    assert all(shape.id is None and shape.outgoing for shape in first.shapes)
    assert [shape.fingerprint for shape in first.shapes] == [fingerprint(s.outgoing or {}, {}) for s in first.shapes]
    assert [(shape.outgoing or {})["score"] for shape in first.shapes] == [0.95, 0.94]
    assert made.result.left_alone == {}


def test_shapes_have_the_size_that_cvat_shows_each_frame_in(plan: Plan) -> None:
    small, large, _ = plan().entries([], NOTHING, set())
    assert (small.shapes[0].outgoing or {})["points"] == [1.25, 2.5, 20.75, 30.0]
    assert (large.shapes[0].outgoing or {})["points"] == [2.5, 7.0, 41.5, 62.0]


def test_scores_are_left_out_for_a_server_that_does_not_keep_them(plan: Plan) -> None:
    (shape, _), *_ = (each.shapes for each in plan(scores=False).entries([], NOTHING, set()))
    assert "score" not in (shape.outgoing or {"score": 1})
    assert shape.fingerprint == fingerprint({**(shape.outgoing or {}), "score": 1.0}, {})


def test_why_each_frame_is_left_alone_is_counted_once(plan: Plan) -> None:
    """The later reason goes before the earlier one: what is published already is that, whoever worked there since."""
    made = plan(closed={1: "its job is completed"})
    theirs = Snapshot({n: SeenShape(n, n, "manual", 0, 0) for n in (0, 1, 2)}, frozenset())
    known = [entry(2, made.run)]
    assert list(made.entries(known, theirs, {0, 1, 2})) == []
    assert made.result.left_alone == {PERSON: 1, "its job is completed": 1, "published already": 1}


def test_frames_of_a_newer_version_are_left_alone(plan: Plan) -> None:
    made = plan()
    assert [each.frame for each in made.entries([], NOTHING, {1})] == [0, 2]
    assert made.result.left_alone == {"published by a newer version or run": 1}


def test_entries_of_other_versions_and_thresholds_leave_a_frame_to_us(plan: Plan) -> None:
    made = plan()
    known = [entry(0, model="toy@bbbbbbbbbbbb"), entry(1, made.run, drafts_hash=Thresholds(0.4).digest(2))]
    assert [each.frame for each in made.entries(known, NOTHING, set())] == [0, 1, 2]


@pytest.mark.parametrize("state", LedgerState)
def test_whatever_became_of_an_entry_its_frame_is_not_planned_again(plan: Plan, state: LedgerState) -> None:
    made = plan()
    assert [each.frame for each in made.entries([entry(1, made.run, state=state)], NOTHING, set())] == [0, 2]


def test_frames_beyond_the_tasks_end_are_left_alone(plan: Plan) -> None:
    made = plan(frames=(2, 3, 4000))
    assert [each.frame for each in made.entries([], NOTHING, set())] == [2]
    assert made.result.left_alone == {"beyond the task's end": 2}


def test_a_picture_of_the_task_that_is_no_frame_is_left_alone(plan: Plan, warehouse: connection) -> None:
    made = plan(frames=(0, 1))
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET frame = NULL WHERE frame = 0")
    assert [each.frame for each in made.entries([], NOTHING, set())] == [1]
    assert made.result.left_alone == {"beyond the task's end": 1}


def test_groups_of_ours_begin_above_a_persons(plan: Plan) -> None:
    parts = [[[1.0, 1.0, 9.0, 1.0, 9.0, 9.0]], [[20.0, 20.0, 29.0, 20.0, 29.0, 29.0]]]
    made = plan(polygons={0: 2 * [parts], 1: 2 * [parts]}, images_uri="cvat:task/12?policy=all")
    theirs = Snapshot({1: SeenShape(1, 0, "manual", 0, 4)}, frozenset())
    groups = [[(s.outgoing or {}).get("group") for s in each.shapes] for each in made.entries([], theirs, set())]
    assert groups == [
        [5, 5, 6, 6],
        [1, 1, 2, 2],
        [],
    ]


def test_what_is_dropped_is_counted_in_the_result(plan: Plan) -> None:
    made = plan()
    made.result.decisions = map_labels(made.run.classes, LABELS[1:], LabelRules.none(), outlines=False)
    assert [len(each.shapes) for each in made.entries([], NOTHING, set())] == [1, 1, 1]
    assert made.result.dropped == {"person: no label of this name": 3}


def test_a_plan_is_made_of_what_the_task_says(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    task.jobs[1].stage = "validation"
    task.deleted_frames = {2}
    made, result = planned(warehouse, task, Night("a run", task.id, {0: boxes(0)}))
    assert made.keys == {(0, made.run.model, Thresholds(0.3).digest(2))}
    assert (made.task.id, made.task.name, made.task.size) == (task.id, "night", 8)
    assert (result.task_name, result.scope) == ("night", f"task/{task.id}")
    assert made.segments == (range(4), range(4, 8))
    assert made.closed == {2: "deleted"} | dict.fromkeys(range(4, 8), "its job is in validation")
    assert made.scores is True
    assert made.review is None
    assert [(d.class_name, d.how) for d in made.decisions.values()] == [
        ("person", DecidedBy.EXACT), ("car", DecidedBy.NORMALISED), ("traffic light", DecidedBy.NORMALISED),
    ]  # fmt: skip
    assert list(made.decisions) == [1, 2, 3]


def test_the_policy_all_minds_no_job_but_deleted_frames_stay_deleted(
    warehouse: connection, cvat: CvatDouble, task: Task
) -> None:
    task.jobs[1].stage = "validation"
    task.deleted_frames = {2, 5}
    night = Night("a run", task.id, {0: boxes(0)}, images_uri=f"cvat:task/{task.id}?policy=all")
    assert planned(warehouse, task, night)[0].closed == {2: "deleted", 5: "deleted"}


def test_a_deleted_frame_is_told_as_deleted_whatever_its_job(
    warehouse: connection, cvat: CvatDouble, task: Task
) -> None:
    task.jobs[1].stage = "validation"
    task.deleted_frames = {5}
    assert planned(warehouse, task, Night("a run", task.id, {0: boxes(0)}))[0].closed[5] == "deleted"


def test_only_an_approved_answer_is_used(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    night = Night("a run", task.id, {0: boxes(0)})
    made, result = planned(warehouse, task, night)
    host, scope, model = cvat.url, result.scope, made.run.model
    reviews.ask(warehouse, host, scope, model, result.decisions, ["person", "Car"])
    question = reviews.find_review(warehouse, host, scope, model)
    assert question
    made, result = planned(warehouse, task)
    assert made.review == question
    assert result.decisions[0].how is DecidedBy.EXACT
    reviews.approve(warehouse, question, {"person": "Car"}, "ada")
    made, result = planned(warehouse, task)
    assert (result.decisions[0].how, result.decisions[0].label) == (DecidedBy.REVIEWED, made.labels[1])
    reviews.ask(warehouse, host, scope, model, result.decisions, ["person", "Car", "a new label"])
    assert planned(warehouse, task)[1].decisions[0].how is DecidedBy.EXACT, "the old answer is not the new question's"
    reviews.reject(warehouse, question, "ada")
    made, result = planned(warehouse, task)
    assert made.review
    assert made.review.state == "rejected"
    assert result.decisions[0].how is DecidedBy.EXACT


def planned(warehouse: connection, task: Task, night: Night | None = None) -> tuple[TaskPlan, Publication]:
    run = load_finished_run(warehouse, night.save(warehouse) if night else "latest")
    result = Publication(run.id, client().connection.host, task.id, run.model)
    return make_plan(warehouse, client(), run, task.id, result), result


def test_a_task_that_cannot_be_drafted_has_no_plan(warehouse: connection, cvat: CvatDouble) -> None:
    task = cvat.state.add_task("film", labels=["person"], frames=[jpeg()], mode="interpolation")
    with pytest.raises(FirstpassError, match="is a video"):
        planned(warehouse, task, Night("a run", task.id, {0: boxes(0)}))


def plan_of(run: FinishedRun) -> TaskPlan:
    """One of task 12, as far as rivals are concerned."""
    result = Publication(run.id, "https://cvat.example.org", 12, run.model)
    meta = TaskMeta(np.empty((0, 2), np.int32), (), frozenset(), "")
    return TaskPlan(run, run.keys_in(12), TaskRecord(12, "t", None, 3), meta, [], (), {}, True, None, result)


def run_of(warehouse: connection, **options: Any) -> FinishedRun:
    return load_finished_run(warehouse, Night(task=12, found={}, **options).save(warehouse))


def test_newer_is_a_version_that_was_decided_on_later_then_a_run_that_started_later(warehouse: connection) -> None:
    ours = run_of(warehouse, run_id="ours", decided_at="2026-01-02", started_at="2026-02-02")
    for name, options in {
        "older version, later run": {"version": "b" * 12, "decided_at": "2026-01-01", "started_at": "2026-02-09"},
        "newer version, earlier run": {"version": "c" * 12, "decided_at": "2026-01-03", "started_at": "2026-02-01"},
        "other threshold, earlier run": {"threshold": 0.4, "decided_at": "2026-01-02", "started_at": "2026-02-01"},
        "other threshold, later run": {"threshold": 0.5, "decided_at": "2026-01-02", "started_at": "2026-02-03"},
        "other threshold, same moment": {"threshold": 0.6, "decided_at": "2026-01-02", "started_at": "2026-02-02"},
        "another model": {"model": "faces", "decided_at": "2026-01-09", "started_at": "2026-02-09"},
    }.items():
        run_of(warehouse, run_id=name, **options)
    runs = [load_finished_run(warehouse, name) for name in (
        "older version, later run", "newer version, earlier run", "other threshold, earlier run",
        "other threshold, later run", "other threshold, same moment", "another model", "ours",
    )]  # fmt: skip
    entries = [entry(frame, run, run_id=run.id) for frame, run in enumerate(runs)]
    assert published_by_newer(warehouse, plan_of(ours), entries) == {1, 3}


def test_what_has_not_arrived_yet_or_whose_run_is_gone_is_not_newer(warehouse: connection) -> None:
    ours = run_of(warehouse, run_id="ours")
    newer = run_of(warehouse, run_id="newer", version="b" * 12, decided_at="2026-01-03")
    halfway = [
        entry(frame, newer, run_id="newer", state=state)
        for frame, state in enumerate(LedgerState)
        if state is not LedgerState.PUBLISHED
    ]
    assert published_by_newer(warehouse, plan_of(ours), halfway) == set()
    assert published_by_newer(warehouse, plan_of(ours), [entry(0, newer, run_id="a run that was deleted")]) == set()
    assert published_by_newer(warehouse, plan_of(ours), [entry(0, newer, run_id="newer")]) == {0}


FRAMES = ((12, 0, 2), (12, 1, 2), (13, 2, 2))
OURS = FinishedRun("a run", "toy@2", Thresholds(0.3), ClassTable(()), False, "new", FRAMES, (EARLY, EARLY))
OTHERS = [("toy@1", "s"), ("toy@2", "t"), ("faces@1", "s"), ("toys@1", "s"), ("to@1", "s")]


def test_ours_replaces_other_versions_of_the_model_on_the_frames_where_it_is(warehouse: connection) -> None:
    mine = [entry(0, OURS), entry(1, OURS, state=LedgerState.SENDING)]
    others = [entry(frame, model=model, drafts_hash=s) for frame in (0, 1, 2) for model, s in OTHERS]
    replaced = replaced_entries(plan_of(OURS), [*mine, *others], set())
    assert [each.key for each in replaced] == [(0, "toy@1", "s"), (0, "toy@2", "t")]


def test_a_newer_version_is_never_replaced() -> None:
    """An older run that is published again finds its own entries, and beside them those that replaced it halfway."""
    entries = [entry(frame, OURS) for frame in (0, 1)] + [entry(frame, model="toy@3") for frame in (0, 1)]
    assert [each.key for each in replaced_entries(plan_of(OURS), entries, {0})] == [(1, "toy@3", "s")]
    assert replaced_entries(plan_of(OURS), entries, {0, 1}) == []


@pytest.mark.parametrize("state", [state for state in LedgerState if state is not LedgerState.PUBLISHED])
def test_what_is_under_way_or_a_persons_by_now_is_not_replaced(state: LedgerState) -> None:
    assert replaced_entries(plan_of(OURS), [entry(0, OURS), entry(0, state=state)], set()) == []


def test_of_the_same_frame_what_an_older_revision_found_is_replaced(warehouse: connection) -> None:
    mine, older = entry(0, OURS), entry(0, OURS, drafts_hash=OURS.key(0, 1)[2])
    assert replaced_entries(plan_of(OURS), [mine, older], set()) == [older]


def test_a_frame_is_looked_up_by_the_revision_that_its_own_prediction_has(plan: Plan, warehouse: connection) -> None:
    """A frame that an older revision inferred keeps its shapes until it is inferred again."""
    made = plan(frames=(0, 1))
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE predictions SET revision = 1 WHERE sha256 IN (SELECT sha256 FROM outcomes WHERE frame = 1)")
    older = made.run.key(1, 1)
    first, second = made.entries([], NOTHING, set())
    assert (first.key, second.key) == (made.run.key(0, 2), older)
    again = plan_of(load_finished_run(warehouse, "a run"))
    assert again.keys == {made.run.key(0, 2), older}


@pytest.mark.parametrize(("threshold", "drafted"), [(0.94, [1, 2]), (0.9401, [1]), (0.951, [])])
def test_only_what_reaches_the_thresholds_is_planned(plan: Plan, threshold: float, drafted: list[int]) -> None:
    """Frames without a draft get an empty entry."""
    entries = plan(threshold=threshold).entries([], NOTHING, set())
    assert [[shape.detection for shape in each.shapes] for each in entries] == 3 * [drafted]


def test_an_old_run_published_again_leaves_a_newer_versions_shapes_where_they_are(
    warehouse: connection, cvat: CvatDouble, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer version's publisher died after it had sent its shapes, before it took the older ones away."""
    old = Night("old", task.id, {0: boxes(0)}).save(warehouse)
    newer = Night("newer", task.id, {0: boxes(0, shift=5.0)}, version="b" * 12, decided_at="2026-03-01").save(warehouse)
    publish_run(old)

    class Killed(BaseException):
        """Stands for SIGKILL."""

    def die(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "remove", die)
        with pytest.raises(Killed):
            publish_run(newer)
    before = dict(task.shapes)
    assert len(before) == 6
    summary = publish_run(old)
    assert task.shapes == before
    assert (summary["shapes"], summary["replaced"]) == (0, 0)
    assert publish_run(newer)["replaced"] == 3
    assert {shape["points"][0] for shape in task.shapes.values()} == {6.25, 7.25, 8.25}
