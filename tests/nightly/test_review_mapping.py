"""Asking a person: once for each project and model version, checked, remembered; nothing else waits."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Project, Task
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.errors import FirstpassError
from firstpass.nightly import publish, review_mapping
from firstpass.warehouse.connection import connect
from fixtures.cvat_runs import Night, boxes, jpeg

NOW = datetime.now(UTC).isoformat()


@pytest.fixture
def project(cvat: CvatDouble) -> Project:
    return cvat.state.add_project("city", labels=["Pedestrian", "car", "lamp"])


@pytest.fixture
def task(cvat: CvatDouble, project: Project) -> Task:
    return cvat.state.add_task("t", project=project, frames=[jpeg()] * 2)


def night(warehouse: connection, task: Task, run_id: str = "night 1") -> str:
    return Night(run_id, task.id, {0: boxes(0), 1: boxes(1)}, started_at=NOW, publish=True).save(warehouse)


def labels(task: Task) -> list[str]:
    names = {label.id: label.name for label in task.labels}
    return sorted(names[s["label_id"]] for s in task.shapes.values())


def only_question() -> dict[str, str]:
    (question,) = publish.questions()
    conf: dict[str, str] = question["conf"]
    return conf


def answer(choice: str, changes: dict[str, str] | None = None) -> list[str]:
    runs = review_mapping.record(**only_question(), choice=choice, changes=changes or {}, by="ada")
    return [run["conf"]["run_id"] for run in runs]


def test_what_is_unmatched_is_asked_about_and_waits(warehouse: connection, task: Task) -> None:
    summary = publish_run(night(warehouse, task), unmatched="ask")
    assert summary["state"] == "waiting"
    assert task.shapes == {}
    assert only_question() == {"scope": f"project/{task.project and task.project.id}", "model": "toy@aaaaaaaaaaaa"}


def test_the_table_shows_what_is_open_first(warehouse: connection, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    table = review_mapping.proposal("", "")["table"].splitlines()
    assert table[1] == "Labels to choose from: Pedestrian, car, lamp, ignore."
    assert [line.split(" | ")[0] for line in table[5:]] == ["| person", "| traffic light", "| car"]


def test_approval_publishes_and_is_remembered(warehouse: connection, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    assert answer("Approve") == ["night 1"]
    assert publish_run("night 1", unmatched="ask")["state"] == "published"
    assert labels(task) == ["car", "car"]
    assert publish.questions() == []


def test_changes_are_used(warehouse: connection, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    answer("Approve with changes", {"person": "Pedestrian", "car": "ignore", "traffic light": "lamp"})
    publish_run("night 1", unmatched="ask")
    assert labels(task) == ["Pedestrian", "Pedestrian", "lamp", "lamp"]


def test_another_task_of_the_project_is_not_asked_about(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    answer("Approve")
    other = cvat.state.add_task("other", project=task.project, frames=[jpeg()] * 2)
    assert publish_run(night(warehouse, other, "night 2"), unmatched="ask")["state"] == "published"


def test_rejection_publishes_nothing(warehouse: connection, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    assert answer("Reject") == []
    summary = publish_run("night 1", unmatched="ask")
    assert (summary["state"], task.shapes) == ("refused", {})
    assert publish.questions() == []


@pytest.mark.parametrize("changes", [{"dog": "car"}, {"person": "Dog"}, {"person": "pedestrian"}])
def test_an_answer_that_cannot_be_is_not_kept(warehouse: connection, task: Task, changes: dict[str, str]) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    with pytest.raises(FirstpassError, match="the review"):
        answer("Approve with changes", changes)
    assert publish_run("night 1", unmatched="ask")["state"] == "waiting"
    assert only_question()


def test_the_same_question_is_put_once_until_it_is_postponed(warehouse: connection, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    first = publish.questions()
    publish_run("night 1", unmatched="ask")
    assert publish.questions() == first
    answer("Later")
    assert publish.questions()[0]["conf"] == first[0]["conf"]
    assert review_mapping.record(**only_question(), choice="Approve", changes={}, by="ada")


def test_a_label_renamed_after_the_review_is_asked_about_again(warehouse: connection, task: Task) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    answer("Approve with changes", {"person": "Pedestrian"})
    task.labels[0].name = "Walker"
    assert publish_run("night 1", unmatched="ask")["state"] == "waiting"


def test_names_full_of_markup_show_as_they_are() -> None:
    assert review_mapping._plain("<b>|a|*&\n`x`") == r"\<b\>\|a\|\*&amp; \`x\`"


def test_nobody_asked(warehouse: connection, cvat: CvatDouble) -> None:
    for scope, model in (("", ""), ("project/3", "toy@1")):
        with pytest.raises(FirstpassError, match="nobody asked about the mapping"):
            review_mapping.proposal(scope, model)


def test_the_night_finds_what_is_to_be_published(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    tasks = [task, *(cvat.state.add_task(f"t{n}", project=task.project, frames=[jpeg()] * 2) for n in range(2))]
    for number, one in enumerate(tasks):
        night(warehouse, one, f"night {number}")
    Night("by hand", task.id, {}, started_at=NOW, settings_hash="2" * 12).save(warehouse)  # not asked for
    Night("long ago", task.id, {0: []}, publish=True, settings_hash="3" * 12).save(warehouse)
    work = publish.find_work("", unchecked=False)
    assert work == [{"run_id": f"night {n}", "tasks": [one.id]} for n, one in enumerate(tasks)]
    assert publish.publish(**work[0], unmatched="drop", unchecked=False) == {"shapes": 2, "published": 1}
    assert [item["run_id"] for item in publish.find_work("", unchecked=False)] == ["night 1", "night 2"]
    assert publish.find_work("night 0", unchecked=False) == work[:1]
    del cvat.state.tasks[tasks[1].id]
    with pytest.raises(FirstpassError, match="does not exist"):
        publish.publish(**work[1], unmatched="drop", unchecked=False)


def test_many_tasks_go_in_batches(
    warehouse: connection, cvat: CvatDouble, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "_BATCHES", 2)
    run_id = night(warehouse, task)
    with closing(connect()) as conn, conn, conn.cursor() as cur:
        for number in range(1, 5):
            cur.execute(
                "INSERT INTO outcomes SELECT run_id, uri || %s, chunk, outcome, detections, sha256, width, height, %s,"
                " frame, reason FROM outcomes WHERE task = %s",
                [f"/{number}", number, task.id],
            )
    assert publish.find_work(run_id, unchecked=False) == [
        {"run_id": run_id, "tasks": [1, 2, 3]},
        {"run_id": run_id, "tasks": [4, task.id]},
    ]
