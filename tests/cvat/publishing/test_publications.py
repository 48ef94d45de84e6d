"""How publishing went is kept for each run and task, and summed up."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from psycopg2.extensions import connection

from firstpass.cvat.labels.mapping import DecidedBy, Decision
from firstpass.cvat.publishing import publications
from firstpass.cvat.publishing.publications import Publication
from firstpass.cvat.server.labels import Label

SERVER, OTHER = "https://cvat.example.org", "https://other.example.org"
DECISIONS = (
    Decision(1, "person", DecidedBy.EXACT, "same name", Label(7, "person", "any"), "rectangle", 0.5),
    Decision(2, "kite", DecidedBy.UNMATCHED, "no label of this name"),
)


def publication(run_id: str = "a run", task: int = 12, state: str = "published", **fields: Any) -> Publication:
    return Publication(run_id, fields.pop("server", SERVER), task, fields.pop("model", "toy@1"), state, **fields)


@pytest.fixture
def keep(warehouse: connection) -> Any:
    def keep(*arguments: Any, age: int = 0, **fields: Any) -> None:
        """As of so many minutes ago."""
        publications.save(warehouse, publication(*arguments, **fields))
        with warehouse, warehouse.cursor() as cur:
            cur.execute(
                "UPDATE publications SET changed_at = now() - make_interval(mins => %s)"
                " WHERE (run_id, task) = (%s, %s)",
                [age, *(arguments + ("a run", 12)[len(arguments) :])[:2]],
            )

    return keep


def test_a_publication_begins_running_and_with_nothing_counted() -> None:
    begun = Publication("a run", SERVER, 12, "toy@1")
    assert (begun.state, begun.reason, begun.task_name, begun.scope) == ("running", None, "", "")
    assert begun.counts() == {
        "frames": 0, "shapes": 0, "shapes_in_task": 0, "replaced": 0, "kept": 0, "lost": 0, "left_alone": {},
        "dropped": {}, "filled": {}, "threshold": None,
    }  # fmt: skip


def test_all_that_is_said_of_a_task(warehouse: connection) -> None:
    said = publication(
        reason="because",
        task_name="night",
        scope="project/3",
        decisions=DECISIONS,
        frames=1,
        shapes=2,
        shapes_in_task=3,
        replaced=4,
        kept=5,
        lost=6,
        left_alone=Counter({"a person works on it": 7}),
        dropped=Counter({"kite": 8}),
        filled=Counter({"person": 9}),
        threshold=0.45,
    )
    counts = {
        "frames": 1, "shapes": 2, "shapes_in_task": 3, "replaced": 4, "kept": 5, "lost": 6,
        "left_alone": {"a person works on it": 7}, "dropped": {"kite": 8},
        "filled": {"person": 9}, "threshold": 0.45,
    }  # fmt: skip
    url = f"{SERVER}/tasks/12"
    assert json.loads(json.dumps(said.to_json())) == {
        "task": 12, "name": "night", "url": url, "state": "published", "reason": "because", **counts,
    }  # fmt: skip
    publications.save(warehouse, said)
    assert publications.publications_of(warehouse, "a run") == [
        {
            "url": url, "task": 12, "name": "night", "state": "published", "reason": "because",
            "mapping": [decision.to_json() for decision in DECISIONS], "counts": counts,
        }
    ]  # fmt: skip


def test_the_last_word_on_a_run_and_task_counts(warehouse: connection) -> None:
    publications.save(warehouse, publication(state="failed", reason="x", task_name="old", scope="task/12", frames=1))
    later = publication(state="published", task_name="new", scope="project/3", frames=2, decisions=DECISIONS)
    publications.save(warehouse, later)
    (found,) = publications.publications_of(warehouse, "a run")
    assert (found["state"], found["reason"], found["name"], found["counts"]["frames"]) == ("published", None, "new", 2)
    assert len(found["mapping"]) == 2
    waiting = publication(state="waiting", scope="project/4")
    publications.save(warehouse, waiting)
    assert publications.waiting_runs(warehouse, SERVER, "project/4", "toy@1") == ["a run"]


def test_tasks_of_a_run_come_in_order(warehouse: connection) -> None:
    for run_id, task, server in (
        ("a run", 13, SERVER),
        ("a run", 2, SERVER),
        ("b run", 1, SERVER),
        ("a run", 2, OTHER),
    ):
        publications.save(warehouse, publication(run_id, task, server=server))
    assert [each["task"] for each in publications.publications_of(warehouse, "a run")] == [2, 2, 13]


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "published"),
        (["published"], "published"),
        (["waiting", "waiting"], "waiting"),
        (["failed", "failed", "failed"], "failed"),
        (["published", "failed"], "partial"),
        (["published", "published", "waiting"], "partial"),
    ],
)
def test_the_state_of_a_run_is_that_of_all_its_tasks(states: list[str], state: str) -> None:
    done = [publication(task=number, state=each) for number, each in enumerate(states)]
    assert publications.summarise("a run", done)["state"] == state


def test_a_summary_adds_up_what_its_tasks_say() -> None:
    numbers = {"frames": 1, "shapes": 2, "shapes_in_task": 3, "replaced": 4, "kept": 5, "lost": 6}
    done = [publication(task=12, **numbers), publication(task=13, **{name: 10 * n for name, n in numbers.items()})]
    summary = publications.summarise("a run", done)
    assert {name: summary[name] for name in numbers} == {name: 11 * n for name, n in numbers.items()}
    assert summary["run_id"] == "a run"
    assert summary["tasks"] == [each.to_json() for each in done]


def test_runs_that_wait_for_a_review_come_by_the_time_since_when(warehouse: connection, keep: Any) -> None:
    keep("late", 12, "waiting", scope="project/3", age=10)
    keep("early", 12, "waiting", scope="project/3", age=20)
    keep("early", 13, "waiting", scope="project/3", age=1)
    keep("between", 13, "waiting", scope="project/3", age=15)
    keep("answered", 12, "published", scope="project/3", age=30)
    keep("elsewhere", 12, "waiting", scope="project/4", age=30)
    keep("another model", 12, "waiting", scope="project/3", model="toy@2", age=30)
    keep("another server", 12, "waiting", scope="project/3", server=OTHER, age=30)
    assert publications.waiting_runs(warehouse, SERVER, "project/3", "toy@1") == ["early", "between", "late"]


def test_what_was_tried_and_did_not_fail_is_not_published_again(warehouse: connection, keep: Any) -> None:
    for task, state in enumerate(("running", "published", "waiting", "refused", "failed", "withdrawn"), start=1):
        keep("a run", task, state)
    keep("other", 7, "published")
    keep("b run", 8, "published", server=OTHER)
    wanted = {"b run": [8, 9], "a run": [1, 2, 3, 4, 5, 6, 7], "other": [7], "c run": [3]}
    left = publications.unpublished(warehouse, SERVER, wanted)
    assert left == {"b run": [8, 9], "a run": [1, 5, 7], "c run": [3]}
    assert list(left) == ["b run", "a run", "c run"]
    assert publications.unpublished(warehouse, SERVER, {}) == {}


def test_one_task_of_one_run_is_marked_withdrawn(warehouse: connection, keep: Any) -> None:
    keep("a run", 12)
    keep("a run", 13)
    keep("b run", 12)
    publications.save(warehouse, publication("a run", 12, server=OTHER))
    publications.mark_withdrawn(warehouse, "a run", SERVER, 12)
    states = {
        (run, each["url"]): each["state"]
        for run in ("a run", "b run")
        for each in publications.publications_of(warehouse, run)
    }
    assert states == {
        ("a run", f"{SERVER}/tasks/12"): "withdrawn",
        ("a run", f"{SERVER}/tasks/13"): "published",
        ("a run", f"{OTHER}/tasks/12"): "published",
        ("b run", f"{SERVER}/tasks/12"): "published",
    }


def test_every_change_is_dated(warehouse: connection, keep: Any) -> None:
    """Runs that wait are ordered by it."""

    def age() -> float:
        with warehouse, warehouse.cursor() as cur:
            cur.execute("SELECT extract(epoch FROM now() - changed_at) FROM publications")
            return float(cur.fetchall()[0][0])

    keep("a run", 12, age=60)
    assert age() > 3000
    publications.save(warehouse, publication("a run", 12))
    assert age() < 60
    keep("a run", 12, age=60)
    publications.mark_withdrawn(warehouse, "a run", SERVER, 12)
    assert age() < 60
