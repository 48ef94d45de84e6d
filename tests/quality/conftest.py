"""Runs that are ready to be checked and reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from firstpass.chunks.run import RunSpec
from firstpass.images import catalogue as catalogues
from firstpass.settings import settings
from firstpass.warehouse import runs
from firstpass.warehouse.merge import merge_catalogue, merge_chunk
from warehouse.nights import VERSION, Night

Rows = list[dict[str, Any]]


@pytest.fixture
def storage_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "storage"))
    settings.cache_clear()
    return tmp_path / "storage"


@pytest.fixture
def finished_run(warehouse, storage_home) -> Callable[..., RunSpec]:
    """`finished_run(rows, decided=…)`: a run whose catalogue lists both, and whose one chunk holds `rows`, merged.

    `decided` are rows that the catalogue itself gave an outcome (known, duplicate, unreadable). Other arguments are
    RunSpec's fields, and `version` for another model. Later runs start later.
    """
    opened: list[str] = []

    def finish(rows: Rows, decided: Rows = [], version=VERSION, **other: Any) -> RunSpec:  # noqa: B006
        opened.append(other.setdefault("run_id", f"run {len(opened) + 1}"))
        spec = RunSpec(
            images="/photos",
            model=version.ref,
            model_uri="/models/toy",
            threshold=0.3,
            class_thresholds={},
            reprocess=False,
            engine="local",
            started_at=f"2026-02-{len(opened):02d}T02:00:00+00:00",
            **{"run_id": other.pop("run_id")},
        )
        spec = replace(spec, **other)
        runs.begin_run(warehouse, spec, version)
        table = pa.Table.from_pylist([*(r | {"outcome": None} for r in rows), *decided], catalogues.CATALOGUE)
        catalogues.save(table, spec.uri)
        merge_catalogue(warehouse, spec, table)
        runs.record_plan(warehouse, spec.run_id, 1 if rows else 0)
        if rows:
            merge_chunk(warehouse, spec, Night(spec).chunk(0, rows))
        for stage in ("resolve_model", "admit_model", "catalogue_images", "plan_chunks", "infer", "merge"):
            runs.record_stage(warehouse, spec.run_id, stage, 0.25)
        spec.save()
        return spec

    return finish
