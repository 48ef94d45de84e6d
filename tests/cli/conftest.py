"""A project folder of the test's own, and an Airflow to talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firstpass.cli import cli
from firstpass.settings import settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in [name for name in os.environ if name.startswith(("FIRSTPASS_", "AIRFLOW"))]:
        if name != "FIRSTPASS_TEST_POSTGRES":
            monkeypatch.delenv(name)
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def call():
    """`firstpass …` in this process. A FirstpassError is the result's `exception`; `main` would print it."""

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return call
