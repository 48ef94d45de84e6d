"""A run's settings: written once, read back, and the folder that they lie in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.contracts.run_spec import RunSpec, run_folder

SPEC = RunSpec(
    run_id="manual__2026-01-01T00:00:00+00:00",
    images="s3://bucket/photos",
    model="toy@aaaaaaaaaaaa",
    model_uri="/models/toy/aaaaaaaaaaaa",
    threshold=0.4,
    class_thresholds={2: 0.5, 17: 0.25},
    reprocess=True,
    engine="local",
    started_at="2026-01-01T00:00:00+00:00",
    publish=True,
)


def test_what_was_written_is_read(storage_home):
    assert RunSpec.load(SPEC.save()) == SPEC


def test_a_folder_without_a_run_is_told_apart(storage_home):
    with pytest.raises(FileNotFoundError):
        RunSpec.load(str(storage_home / "runs" / "nothing"))


def test_publishing_is_not_asked_for_by_a_run_that_does_not_say_so():
    fields = {name: getattr(SPEC, name) for name in RunSpec.__dataclass_fields__ if name != "publish"}
    assert RunSpec(**fields).publish is False


def test_only_what_changes_the_detections_is_in_the_hash_of_the_settings():
    same = replace(SPEC, run_id="another", images="/elsewhere", reprocess=False, publish=False, model="other@1")
    assert same.settings_hash == SPEC.settings_hash
    assert replace(SPEC, threshold=0.41).settings_hash != SPEC.settings_hash
    assert replace(SPEC, class_thresholds={2: 0.5, 17: 0.26}).settings_hash != SPEC.settings_hash
    assert replace(SPEC, class_thresholds={2: 0.5}).settings_hash != SPEC.settings_hash
    assert replace(SPEC, class_thresholds={17: 0.25, 2: 0.5}).settings_hash == SPEC.settings_hash


def test_the_hash_of_the_settings_is_the_one_that_warehouses_already_have():
    """A prediction is found again by it: a release that hashed otherwise would infer every image again."""
    assert SPEC.settings_hash == "d290e1bdc588"


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
