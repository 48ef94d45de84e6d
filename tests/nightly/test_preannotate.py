"""Each task of the night by itself: what it leaves in the run's folder and in the warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from psycopg2.extensions import connection

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.errors import FirstpassError
from firstpass.nightly import preannotate
from firstpass.nightly.run_request import RunRequest
from firstpass.settings import settings
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.run_list import list_runs
from firstpass.warehouse.run_summary import run_summary
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import Night, row


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs, two of which are the same."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, shade in (("a.png", 1), ("b.png", 2), ("copy of a.png", 1)):
        Image.new("RGB", (64, 48), (shade, 0, 0)).save(folder / name)
    return folder


@pytest.fixture
def opened(stored: Any, warehouse_dsn: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Opens a run over the photographs; gives its URI."""
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", warehouse_dsn)  # the store's fixture names none
    settings.cache_clear()
    stored()

    def begin(run_id: str = "a run", **fields: Any) -> str:
        return preannotate.resolve_model(RunRequest(run_id, str(photos), "pets", **fields))

    return begin


def stages(warehouse: connection, run_id: str = "a run") -> list[str]:
    return sorted(run_summary(warehouse, run_id)["seconds_per_stage"].keys() - {"infer"})


def finish(uri: str, index: int = 0, detections: int = 2) -> None:
    """A chunk's result as inference leaves it."""
    spec = RunSpec.load(uri)
    chunk = Chunk.load(f"{uri}/chunks/{index:05d}.json")
    rows = [
        row(ref.uri, detections=detections, etag=ref.etag, size=ref.size, sha256=ref.sha256) for ref in chunk.images
    ]
    night = Night(spec)
    night.write(chunk, rows)


def test_a_run_is_opened_with_what_was_settled_on(warehouse: connection, opened: Any, photos: Path) -> None:
    uri = opened(threshold=0.25, class_thresholds={"dog": 0.75}, reprocess=True, publish=True)
    spec = RunSpec.load(uri)
    assert uri == spec.uri
    assert (spec.run_id, spec.images, spec.model) == ("a run", str(photos), "pets@aaaaaaaaaaaa")
    assert (spec.thresholds, spec.reprocess, spec.publish) == (Thresholds(0.25, {2: 0.75}), True, True)
    summary = run_summary(warehouse, "a run")
    assert (summary["state"], summary["model"]) == ("running", "pets@aaaaaaaaaaaa")
    assert (summary["threshold"], summary["floor"]) == (0.25, 0.25)
    assert stages(warehouse) == ["resolve_model"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"model": "cars"}, "there is no model 'cars'"),
        ({"images": "/no/such/folder"}, "/no/such/folder"),
        ({"threshold": 40}, "threshold is 40"),
        ({"class_thresholds": {"car\0": "x"}}, "class_thresholds names"),
        ({"images": "strange://x"}, "nothing reads strange:// addresses"),
    ],
)
def test_a_run_that_cannot_begin_is_recorded_with_what_was_asked_for_and_why(
    warehouse: connection, opened: Any, photos: Path, asked: dict[str, Any], problem: str
) -> None:
    with pytest.raises(FirstpassError, match=problem):
        preannotate.resolve_model(RunRequest(**{"run_id": "a run", "images": str(photos), "model": "pets"} | asked))
    error = RunError.load("a run")
    assert error
    assert error.stage == "resolve_model"
    (found,), _ = list_runs(warehouse)
    assert (found.state, found.stage) == ("failed", "resolve_model")
    assert (found.model, found.images_uri) == (asked.get("model", "pets"), asked.get("images", str(photos)))
    assert found.error
    assert problem in found.error.problem


def test_a_run_that_begins_at_its_second_try_forgets_why_it_had_failed(
    warehouse: connection, opened: Any, photos: Path
) -> None:
    hidden = photos.rename(photos.with_name("hidden"))
    with pytest.raises(FirstpassError):
        opened()
    hidden.rename(photos)
    opened()
    (found,), _ = list_runs(warehouse)
    assert (found.state, found.error, found.model) == ("running", None, "pets@aaaaaaaaaaaa")


def test_a_run_whose_storage_is_away_is_recorded_all_the_same(
    warehouse: connection, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "file"))
    settings.cache_clear()
    with pytest.raises(FirstpassError):
        opened()
    (found,), _ = list_runs(warehouse)
    assert (found.state, found.stage) == ("failed", "resolve_model")


def test_the_models_files_are_held_against_what_was_admitted(warehouse: connection, opened: Any) -> None:
    uri = opened()
    preannotate.admit_model(uri)
    assert "admit_model" in stages(warehouse)
    weights = Path(RunSpec.load(uri).model_uri) / "frozen_inference_graph.pb"
    weights.write_bytes(b"others!")
    with pytest.raises(FirstpassError, match="is not the file that was admitted"):
        preannotate.admit_model(uri)
    assert run_summary(warehouse, "a run")["state"] == "failed"


def test_the_catalogue_tells_copies_and_what_is_left_to_do(warehouse: connection, opened: Any) -> None:
    counts = preannotate.catalogue_images(opened())
    assert counts == {"images": 3, "new": 2, "duplicate": 1}
    assert run_summary(warehouse, "a run")["outcomes"] == {"duplicate": 1}
    assert "catalogue_images" in stages(warehouse)


def test_what_an_earlier_run_did_is_known_unless_it_is_to_be_done_again(warehouse: connection, opened: Any) -> None:
    whole(opened("first"))
    assert preannotate.catalogue_images(opened("second")) == {"images": 3, "new": 0, "known": 3}
    again = preannotate.catalogue_images(opened("third", reprocess=True))
    assert again == {"images": 3, "new": 2, "duplicate": 1}


def test_another_threshold_infers_nothing_and_shows_other_drafts(warehouse: connection, opened: Any) -> None:
    """Stored is from 0.25 up, half of the model's threshold; the two detections of an image score 0.875 and 0.859."""
    whole(opened("first"))
    summary = run_summary(warehouse, "first")
    assert (summary["new_drafts"], summary["drafts"]) == (4, 4 + 2), "the copy has the drafts of its original"
    for number, (threshold, drafts) in enumerate([(0.25, 6), (0.86, 3), (0.875, 3), (0.876, 0)]):
        run_id = f"other {number}"
        uri = opened(run_id, threshold=threshold)
        assert preannotate.catalogue_images(uri) == {"images": 3, "new": 0, "known": 3}
        assert preannotate.merge(uri, preannotate.plan_chunks(uri))["chunks"] == 0
        summary = run_summary(warehouse, run_id)
        assert (summary["drafts"], summary["new_drafts"], summary["detections"]) == (drafts, 0, 0)


def test_a_threshold_below_the_floor_warns_and_infers_again(
    warehouse: connection, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    whole(opened("first"))
    lower = opened("lower", threshold=0.2)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["threshold 0.2 is below the model's floor 0.25: images stored from there up are inferred again"]
    assert RunSpec.load(lower).floor == 0.2
    assert preannotate.catalogue_images(lower) == {"images": 3, "new": 2, "duplicate": 1}
    (planned,) = preannotate.plan_chunks(lower)
    assert Chunk.load(planned).floor == 0.2
    finish(lower)
    preannotate.merge(lower, [planned])
    later = opened("later", threshold=0.2)
    assert preannotate.catalogue_images(later) == {"images": 3, "new": 0, "known": 3}


@pytest.mark.parametrize("asked", [{}, {"threshold": 0.25}, {"threshold": 0.9, "class_thresholds": {"dog": 0.25}}])
def test_a_threshold_at_the_floor_or_above_warns_of_nothing(
    opened: Any, caplog: pytest.LogCaptureFixture, asked: dict[str, Any]
) -> None:
    assert RunSpec.load(opened(**asked)).floor == 0.25
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_one_class_below_the_floor_is_enough(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert RunSpec.load(opened(class_thresholds={"dog": 0.1})).floor == 0.1
    assert "threshold 0.1 is below the model's floor 0.25" in caplog.text


def whole(uri: str) -> list[str]:
    """All up to the merge."""
    preannotate.catalogue_images(uri)
    planned = preannotate.plan_chunks(uri)
    for index in range(len(planned)):
        finish(uri, index)
    preannotate.merge(uri, planned)
    return planned


def test_chunks_are_planned_and_their_manifests_written(warehouse: connection, opened: Any) -> None:
    uri = opened()
    preannotate.catalogue_images(uri)
    (planned,) = preannotate.plan_chunks(uri)
    assert planned == f"{uri}/chunks/00000.json"
    assert sorted(ref.uri.rpartition("/")[2] for ref in Chunk.load(planned).images) == ["a.png", "b.png"]
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT chunk, state FROM chunks")
        assert cur.fetchall() == [(0, "planned")]
    assert "plan_chunks" in stages(warehouse)


def test_what_is_all_known_makes_no_chunks(
    warehouse: connection, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstpass")
    whole(opened("first"))
    second = opened("second")
    preannotate.catalogue_images(second)
    assert preannotate.plan_chunks(second) == []
    assert caplog.messages[-1] == "nothing to infer"
    assert preannotate.merge(second, []) == {"chunks": 0, "images": 0, "detections": 0, "drafts": 0, "failed": 0}


def test_images_whose_chunk_failed_come_first(warehouse: connection, opened: Any, photos: Path) -> None:
    first = opened("first")
    preannotate.catalogue_images(first)
    preannotate.merge(first, preannotate.plan_chunks(first))  # there is no result
    finish_run(warehouse, "first", "partial")
    Image.new("RGB", (64, 48), (3, 0, 0)).save(photos / "new.png")
    second = opened("second")
    preannotate.catalogue_images(second)
    planned = [Chunk.load(uri) for uri in preannotate.plan_chunks(second)]
    names = [sorted(ref.uri.rpartition("/")[2] for ref in chunk.images) for chunk in planned]
    assert names == [["a.png", "b.png"], ["new.png"]]


def test_every_chunk_is_merged_and_counted(warehouse: connection, opened: Any) -> None:
    uri = opened(threshold=0.85)  # the scores are 0.875, 0.859 and 0.844
    preannotate.catalogue_images(uri)
    planned = preannotate.plan_chunks(uri)
    finish(uri, detections=3)
    counts = preannotate.merge(uri, planned)
    assert counts == {"chunks": 1, "images": 2, "detections": 6, "drafts": 4, "failed": 0}
    summary = run_summary(warehouse, "a run")
    assert (summary["outcomes"], summary["detections"]) == ({"duplicate": 1, "ok": 2}, 6)
    assert summary["new_drafts"] == 4
    assert "merge" in stages(warehouse)


def test_a_chunk_without_a_result_stops_no_other(
    warehouse: connection, night_of_chunks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    uri = night_of_chunks(done=[0, 2], lost=[1])
    assert preannotate.merge(uri, ["…"]) == {"chunks": 3, "images": 6, "detections": 4, "drafts": 4, "failed": 2}
    assert run_summary(warehouse, "a run")["outcomes"] == {"ok": 4, "failed": 2}
    assert "chunk 1: " in caplog.text


@pytest.fixture
def night_of_chunks(warehouse: connection, night: Any) -> Callable[..., str]:
    """A run with chunks of two images each, of which some have a result."""

    def make(done: list[int], lost: list[int]) -> str:
        run = night("a run")
        uri: str = run.spec.save()
        for index in sorted([*done, *lost]):
            rows = [row(f"file:///photos/{index}-{n}.jpg") for n in range(2)]
            run.chunk(index, rows, write=index in done).save(uri)
        return uri

    return make


@pytest.mark.parametrize("arguments", [(None, None), (None, []), ("/runs/x", None)])
def test_a_run_whose_earlier_tasks_failed_has_nothing_to_merge(arguments: tuple[Any, Any]) -> None:
    with pytest.raises(FirstpassError, match="the run has no chunks: an earlier task failed"):
        preannotate.merge(*arguments)


def test_the_engine_is_the_one_that_the_run_was_opened_with(opened: Any) -> None:
    assert preannotate.engine(opened()) == "local"


def test_the_verdict_of_the_checks_is_what_is_returned(
    warehouse: connection, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CheckResult("run", "x", "warning", CheckState.FAILS, "0", 0.0, "s")
    monkeypatch.setattr("firstpass.quality.checks.check_run", lambda run_id: QualityVerdict(run_id, (result,)))
    uri = opened()
    assert json.loads(json.dumps(preannotate.check(uri))) == "warnings"
    assert "check" in stages(warehouse)


@pytest.mark.parametrize(("failed", "state"), [(False, "success"), (True, "partial")])
def test_a_run_ends_whole_or_in_part_before_its_report_is_written(
    warehouse: connection, night: Any, monkeypatch: pytest.MonkeyPatch, failed: bool, state: str
) -> None:
    run = night("a run")
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a.jpg")]))
    if failed:
        fail_chunk(warehouse, run.spec, run.chunk(1, [row("file:///b.jpg")], write=False), "the node died")
    told: list[str] = []

    def build_report(run_id: str) -> str:
        told.append(run_summary(warehouse, run_id)["state"])
        return "/the/report.html"

    monkeypatch.setattr("firstpass.report.build.build_report", build_report)
    assert preannotate.report(run.spec.save()) == "/the/report.html"
    assert told == [state]
    assert "report" in stages(warehouse)


def test_a_run_that_could_infer_nothing_fails_after_its_report_is_written(
    warehouse: connection, night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = night("a run")
    fail_chunk(warehouse, run.spec, run.chunk(0, [row("file:///b.jpg")], write=False), "the node died")
    told: list[Any] = []
    monkeypatch.setattr(
        "firstpass.report.build.build_report", lambda run_id: told.append(run_summary(warehouse, run_id)["error"])
    )
    with pytest.raises(FirstpassError, match=r"none of them could be inferred: 1 image failed\. First: file:///b\.jpg"):
        preannotate.report(run.spec.save())
    (found,), _ = list_runs(warehouse)
    assert (found.state, found.stage) == ("failed", "report")
    assert found.error == RunError.load("a run")
    assert told == [{"stage": "report", "problem": found.error.problem, "fix": found.error.fix, "transient": False}]
