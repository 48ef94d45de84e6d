"""A CVAT of the test's own, and the connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cvat.nights import jpeg
from doubles.cvat import CvatDouble, Task
from firstpass.cvat import client, doubt, frames, sending
from firstpass.settings import settings


@pytest.fixture
def cvat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CvatDouble]:
    """The double; `firstpass.cvat.client.cvat()` finds it. What breaks CVAT's schema fails the test."""
    with CvatDouble() as double:
        monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", double.connection())
        monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "storage"))  # reports
        settings.cache_clear()
        monkeypatch.setattr(doubt, "FIRST_WAIT", 0.01)
        monkeypatch.setattr(sending, "LATE", 0.0)
        monkeypatch.setattr(client, "READ_BACKOFF", 0.01)
        client.cvat.cache_clear()
        frames._reader.cache_clear()
        yield double
        client.cvat.cache_clear()
        frames._reader.cache_clear()
        assert double.problems == []


@pytest.fixture
def task(cvat: CvatDouble) -> Task:
    """Eight frames in two jobs of four, with a label for each class of the made-up model."""
    return cvat.state.add_task(
        "night",
        labels=[{"name": name, "type": "rectangle"} for name in ("person", "Car", "traffic_light")],
        frames=[jpeg(n) for n in range(8)],
        chunk_size=3,
        segment_size=4,
    )
