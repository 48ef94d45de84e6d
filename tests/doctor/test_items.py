"""What is looked at, in which order, without anything that has to be there."""

from __future__ import annotations

import pytest

from firstpass.cli.endings import explain
from firstpass.doctor.items import examine_all
from firstpass.findings import Standing
from firstpass.settings import settings


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in ("AIRFLOW_CONN_CVAT_DEFAULT", "FIRSTPASS_WAREHOUSE_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_a_home_in_which_nothing_was_ever_started(home):
    found = examine_all(explain, 60)
    assert [f.item for f in found] == [
        "settings", "versions", "stack", "warehouse", "storage", "model store", "CVAT", "cluster", "GPU", "disk"
    ]  # fmt: skip
    assert Standing.PROBLEM not in {f.standing for f in found if f.item != "disk"}
    assert list(home.iterdir()) == []


def test_model_sources_are_looked_at_each(home):
    (home / "models.yaml").write_text("sources:\n- {name: pets, source: /nowhere}\n- {name: cars, source: 's3://'}\n")
    (found,) = (f for f in examine_all(explain, 60) if f.item == "models")
    assert "models.yaml, entry 2" in found.words


def test_a_secret_that_an_error_repeats_is_not_shown(home, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "sesame")
    (home / "models.yaml").write_text("sources:\n- {name: pets, source: /photos/sesame}\n")
    (found,) = (f for f in examine_all(explain, 60) if f.item == "model pets")
    assert found.words == "/photos/… is not there"
