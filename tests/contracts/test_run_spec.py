"""A run's settings: written once, read back, and the folder that they lie in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass import storage
from firstpass.contracts.run_spec import RunSpec, run_folder
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError

SPEC = RunSpec(
    run_id="manual__2026-01-01T00:00:00+00:00",
    images="s3://bucket/photos",
    model="toy@aaaaaaaaaaaa",
    model_uri="/models/toy/aaaaaaaaaaaa",
    thresholds=Thresholds(0.4, {2: 0.5, 17: 0.25}),
    floor=0.125,
    revision=2,
    reprocess=True,
    engine="local",
    started_at="2026-01-01T00:00:00+00:00",
    publish=True,
)


def test_what_was_written_is_read(storage_home):
    assert RunSpec.load(SPEC.save()) == SPEC


def test_a_folder_without_a_run_is_told_apart(storage_home):
    with pytest.raises(FirstpassError, match="the run was pruned, or storage is elsewhere now"):
        RunSpec.load(str(storage_home / "runs" / "nothing"))


def test_publishing_is_not_asked_for_by_a_run_that_does_not_say_so():
    fields = {name: getattr(SPEC, name) for name in RunSpec.__dataclass_fields__ if name != "publish"}
    assert RunSpec(**fields).publish is False


def written(storage_home, **raw) -> str:
    """A run's folder whose run.json holds these, in place of what SPEC has; None leaves one out."""
    body = {name: value for name, value in (SPEC.to_dict() | raw).items() if value is not None}
    storage.write(f"{storage_home}/runs/old/run.json", json.dumps(body).encode())
    return f"{storage_home}/runs/old"


def test_run_json_holds_every_setting_under_its_name(storage_home):
    body = json.loads(storage.read(storage.join(SPEC.save(), "run.json")))
    assert body == SPEC.to_dict()
    assert body == {
        "run_id": "manual__2026-01-01T00:00:00+00:00",
        "images": "s3://bucket/photos",
        "model": "toy@aaaaaaaaaaaa",
        "model_uri": "/models/toy/aaaaaaaaaaaa",
        "threshold": 0.4,
        "class_thresholds": {"2": 0.5, "17": 0.25},
        "floor": 0.125,
        "revision": 2,
        "reprocess": True,
        "engine": "local",
        "started_at": "2026-01-01T00:00:00+00:00",
        "publish": True,
    }


@pytest.mark.parametrize(
    ("threshold", "by_class", "floor"),
    [(0.4, {}, 0.4), (0.4, {"2": 0.5, "17": 0.25}, 0.5), (0.4, {"2": 0.1}, 0.4)],
)
def test_a_run_of_release_0_1_0_is_read(storage_home, threshold, by_class, floor):
    """It stored what reached the thresholds: below the highest of them, not of every class."""
    old = written(storage_home, floor=None, revision=None, threshold=threshold, class_thresholds=by_class)
    spec = RunSpec.load(old)
    assert (spec.floor, spec.revision) == (floor, 1)
    assert spec.thresholds == Thresholds(threshold, {int(class_id): score for class_id, score in by_class.items()})
    assert spec.images == SPEC.images


def test_a_floor_and_a_revision_that_are_written_count(storage_home):
    spec = RunSpec.load(written(storage_home, floor=0.05, revision=7))
    assert (spec.floor, spec.revision) == (0.05, 7)


@pytest.mark.parametrize(
    ("run_id", "folder"),
    [
        ("manual__2026-01-01T00:00:00+00:00", "manual__2026-01-01T00_00_00_00_00-"),
        ("../../etc", "_.._etc-"),
        ("...", "-"),
        ("größe/x", "gr_e_x-"),
        ("x" * 300, "x" * 100 + "-"),
    ],
)
def test_a_runs_folder_is_named_like_it_without_what_file_systems_dislike(storage_home, run_id, folder):
    name = run_folder(run_id).removeprefix(f"{storage_home}/runs/")
    assert name[:-6] == folder
    assert name[-6:].isalnum()


def test_ids_that_look_alike_have_folders_of_their_own(storage_home):
    assert len({run_folder(run_id) for run_id in ("a b", "a_b", "a+b", "x" * 101, "x" * 102, "", ".")}) == 7


@given(st.text(max_size=200))
def test_no_run_id_leads_out_of_the_folder_of_runs(run_id):
    parent, name = run_folder(run_id).rsplit("/", 1)
    assert parent.endswith("/runs")
    assert name.isascii()
    assert not name.startswith(".")
