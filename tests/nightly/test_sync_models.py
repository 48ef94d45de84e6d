"""Which sources are synced, and that the warehouse hears of what was decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.model_sources import ModelSource
from firstpass.models.sync import Synced
from firstpass.nightly import sync_models
from firstpass.nightly.sync_models import sync_source, wanted_sources
from firstpass.settings import settings

SOURCES = """
sources:
  - {name: cats, source: "s3://training/cats", connection: aws_training, options: {threshold: 0.6}}
  - {name: dogs, source: /mnt/dogs}
  - {name: cats, source: /mnt/more-cats}
"""
CATS = ModelSource("cats", "s3://training/cats", "aws_training", {"threshold": 0.6})
DOGS, MORE_CATS = ModelSource("dogs", "/mnt/dogs"), ModelSource("cats", "/mnt/more-cats")


@pytest.fixture
def configured(store_folder: Path) -> None:
    Path(settings().model_sources).write_text(SOURCES)


def test_all_configured_sources_or_those_of_one_model(configured):
    assert wanted_sources() == [CATS, DOGS, MORE_CATS]
    assert wanted_sources("cats") == [CATS, MORE_CATS]


def test_a_model_that_is_not_configured_lists_those_that_are(configured, store_folder):
    with pytest.raises(FirstpassError, match="no source is configured for 'cars'") as caught:
        wanted_sources("cars")
    assert caught.value.fix.endswith(": cats, dogs")
    Path(settings().model_sources).unlink()
    assert wanted_sources() == []
    with pytest.raises(FirstpassError) as caught:
        wanted_sources("cars")
    assert "none yet" in caught.value.fix


def test_a_source_by_hand_needs_a_name(configured):
    with pytest.raises(FirstpassError, match="the source s3://other has no name"):
        wanted_sources(uri="s3://other")


def test_a_source_by_hand_takes_over_what_is_configured_under_its_name(configured):
    assert wanted_sources("cats", "s3://other/cats") == [
        ModelSource("cats", "s3://other/cats", "aws_training", {"threshold": 0.6})
    ]
    assert wanted_sources("cats", "s3://other/cats", "mine") == [
        ModelSource("cats", "s3://other/cats", "mine", {"threshold": 0.6})
    ]
    assert wanted_sources("cars", "s3://other/cars", "mine") == [ModelSource("cars", "s3://other/cars", "mine")]
    assert wanted_sources("cars", "s3://other/cars") == [ModelSource("cars", "s3://other/cars")]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch, stored: Any) -> list[tuple[Any, ...]]:
    """What the sync is asked; it decides on a version each time."""
    asked: list[tuple[Any, ...]] = []
    version = stored("cats")

    def sync(source: ModelSource, client: Any, again: bool) -> Synced:
        asked.append((source, client(), again))
        return Synced(source.uri, version.ref, True, None if source is DOGS else version, 7)

    monkeypatch.setattr(sync_models, "sync", sync)
    monkeypatch.setattr(sync_models.storage, "s3_of", lambda connection: f"client of {connection!r}")
    return asked


def recorded(warehouse: Any) -> list[str]:
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT model FROM models")
        return [model for (model,) in cur]


def test_a_decision_is_recorded_in_the_warehouse(synced, warehouse, warehouse_dsn, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", warehouse_dsn)
    settings.cache_clear()
    assert sync_source(DOGS).state == "unchanged"
    assert recorded(warehouse) == []
    assert sync_source(CATS, again=True).state == "admitted"
    assert recorded(warehouse) == ["cats@aaaaaaaaaaaa"]
    assert synced == [(DOGS, "client of ''", False), (CATS, "client of 'aws_training'", True)]


def test_a_warehouse_that_is_down_is_told_and_stops_nothing(synced, caplog):
    assert sync_source(CATS).state == "admitted"
    assert "cats@aaaaaaaaaaaa is not in the warehouse yet" in caplog.text
