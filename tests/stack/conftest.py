"""A project folder of the test's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstpass.settings import settings
from firstpass.stack.layout import Layout, make_layout


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Short, so that sockets fit; pytest's own folder may be too deep.
    folder = Path(tempfile.mkdtemp(prefix="fp-"))
    for name in [name for name in os.environ if name.startswith(("FIRSTPASS_", "AIRFLOW"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FIRSTPASS_HOME", str(folder))
    (folder / "var").mkdir()
    settings.cache_clear()
    yield folder
    settings.cache_clear()
    shutil.rmtree(folder)


@pytest.fixture
def where(home: Path) -> Iterator[Layout]:
    layout = make_layout()
    yield layout
    if layout.as_root:
        shutil.rmtree(layout.postgres, ignore_errors=True)
