from __future__ import annotations

import pytest

from firstpass.findings import Standing
from firstpass.inference.gpu_examination import examine_gpus
from firstpass.settings import settings


@pytest.fixture
def chosen(monkeypatch):
    """`chosen(name=value)`: the finding with these settings."""

    def examine(**values: str):
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_{name.upper()}", value)
        settings.cache_clear()
        return examine_gpus()

    yield examine
    settings.cache_clear()


def test_none_is_asked_for(chosen):
    assert chosen(machine="cpu").standing is Standing.UNUSED


def test_pods_look_for_themselves(chosen):
    found = chosen(engine="kubernetes", kubernetes_gpus="1")
    assert found.standing is Standing.UNUSED
    assert "each pod must find 1" in found.words


def test_one_that_is_asked_for_and_not_there(chosen, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = chosen(machine="t4")
    assert found.standing is Standing.PROBLEM
    assert "1 asked for, none found" in found.words
    assert "FIRSTPASS_MACHINE=cpu" in found.fix
