"""A stage's time is kept, and what went wrong in it is told wherever it still can be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from firstpass.contracts.run_error import RunError
from firstpass.errors import FirstpassError
from firstpass.nightly.stage_timer import stage
from firstpass.settings import settings


@pytest.fixture
def run(warehouse: Any, night: Any) -> Any:
    """An open run; gives its state and stages."""
    night("a run")

    def look() -> tuple[str, dict[str, float]]:
        with warehouse, warehouse.cursor() as cur:
            cur.execute("SELECT state, stages FROM runs")
            return tuple(cur.fetchall()[0])

    return look


def test_a_stage_is_timed_to_a_thousandth(run):
    with stage("a run", "merge"):
        time.sleep(0.05)
    state, stages = run()
    assert state == "running"
    assert list(stages) == ["merge"]
    assert 0.05 <= stages["merge"] < 5
    assert stages["merge"] == round(stages["merge"], 3)


def fail(error: BaseException, before: Callable[[], None] = lambda: None, name: str = "merge") -> None:
    """A stage that ends with this error, after something else had happened."""
    with stage("a run", name):
        before()
        raise error


def test_a_failure_is_raised_written_down_and_ends_the_run(run):
    error = FirstpassError("the disk is full", "free space")
    with pytest.raises(FirstpassError) as caught:
        fail(error, name="infer")
    assert caught.value is error
    assert RunError.load("a run") == RunError("infer", "the disk is full", "free space")
    assert run() == ("failed", {})


def test_another_try_takes_the_word_away_before_it_begins(run):
    RunError("infer", "the disk is full", "free space").save("a run")
    with stage("a run", "infer"):
        assert RunError.load("a run") is None
    assert "infer" in run()[1]


def test_a_task_that_is_stopped_has_not_failed(run):
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt())
    assert RunError.load("a run") is None
    assert run() == ("running", {})


def test_a_failure_without_a_warehouse_is_told_in_storage(run, monkeypatch):
    def lose_it() -> None:
        monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://no-such-host.invalid/x")
        settings.cache_clear()

    with pytest.raises(KeyError):
        fail(KeyError("uri"), lose_it)
    error = RunError.load("a run")
    assert error
    assert error.problem == "KeyError: 'uri'"


def test_a_failure_without_storage_is_told_in_the_warehouse(run, tmp_path, monkeypatch):
    def lose_it() -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "file"))
        settings.cache_clear()

    with pytest.raises(KeyError):
        fail(KeyError("uri"), lose_it)
    assert run()[0] == "failed"
