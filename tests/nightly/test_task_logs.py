"""Logs: which are old, and that nothing but them goes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstpass.nightly.task_logs import LogFolder, old_logs, remove_logs

OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
BETWEEN = datetime(2026, 2, 1, tzinfo=UTC)
RUN = "scheduled__2026-01-01T02:00:00+00:00"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def write(path: Path, at: datetime = OLD, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def names(base: Path) -> list[str]:
    return [str(logs.path.relative_to(base)) for logs in old_logs(base, BETWEEN)]


def test_a_run_is_as_old_as_the_newest_of_its_logs(base):
    task = base / "dag_id=preannotate" / f"run_id={RUN}" / "task_id=merge"
    write(task / "attempt=1.log")
    write(task / "attempt=2.log", size=5)
    write(base / "dag_id=preannotate" / "run_id=other" / "task_id=merge" / "attempt=1.log")
    write(base / "dag_id=preannotate" / "run_id=other" / "task_id=check" / "attempt=1.log", NEW)
    (found,) = old_logs(base, BETWEEN)
    assert found == LogFolder(task.parent, 2, 15, OLD, "preannotate", RUN)


def test_days_of_the_dag_processor_belong_to_no_run(base):
    write(base / "dag_processor" / "2026-01-01" / "dags-folder" / "dags" / "prune.py.log")
    write(base / "dag_processor" / "latest.log")
    (found,) = old_logs(base, BETWEEN)
    assert (found.path.name, found.dag_id, found.run_id) == ("2026-01-01", "", "")


def test_what_is_not_airflows_is_left_out(base):
    write(base / "scheduler.log")
    write(base / "my notes" / "run_id=a" / "precious.txt")
    write(base / "dag_id=preannotate" / "precious.txt")
    assert names(base) == []
    assert names(base / "missing") == []


def test_links_are_not_followed(base, tmp_path):
    write(tmp_path / "outside" / "run_id=a" / "precious.txt")
    write(base / "dag_id=preannotate" / "run_id=b" / "attempt=1.log")
    (base / "dag_id=link").symlink_to(tmp_path / "outside")
    (base / "dag_id=preannotate" / "run_id=link").symlink_to(tmp_path / "outside")
    (base / "dag_id=preannotate" / "run_id=b" / "link").symlink_to(tmp_path / "outside")
    (found,) = old_logs(base, BETWEEN)
    assert (found.run_id, found.files) == ("b", 1)
    remove_logs(base, found)
    assert not found.path.exists()
    assert (tmp_path / "outside" / "run_id=a" / "precious.txt").exists()


def test_nothing_else_can_be_removed(base, tmp_path):
    precious = write(tmp_path / "precious" / "file")
    base.mkdir()
    with pytest.raises(ValueError, match="is not below"):
        remove_logs(base, LogFolder(precious.parent, 1, 1, OLD))
    assert precious.exists()
