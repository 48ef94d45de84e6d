from __future__ import annotations

import shutil

import pytest

from firstpass.findings import Standing
from firstpass.settings import settings
from firstpass.stack.disk_examination import examine_disks


@pytest.fixture
def disk(monkeypatch, tmp_path):
    """`disk(free)`: the findings where every disk has so much room."""
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "storage"))
    settings.cache_clear()
    usage = type(shutil.disk_usage("/"))

    def examine(free: float):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12 - int(free), int(free)))
        return examine_disks()

    yield examine
    settings.cache_clear()


@pytest.mark.parametrize(
    ("free", "standing"), [(1e11, Standing.OK), (4e9, Standing.WARNING), (1e8, Standing.PROBLEM), (0, Standing.PROBLEM)]
)
def test_room(disk, free, standing):
    found = disk(free)
    assert {f.standing for f in found} == {standing}
    words = " ".join(f.words for f in found)
    for name in ("home", "storage", "cache", "temporary files"):
        assert name in words


def test_what_a_night_takes_counts(disk, tmp_path):
    run = tmp_path / "storage" / "runs" / "last" / "results"
    run.mkdir(parents=True)
    with (run / "00000.parquet").open("wb") as file:
        file.truncate(8 * 10**9)
    assert "a night's files took up to 8,000 MB" in disk(1e11)[0].words
    assert disk(2e10)[0].standing is Standing.WARNING
    assert disk(7e9)[0].standing is Standing.PROBLEM
