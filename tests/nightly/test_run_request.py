"""What was asked for is checked before a run begins."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod.kind import FROZEN_GRAPH
from firstpass.nightly.run_request import RunRequest, require_reachable
from firstpass.settings import Settings, settings


@pytest.fixture
def photos(tmp_path: Path) -> str:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").touch()
    return str(folder)


@pytest.fixture
def resolved(stored: Any, photos: str) -> Any:
    """The settings of a run over the photographs with the model pets, which has the classes cat and dog."""
    stored(threshold=0.35)

    def resolve(**fields: Any) -> RunSpec:
        return RunRequest(**{"run_id": "a run", "images": photos, "model": "pets"} | fields).resolve()[0]

    return resolve


def test_a_request_that_says_no_more_takes_the_models_and_the_settings_word(resolved, photos, store_folder):
    before = datetime.now(UTC).replace(microsecond=0)
    spec = resolved()
    assert (spec.run_id, spec.images) == ("a run", photos)
    assert (spec.model, spec.model_uri) == ("pets@aaaaaaaaaaaa", f"{store_folder}/pets/aaaaaaaaaaaa")
    assert (spec.thresholds, spec.floor, spec.engine) == (Thresholds(0.35), 0.175, "local")
    assert spec.revision == FROZEN_GRAPH.revision
    assert (spec.reprocess, spec.publish) == (False, False)
    assert before <= datetime.fromisoformat(spec.started_at) <= datetime.now(UTC)
    assert spec.started_at.endswith("+00:00")
    assert "." not in spec.started_at, "to the second"


def test_what_was_asked_for_is_what_is_done(resolved):
    spec = resolved(threshold=0.2, class_thresholds={"dog": 1, "cat": 0.5}, reprocess=True, publish=True)
    assert (spec.thresholds, spec.floor) == (Thresholds(0.2, {2: 1.0, 1: 0.5}), 0.175)
    assert (spec.reprocess, spec.publish) == (True, True)


@pytest.mark.parametrize("threshold", [0, 0.0, 1, 0.5])
def test_a_threshold_of_zero_is_one_too(resolved, threshold):
    spec = resolved(threshold=threshold)
    assert spec.thresholds == Thresholds(threshold)
    assert isinstance(spec.thresholds.default, float), "the digest of the thresholds tells 1 from 1.0"


@pytest.mark.parametrize(
    ("asked", "floor"),
    [
        ({"threshold": 0.175}, 0.175),
        ({"threshold": 0.17}, 0.17),
        ({"threshold": 0.0}, 0.0),
        ({"class_thresholds": {"dog": 0.1}}, 0.1),
        ({"threshold": 0.12, "class_thresholds": {"dog": 0.1, "cat": 0.9}}, 0.1),
        ({"threshold": 0.9, "class_thresholds": {"dog": 0.8}}, 0.175),
    ],
)
def test_the_lowest_threshold_lowers_the_floor_and_none_raises_it(resolved, asked, floor):
    assert resolved(**asked).floor == floor


def test_the_floor_is_the_models_or_the_settings(resolved, stored, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_FLOOR", "0.05")
    settings.cache_clear()
    assert resolved().floor == 0.05
    stored("cars", floor=0.4, threshold=0.6)
    assert resolved(model="cars").floor == 0.4
    monkeypatch.setenv("FIRSTPASS_FLOOR", "0.5")
    settings.cache_clear()
    with pytest.raises(FirstpassError, match=r"FIRSTPASS_FLOOR is 0.5, above the threshold 0.35 of pets@aaaaaaaaaaaa"):
        resolved()


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), True, "0.4"])
def test_what_is_no_threshold(resolved, threshold):
    with pytest.raises(FirstpassError, match=r"^threshold is "):
        resolved(threshold=threshold)
    with pytest.raises(FirstpassError, match=r"^class_thresholds\['dog'\] is "):
        resolved(class_thresholds={"dog": threshold})


def test_a_class_that_the_model_does_not_have_shows_those_alike(resolved):
    with pytest.raises(FirstpassError, match="names 'dgo', which is not a class of pets@aaaaaaaaaaaa") as caught:
        resolved(class_thresholds={"cat": 0.5, "dgo": 0.4})
    assert caught.value.fix == "use one of its 2 classes, for example 'dog'"
    with pytest.raises(FirstpassError) as caught:
        resolved(class_thresholds={"zebra": 0.4})
    assert caught.value.fix == "use one of its 2 classes, for example 'cat', 'dog'"


def test_what_this_machine_can_tell_is_refused_early(photos, stored, store_folder):
    stored(threshold=0.35)

    def early(**fields: Any) -> None:
        RunRequest(**{"run_id": "", "images": photos, "model": "pets"} | fields).refuse_early()

    early(class_thresholds={"dog": 0.4}, threshold=0)
    early(images="s3://bucket/that/nobody/asks", engine="")
    for fields, problem in (
        ({"images": "/nowhere"}, "nowhere"),
        ({"model": "cars"}, "there is no model 'cars'"),
        ({"model": "pets@bbbb"}, "bbbb"),
        ({"threshold": 40}, "threshold is 40"),
        ({"class_thresholds": {"dgo": 0.4}}, "'dgo'"),
        ({"engine": "kubernetes"}, "pods cannot reach"),
    ):
        with pytest.raises(FirstpassError, match=problem):
            early(**fields)
    stored("cars", admitted=False, reasons=("it has no classes",))
    with pytest.raises(FirstpassError, match="was refused: it has no classes"):
        early(model="cars")
    (store_folder / "cars" / "new").mkdir()
    (store_folder / "cars" / "new" / "classes.csv").write_text("labels\ncat\n")
    (store_folder / "cars" / "new" / "frozen_inference_graph.pb").touch()
    early(model="cars")


def test_a_store_on_s3_is_left_to_the_run(photos, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_MODELS", "s3://nobody/asks")
    settings.cache_clear()
    RunRequest(run_id="", images=photos, model="cars").refuse_early()
    settings.cache_clear()


def test_images_are_checked_before_the_model(resolved):
    with pytest.raises(FirstpassError, match="nowhere"):
        resolved(images="/nowhere", model="cars")
    with pytest.raises(FirstpassError, match="there is no model 'cars'"):
        resolved(model="cars")


def test_a_pinned_version_is_the_one(resolved, stored):
    stored(version="bbbbbbbbbbbb")
    assert resolved().model == "pets@bbbbbbbbbbbb"
    assert resolved(model="pets@aaaa").model == "pets@aaaaaaaaaaaa"


def test_pods_must_reach_what_a_run_needs(resolved, monkeypatch):
    with pytest.raises(FirstpassError, match="a folder that pods cannot reach"):
        resolved(engine="kubernetes")
    monkeypatch.setenv("FIRSTPASS_ENGINE", "kubernetes")
    settings.cache_clear()
    with pytest.raises(FirstpassError, match="a folder that pods cannot reach"):
        resolved()
    assert resolved(engine="local").engine == "local"


def test_folders_of_this_machine_are_out_of_reach(tmp_path):
    far = {"storage": "s3://b/runs", "models": "s3://b/models"}
    require_reachable(Settings(**far), "s3://b/photos")
    require_reachable(Settings(**far), "cvat:task/12")
    for chosen, images, name in (
        (Settings(**far), "/photos", "images"),
        (Settings(**far | {"storage": "/var/storage"}), "s3://b/photos", "FIRSTPASS_STORAGE"),
        (Settings(**far | {"models": "/models"}), "s3://b/photos", "FIRSTPASS_MODELS"),
    ):
        with pytest.raises(FirstpassError, match=f"^{name} is /"):
            require_reachable(chosen, images)
    require_reachable(Settings(kubernetes_volumes=[{"name": "photos", "hostPath": {"path": "/"}}]), "/photos")
