"""Settings come from the environment and from .env, and say which one is wrong."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.settings import home, settings


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_embedded_defaults_need_nothing(tmp_path):
    assert settings().storage == str(tmp_path / "var" / "storage")
    assert settings().engine == "local"


def test_the_environment_wins_over_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("FIRSTPASS_PORT=9001\nFIRSTPASS_MODEL=pets\n")
    monkeypatch.setenv("FIRSTPASS_PORT", "9002")
    assert (settings().port, settings().model) == (9002, "pets")


def test_a_wrong_value_names_its_variable(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_ENGINE", "mainframe")
    with pytest.raises(FirstpassError) as caught:
        settings()
    assert "FIRSTPASS_ENGINE='mainframe'" in caught.value.problem
    assert str(home() / ".env") in caught.value.fix


def test_a_dsn_does_not_show_in_print(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://me:hunter2@db/warehouse")
    assert "hunter2" not in repr(settings())
