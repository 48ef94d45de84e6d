"""What is to be published is found, published, and told in the run's report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cli.cvat import cvat as commands
from firstpass.cvat.labels import reviews
from firstpass.cvat.labels.mapping import DecidedBy, Decision
from firstpass.cvat.server import client
from firstpass.cvat.server.client import CvatDown
from firstpass.errors import FirstpassError
from firstpass.nightly import publish
from firstpass.report.build import build_report
from firstpass.settings import settings
from fixtures.cvat_runs import Night, another_task, boxes


@pytest.fixture
def run(warehouse: connection, cvat: CvatDouble, task: Task) -> str:
    """A run with its report, as the night leaves it: not published yet."""
    run_id = Night("night 1", task.id, {frame: boxes(frame) for frame in range(8)}).save(warehouse)
    assert "In CVAT" not in Path(build_report(run_id)).read_text()
    return run_id


def in_each(warehouse: connection, *tasks: Task, run_id: str = "night 1", ago: int = 0, **fields: Any) -> str:
    """A run of so many hours ago, that is to be published, over these tasks."""
    started = (datetime.now(UTC) - timedelta(hours=ago)).isoformat()
    made = Night(run_id, tasks[0].id, {0: boxes(0)}, started_at=started, publish=True, **fields).save(warehouse)
    with warehouse, warehouse.cursor() as cur:
        for task in tasks[1:]:
            cur.execute(
                "INSERT INTO outcomes SELECT run_id, uri || %s, chunk, outcome, detections, sha256, width, height, %s,"
                " frame, reason FROM outcomes WHERE task = %s AND run_id = %s",
                [f"/{task.id}", task.id, tasks[0].id, made],
            )
    return made


def links_and_mapping(report: Path, cvat: CvatDouble, task: Task) -> None:
    page = report.read_text()
    assert f'href="{cvat.url}/tasks/{task.id}"' in page
    assert "24 shapes in the task" in page
    assert "<td>traffic light</td><td>traffic_light</td>" in page


def test_the_dag_renews_the_report(cvat: CvatDouble, task: Task, run: str) -> None:
    work = publish.find_work(run, unchecked=False)
    publish.publish(**work[0], unmatched=None, unchecked=False)
    (uri,) = publish.renew_reports(work)
    links_and_mapping(Path(uri), cvat, task)


def test_the_command_renews_the_report(cvat: CvatDouble, task: Task, run: str) -> None:
    result = CliRunner().invoke(commands, ["publish", run])
    assert result.exit_code == 0, result.output
    links_and_mapping(next(Path(settings().storage).rglob("report.html")), cvat, task)


@pytest.fixture
def tasks(cvat: CvatDouble, task: Task) -> list[Task]:
    return [task, *(another_task(cvat, f"t{n}") for n in range(4))]


def test_the_night_finds_what_is_to_be_published(
    warehouse: connection, cvat: CvatDouble, tasks: list[Task], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstpass")
    for number, one in enumerate(tasks[:3]):
        in_each(warehouse, one, run_id=f"night {number}", ago=9 - number)
    Night("by hand", tasks[0].id, {}, started_at=f"{datetime.now(UTC)}", threshold=0.4).save(warehouse)  # not asked for
    Night("long ago", tasks[0].id, {0: []}, publish=True, threshold=0.5).save(warehouse)
    work = publish.find_work("", unchecked=False)
    assert work == [{"run_id": f"night {n}", "tasks": [one.id]} for n, one in enumerate(tasks[:3])]
    assert caplog.messages[-1] == "3 runs, 3 tasks"
    assert publish.publish(**work[0], unmatched="drop", unchecked=False) == {"shapes": 3, "published": 1}
    assert [item["run_id"] for item in publish.find_work("", unchecked=False)] == ["night 1", "night 2"]
    assert publish.find_work("night 0", unchecked=False) == work[:1]


def test_a_run_that_may_not_be_published_is_passed_over_by_the_night_and_refused_when_it_was_named(
    warehouse: connection, cvat: CvatDouble, tasks: list[Task], caplog: pytest.LogCaptureFixture
) -> None:
    in_each(warehouse, tasks[0], run_id="hasty", ago=1, checked=False)
    in_each(warehouse, tasks[1], run_id="good")
    assert [item["run_id"] for item in publish.find_work("", unchecked=False)] == ["good"]
    assert "left out: run hasty was never checked" in caplog.text
    assert [item["run_id"] for item in publish.find_work("", unchecked=True)] == ["hasty", "good"]
    with pytest.raises(FirstpassError, match="was never checked"):
        publish.find_work("hasty", unchecked=False)
    assert publish.find_work("hasty", unchecked=True) == [{"run_id": "hasty", "tasks": [tasks[0].id]}]
    with pytest.raises(FirstpassError, match="was never checked"):
        publish.publish("hasty", [tasks[0].id], None, unchecked=False)
    assert publish.publish("hasty", [tasks[0].id], None, unchecked=True)["published"] == 1


def test_without_work_no_cvat_is_needed(warehouse: connection) -> None:
    """A night over a folder, and no connection cvat_default."""
    client.cvat.cache_clear()
    assert publish.find_work("", unchecked=False) == []


def test_nothing_to_publish_is_no_work(warehouse: connection, cvat: CvatDouble) -> None:
    assert publish.find_work("", unchecked=False) == []


@pytest.mark.parametrize(
    ("most", "batches"),
    [
        (200, [[0], [1], [2], [3], [4]]),
        (5, [[0], [1], [2], [3], [4]]),
        (4, [[0, 1], [2, 3], [4]]),
        (2, [[0, 1, 2], [3, 4]]),
    ],
)
def test_many_tasks_go_in_batches(
    warehouse: connection, tasks: list[Task], monkeypatch: pytest.MonkeyPatch, most: int, batches: list[list[int]]
) -> None:
    monkeypatch.setattr(publish, "BATCHES", most)
    run_id = in_each(warehouse, *tasks)
    assert publish.find_work(run_id, unchecked=False) == [
        {"run_id": run_id, "tasks": [tasks[n].id for n in batch]} for batch in batches
    ]


def test_a_batch_holds_tasks_of_one_run(
    warehouse: connection, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "BATCHES", 2)
    in_each(warehouse, *tasks[:2], run_id="one", ago=3)
    in_each(warehouse, *tasks[2:4], run_id="other", ago=2)
    in_each(warehouse, tasks[4], run_id="third")
    assert [(item["run_id"], len(item["tasks"])) for item in publish.find_work("", unchecked=False)] == [
        ("one", 2), ("other", 1), ("other", 1), ("third", 1),
    ]  # fmt: skip


def test_tasks_are_counted_by_what_became_of_them(warehouse: connection, cvat: CvatDouble, tasks: list[Task]) -> None:
    tasks[1].own_labels[:] = tasks[1].own_labels[:1]
    run_id = in_each(warehouse, *tasks[:3])
    numbers = [one.id for one in tasks[:3]]
    assert publish.publish(run_id, numbers, "ask", unchecked=False) == {"shapes": 6, "published": 2, "waiting": 1}


def test_all_tasks_are_tried_before_an_error_is_raised_and_what_may_pass_comes_first(
    warehouse: connection, cvat: CvatDouble, tasks: list[Task], caplog: pytest.LogCaptureFixture
) -> None:
    run_id = in_each(warehouse, *tasks[:3])
    del cvat.state.tasks[tasks[0].id]
    cvat.faults.add("status", 503, method="GET", path=f"tasks/{tasks[1].id}$", times=99)
    numbers = [one.id for one in tasks[:3]]
    with pytest.raises(CvatDown, match="answers 503"):
        publish.publish(run_id, numbers, None, unchecked=False)
    assert len(tasks[2].shapes) == 3
    assert all(f"task {number}: " in caplog.text for number in numbers[:2])
    cvat.faults.clear()
    with pytest.raises(FirstpassError, match="does not exist"):
        publish.publish(run_id, numbers, None, unchecked=False)
    assert len(tasks[1].shapes) == 3


def test_each_report_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "build_report", lambda run_id: f"/report of {run_id}")
    work = [{"run_id": run_id, "tasks": []} for run_id in ("b", "a", "b")]
    assert publish.renew_reports(work) == ["/report of b", "/report of a"]


def test_the_command_publishes_by_the_policy_that_it_was_given(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    task.own_labels[:] = task.own_labels[:1]
    assert publish.publish_and_renew(run, unmatched="ask")["state"] == "waiting"
    Night("hasty", task.id, {0: []}, checked=False, threshold=0.4).save(warehouse)
    with pytest.raises(FirstpassError, match="was never checked"):
        publish.publish_and_renew("hasty")
    assert publish.publish_and_renew("hasty", unmatched="drop", unchecked=True)["state"] == "published"


def test_the_command_publishes_by_the_threshold_that_it_was_given(cvat: CvatDouble, task: Task, run: str) -> None:
    assert publish.publish_and_renew(run)["shapes"] == 24
    summary = publish.publish_and_renew(run, threshold=0.94)
    assert (summary["shapes"], summary["replaced"]) == (16, 24)
    with pytest.raises(FirstpassError, match=r"below the floor 0.15"):
        publish.publish_and_renew(run, threshold=0.1)


def test_an_open_question_starts_one_run_of_the_dag_however_often_it_is_found(
    warehouse: connection, cvat: CvatDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstpass")
    decision = Decision(1, "person", DecidedBy.UNMATCHED, "no label of this name")
    reviews.ask(warehouse, cvat.url, "project/3", "toy@1", [decision], ["lamp"])
    (question,) = publish.questions()
    assert question["conf"] == {"scope": "project/3", "model": "toy@1"}
    review = reviews.find_review(warehouse, cvat.url, "project/3", "toy@1")
    assert review
    assert question["trigger_run_id"] == f"project-3-toy-1-{review.asked_at:%Y%m%dT%H%M%S}"
    assert publish.questions() == [question]
    assert "waits for an answer: toy@1 in project/3" in caplog.text
