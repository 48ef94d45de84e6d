"""Asking a person: once for each project and model version, checked, remembered; nothing else waits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Project, Task
from firstpass.cvat.labels import reviews
from firstpass.cvat.labels.mapping import DecidedBy, Decision
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.errors import FirstpassError
from firstpass.nightly import publish, review_mapping
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


def test_names_full_of_markup_show_as_they_are(
    warehouse: connection, cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = Decision(1, "<b>|a|*&\n`x`", DecidedBy.UNMATCHED, "[no](http://x) label\tof\\this {name}_#+-.!~")
    reviews.ask(warehouse, cvat.url, "project/3", "toy@1", [hostile], ["a_b", "c*d"])
    table = review_mapping.proposal("project/3", "toy@1")["table"].splitlines()
    assert table[1] == r"Labels to choose from: a\_b, c\*d, ignore."
    assert table[5:] == [r"| \<b\>\|a\|\*&amp; \`x\` | – | \[no\]\(http://x\) label of\\this \{name\}\_\#\+\-\.\!\~ |"]


def test_the_question_that_was_meant_is_the_one_that_is_answered(warehouse: connection, cvat: CvatDouble) -> None:
    """Without a name it is the one that waits longest; of another server it is none."""
    decision = Decision(1, "person", DecidedBy.UNMATCHED, "no label of this name")
    for scope, model in (("project/3", "toy@1"), ("project/4", "toy@1"), ("project/4", "toy@2")):
        reviews.ask(warehouse, cvat.url, scope, model, [decision], ["lamp"])
    reviews.ask(warehouse, "https://other.example.org", "project/5", "toy@1", [decision], ["lamp"])
    for scope, model in (("project/4", "toy@2"), ("project/3", "toy@1")):
        shown = review_mapping.proposal(scope, model)
        assert (shown["scope"], shown["model"]) == (scope, model)
    for half in (("project/4", ""), ("", "toy@2"), ("", "")):
        assert review_mapping.proposal(*half)["scope"] == "project/3"
    with pytest.raises(FirstpassError, match="nobody asked about the mapping of toy@1 in project/5"):
        review_mapping.proposal("project/5", "toy@1")


@pytest.mark.parametrize(
    ("choice", "state", "answer"),
    [
        ("Approve", "approved", {"person": "ignore", "car": "car", "traffic light": "ignore"}),
        ("Approve with changes", "approved", {"person": "Pedestrian", "car": "car", "traffic light": "ignore"}),
        ("Reject", "rejected", None),
        ("Later", "asked", None),
    ],
)
def test_what_each_choice_leaves(
    warehouse: connection, task: Task, cvat: CvatDouble, choice: str, state: str, answer: dict[str, str] | None
) -> None:
    publish_run(night(warehouse, task), unmatched="ask")
    question = only_question()
    review_mapping.record(**question, choice=choice, changes={"person": "Pedestrian"}, by="ada")
    review = reviews.find_review(warehouse, cvat.url, question["scope"], question["model"])
    assert review
    assert (review.state, review.answer) == (state, answer)


def test_nobody_asked(warehouse: connection, cvat: CvatDouble) -> None:
    for scope, model in (("", ""), ("project/3", "toy@1")):
        with pytest.raises(FirstpassError, match="nobody asked about the mapping"):
            review_mapping.proposal(scope, model)
