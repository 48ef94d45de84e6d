"""The files of a run by kind, here and in object storage."""

from __future__ import annotations

import pytest

from firstpass import storage
from firstpass.contracts.pruned import RUN_KINDS, Prunable
from firstpass.contracts.run_spec import run_folder
from firstpass.nightly.run_files import measure, remove
from firstpass.settings import settings

SIZES = {
    "run.json": 1,
    "estimate.json": 2,
    "catalogue.json": 4,
    "catalogue.parquet": 8,
    "chunks/00000.json": 16,
    "results/00000.parquet": 32,
    "results/00000.parquet.parts/attempt.json": 64,
    "report.html": 128,
    "data_docs/index.html": 256,
    "results.txt": 512,
}


@pytest.fixture(params=["here", "s3"])
def folder(request, monkeypatch, tmp_path):
    place = str(tmp_path) if request.param == "here" else request.getfixturevalue("bucket")
    monkeypatch.setenv("FIRSTPASS_STORAGE", storage.join(place, "storage"))
    settings.cache_clear()
    for run_id in ("a run", "another"):
        for name, size in SIZES.items():
            storage.write(storage.join(run_folder(run_id), name), b"x" * size)
    yield run_folder("a run")
    settings.cache_clear()


def test_each_file_is_of_one_kind(folder):
    assert measure("a run", RUN_KINDS) == {
        Prunable.RESULTS: (4, 8 + 16 + 32 + 64),
        Prunable.REPORTS: (1, 128),
        Prunable.DATA_DOCS: (1, 256),
        Prunable.RUNS: (4, 1 + 2 + 4 + 512),
    }
    assert measure("a run", [Prunable.REPORTS]) == {Prunable.REPORTS: (1, 128)}
    assert measure("a run", [Prunable.RUNS]) == {Prunable.RUNS: (10, 1023)}, "all that is there"
    assert measure("unknown", [Prunable.RUNS]) == {Prunable.RUNS: (0, 0)}


def test_one_kind_goes_alone_and_all_with_the_run(folder):
    remove("a run", Prunable.RESULTS)
    remove("a run", Prunable.RESULTS)
    left = [entry.uri.removeprefix(folder + "/") for entry in storage.listing(folder)]
    assert sorted(left) == [
        "catalogue.json", "data_docs/index.html", "estimate.json", "report.html", "results.txt", "run.json"
    ]  # fmt: skip
    remove("a run", Prunable.RUNS)
    assert list(storage.listing(folder)) == []
    assert len(list(storage.listing(run_folder("another")))) == len(SIZES)
