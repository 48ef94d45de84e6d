"""A run to merge into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firstpass.chunks.run import RunSpec
from firstpass.settings import settings
from firstpass.warehouse.runs import begin_run
from warehouse.nights import VERSION, Night


@pytest.fixture
def night(warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Night]:
    """Opens a run: `night("a run")`, with RunSpec's other fields where they matter. Later ones start later."""
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "storage"))
    settings.cache_clear()
    spec = RunSpec(
        run_id="",
        images="/photos",
        model=VERSION.ref,
        model_uri="/models/toy",
        threshold=0.3,
        class_thresholds={},
        reprocess=False,
        engine="local",
        started_at="",
    )
    opened = []

    def open_run(run_id: str = "a run", **other: Any) -> Night:
        opened.append(run_id)
        made = replace(spec, run_id=run_id, started_at=f"2026-02-{len(opened):02d}T02:00:00+00:00")
        made = replace(made, **other)
        begin_run(warehouse, made, VERSION)
        return Night(made)

    return open_run
