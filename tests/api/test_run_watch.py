from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from doubles.airflow import task_instance
from firstpass import storage
from firstpass.airflow.rest_client import AirflowApi
from firstpass.api.run_watch import LONGEST_ABSENCE, ImageCounter, ImageCounts, summarize, watch
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.stages import STAGES
from firstpass.errors import Unavailable

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def stages(airflow):
    """The stages that an Airflow with these task instances shows, half a minute after noon."""

    def stages(*instances: dict) -> dict[str, tuple[str, float]]:
        airflow.task_instances = list(instances)
        with AirflowApi(airflow.url, "admin", "right") as api:
            read = api.task_instances("preannotate", api.trigger("preannotate", {}))
        return {s.name: (s.state, s.seconds) for s in summarize(read, NOON.replace(second=30))}

    return stages


def test_a_run_that_has_just_begun(stages):
    seen = stages(task_instance("resolve_model", "running", (10, 10)) | {"end_date": None})
    assert list(seen) == list(STAGES)
    assert seen["resolve_model"] == ("running", 20.0)
    assert seen["report"] == ("waiting", 0.0)


def test_mapped_tasks_are_one_stage_from_the_first_start_to_the_last_end(stages):
    seen = stages(task_instance("infer", "success", (1, 9), 0), task_instance("infer", "success", (3, 12), 1))
    assert seen["infer"] == ("done", 11.0)


def test_a_stage_goes_on_until_its_last_task_has_ended(stages):
    seen = stages(task_instance("infer", "success", (1, 9), 0), task_instance("infer", None, None, 1))
    assert seen["infer"] == ("running", 29.0)


def test_one_failed_chunk_is_a_failed_stage(stages):
    seen = stages(task_instance("infer", "success", (1, 9), 0), task_instance("infer", "failed", (1, 2), 1))
    assert seen["infer"][0] == "failed"


def test_a_task_that_gets_another_try_is_not_a_failure(stages):
    assert stages(task_instance("merge", "up_for_retry", (1, 2)))["merge"][0] == "running"


def test_nothing_to_infer_is_a_skipped_stage(stages):
    assert stages(task_instance("infer", "skipped"))["infer"] == ("skipped", 0.0)


def test_images_are_counted_from_what_chunks_leave(tmp_path):
    run = str(tmp_path / "run")
    for index, images in enumerate([3, 5, 2]):
        _chunk(run, index, images).save(run)
    counter = ImageCounter(run)
    assert counter.read() == ImageCounts(0, 10)

    _write(run, "00000.parquet.progress.json", {"done": 1, "total": 3, "seconds": 1.0})
    _write(run, "00001.parquet.progress.json", {"done": 4, "total": 5, "seconds": 1.0})
    assert counter.read() == ImageCounts(5, 10)

    _write(run, "00001.parquet.done.json", {"rows": 5})
    assert counter.read() == ImageCounts(6, 10), "a marker counts for the whole chunk, whatever its last note said"

    storage.write(storage.join(run, "results", "00000.parquet.progress.json"), b"{cut o")
    assert counter.read() == ImageCounts(6, 10), "what cannot be read keeps its last count"


def test_watching_ends_with_the_run(airflow, tmp_path):
    airflow.states = ["queued", "running", "failed"]
    airflow.task_instances = [task_instance("resolve_model", "failed", (1, 2))]
    shown = []

    class RunView:
        def show(self, stages, images):
            shown.append((stages[0].state, images))

    with AirflowApi(airflow.url, "admin", "right") as api:
        run_id = api.trigger("preannotate", {})
        state, stages = watch(api, run_id, str(tmp_path), RunView(), pytest.fail)
    assert state == "failed"
    assert stages[0].state == "failed"
    assert shown == [("failed", ImageCounts(0, 0))] * 3


class Unseen:
    def show(self, stages, images):
        pass


@pytest.fixture
def pauses(monkeypatch):
    made = []
    monkeypatch.setattr("firstpass.api.run_watch.time.sleep", made.append)
    return made


def test_an_api_that_is_away_for_a_while_is_asked_again_with_growing_pauses(airflow, tmp_path, pauses):
    said = []
    with AirflowApi(airflow.url, "admin", "right", patience=0) as api:
        run_id = api.trigger("preannotate", {})
        airflow.unavailable, airflow.states = 6, ["success"]
        state, _ = watch(api, run_id, str(tmp_path), Unseen(), said.append)
    assert state == "success", "the run's own state, as if nothing had been"
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert said[0] == "Airflow's API does not answer; the run continues. Asking again in 5 s"
    assert said[-1] == "Airflow's API answers again"
    assert len(said) == 7


def test_an_api_that_stays_away_is_given_up_and_the_run_is_not(airflow, tmp_path, pauses):
    said = []
    with AirflowApi(airflow.url, "admin", "right", patience=0) as api:
        run_id = api.trigger("preannotate", {})
        airflow.unavailable = 1000
        with pytest.raises(Unavailable) as given_up:
            watch(api, run_id, str(tmp_path), Unseen(), said.append)
        assert f"The run {run_id} continues" in given_up.value.problem
        assert api.run_page("preannotate", run_id) in given_up.value.fix
    assert LONGEST_ABSENCE <= sum(pauses) <= LONGEST_ABSENCE + 60


def test_storage_that_is_away_hides_no_more_than_the_counts(airflow, tmp_path, pauses, monkeypatch):
    def away(uri):
        raise Unavailable("storage does not answer", "wait")

    airflow.task_instances = [task_instance("plan_chunks", "success", (1, 2))]
    monkeypatch.setattr(storage, "listing", away)
    with AirflowApi(airflow.url, "admin", "right") as api:
        run_id = api.trigger("preannotate", {})
        assert watch(api, run_id, str(tmp_path), Unseen(), pytest.fail)[0] == "success"


def _chunk(run: str, index: int, images: int) -> Chunk:
    return Chunk(
        run_id="r",
        index=index,
        model="m@1",
        model_uri="/m",
        floor=0.25,
        revision=1,
        batch_size=1,
        output_uri=storage.join(run, "results", f"{index:05d}.parquet"),
        images=tuple(ImageRef(f"file:///{n}.jpg", 1, "e") for n in range(images)),
    )


def _write(run: str, name: str, body: dict) -> None:
    storage.write(storage.join(run, "results", name), json.dumps(body).encode())
