"""`firstpass cvat …` against the double."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cli import cli
from firstpass.cli.cvat import cvat as commands
from firstpass.cvat.server import client
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import Night, boxes


@pytest.fixture(autouse=True)
def quiet_logging() -> Iterator[None]:
    """The command sets the log's level for its own process."""
    level = logging.getLogger("firstpass").level
    yield
    logging.getLogger("firstpass").setLevel(level)


@pytest.fixture
def run(warehouse: connection, task: Task) -> str:
    return Night("night 1", task.id, {frame: boxes(frame) for frame in range(8)}).save(warehouse)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["cvat", *arguments])


def read(*arguments: str) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_tasks(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    (row,) = read("tasks", f"cvat:task/{task.id}")
    assert row == {
        "task": task.id, "name": "night", "frames": 8, "open": 7, "left_alone": {"a person works on it": 1},
        "url": f"{cvat.url}/tasks/{task.id}",
    }  # fmt: skip
    assert "1 a person works on it" in call("tasks", f"cvat:task/{task.id}").stdout


def test_tasks_of_a_project_that_cannot_be_drafted(warehouse: connection, cvat: CvatDouble) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    cvat.state.add_task("empty", project=project)
    assert "(empty) has no data" in call("tasks", f"cvat:project/{project.id}").stdout


def test_preview_publish_withdraw(cvat: CvatDouble, task: Task, run: str) -> None:
    assert read("preview")["shapes"] == 24
    shown = call("preview", run).stdout
    assert "traffic_light" in shown
    assert "but for case, spaces, underscores or hyphens" in " ".join(shown.split())
    assert task.shapes == {}
    assert read("publish", run)["shapes"] == 24
    assert call("publish", run).exit_code == 0
    assert len(task.shapes) == 24
    assert call("withdraw", "latest").stdout == (
        "Removed 24 shapes from 1 task; kept 0 that somebody edited; 0 had gone already.\n"
    )
    assert task.shapes == {}


def test_what_withdraw_did_is_told_in_numbers(cvat: CvatDouble, task: Task, run: str) -> None:
    assert read("withdraw", run) == {"run_id": run, "tasks": [], "removed": 0, "kept": 0, "gone": 0}
    call("publish", run)
    edited, deleted, *_ = task.shapes.values()
    cvat.state.update(task, {"shapes": [edited | {"z_order": 1}]})
    cvat.state.delete(task, {"shapes": [deleted]})
    assert read("withdraw", run) == {"run_id": run, "tasks": [task.id], "removed": 22, "kept": 1, "gone": 1}
    assert list(task.shapes) == [edited["id"]]


def test_another_threshold_replaces_what_was_published(cvat: CvatDouble, task: Task, run: str) -> None:
    assert call("publish", run).exit_code == 0
    assert read("preview", run, "--threshold", "0.94")["shapes"] == 16
    summary = read("publish", run, "--threshold", "0.94")
    assert (summary["shapes"], summary["replaced"]) == (16, 24)
    assert {shape["score"] for shape in task.shapes.values()} == {0.95, 0.94}
    for command in ("preview", "publish"):
        refused = call(command, run, "--threshold", "0.1")
        assert isinstance(refused.exception, FirstpassError)
        assert refused.exception.problem.startswith("threshold 0.1 is below the floor 0.15 of run night 1")
        assert call(command, run, "--threshold", "much").exit_code == 2
    assert len(task.shapes) == 16


def test_publishing_that_waits_or_fails_is_not_a_success(cvat: CvatDouble, task: Task, run: str) -> None:
    task.own_labels.pop()
    waiting = call("publish", run, "--unmatched", "ask")
    assert (waiting.exit_code, "waiting" in waiting.stdout) == (1, True)
    failed = call("publish", run, "--unmatched", "fail")
    assert (failed.exit_code, "failed" in failed.stdout) == (1, True)
    assert task.shapes == {}
    assert call("publish", run).exit_code == 0


def test_a_server_that_is_down_is_said_in_two_lines(
    warehouse: connection, monkeypatch: pytest.MonkeyPatch, cvat: CvatDouble
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", '{"host": "http://127.0.0.1:9", "password": "x"}')
    client.cvat.cache_clear()
    result = call("tasks", "cvat:task/1")
    assert isinstance(result.exception, FirstpassError)
    assert "does not answer" in result.exception.problem


def test_the_documentation_has_every_command() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    guide, reference = (docs / "guides" / "cvat.md").read_text(), (docs / "reference" / "commands.md").read_text()
    for name, command in commands.commands.items():
        argument = "URI" if name == "tasks" else "RUN"
        assert f"| `firstpass cvat {name} {argument}` |" in guide
        (section,) = re.findall(rf"^### firstpass cvat {name}\n(.*?)(?=^#)", reference, re.MULTILINE | re.DOTALL)
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"| `{option.opts[0]}" in section, f"{name} {option.opts}"
