from __future__ import annotations

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.model_version import ModelFile, ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.images.catalogue_file import LEFT, SavedCatalogue
from firstpass.settings import settings


@pytest.fixture(autouse=True)
def configure(monkeypatch, tmp_path):
    """Settings of the test's own; call it to change some."""

    def change(**values) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_{name.upper()}", str(value))
        settings.cache_clear()

    change(storage=tmp_path / "storage")
    yield change
    settings.cache_clear()


@pytest.fixture
def spec() -> RunSpec:
    return RunSpec(
        run_id="night-1",
        images="/photos",
        model="nanodet-coco@0123",
        model_uri="/m",
        thresholds=Thresholds(0.4, {1: 0.5}),
        floor=0.2,
        revision=2,
        reprocess=False,
        engine="local",
        started_at="2026-01-01T00:00:00Z",
    )


@pytest.fixture
def version() -> ModelVersion:
    files = (ModelFile("frozen_inference_graph.pb", "00", 8_000_000),)
    kind = "tfod_frozen_graph"
    return ModelVersion("nanodet-coco", "0123", kind, files, ClassTable(()), "s", "2026-01-01", True, 0.4)


@pytest.fixture
def catalogue():
    """A catalogue of images of these sizes, in some parts; None for one whose header was not read."""

    def make(*sizes: tuple[int, int] | None) -> SavedCatalogue:
        rows = [
            {
                "uri": f"file:///photos/{i:06d}.jpg",
                "etag": f"e{i}",
                "size": 600_000,
                "sha256": f"{i:064x}",
                "width": size[0] if size else None,
                "height": size[1] if size else None,
            }
            for i, size in enumerate(sizes)
        ]
        buffer = BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=LEFT), buffer, row_group_size=max(3, len(rows) // 3))
        return SavedCatalogue(pq.ParquetFile(buffer))

    return make
