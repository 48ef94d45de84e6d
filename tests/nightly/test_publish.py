"""After publishing, a run's report says where its drafts went and what each class became."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cli.cvat import cvat as commands
from firstpass.nightly import publish
from firstpass.report.build import build_report
from firstpass.settings import settings
from fixtures.cvat_runs import Night, boxes


@pytest.fixture
def run(warehouse: connection, cvat: CvatDouble, task: Task) -> str:
    """A run with its report, as the night leaves it: not published yet."""
    run_id = Night("night 1", task.id, {frame: boxes(frame) for frame in range(8)}).save(warehouse)
    assert "In CVAT" not in Path(build_report(run_id)).read_text()
    return run_id


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
