"""The DAG's wiring: which source's task ends how, and which events follow. What a sync does is tested in its room."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models.model_sources import ModelSource
from firstpass.models.sync import Synced
from firstpass.nightly import sync_models

FILE = Path(__file__).resolve().parents[2] / "dags" / "sync_models.py"


@pytest.fixture
def dag(airflow_database, monkeypatch, tmp_path):
    """The DAG, with two sources configured."""
    from airflow.dag_processing.dagbag import DagBag

    from firstpass.settings import settings

    monkeypatch.setenv("FIRSTPASS_MODEL_SOURCES", str(tmp_path / "models.yaml"))
    (tmp_path / "models.yaml").write_text("sources: [{name: cats, source: /cats}, {name: dogs, source: /dogs}]")
    settings.cache_clear()
    yield DagBag(FILE).dags["sync_models"]
    settings.cache_clear()


@pytest.fixture
def outcomes(monkeypatch):
    """What the sync of each source comes to; what was asked of it is noted."""
    planned: dict[str, Synced | Exception] = {}
    asked: list[ModelSource] = []

    def sync_source(source: ModelSource) -> Synced:
        asked.append(source)
        outcome = planned[source.name]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(sync_models, "sync_source", sync_source)
    return planned, asked


def synced(name: str, admitted: bool) -> Synced:
    reasons = () if admitted else ("classes.csv row 3: the name 'cat' is there twice",)
    version = ModelVersion(
        name, "0123456789ab", "mask_rcnn", (), ClassTable(()), f"/{name}", "2026-01-01", admitted, 0.5, reasons
    )
    return Synced(f"/{name}/run-7/output/model", version.ref, admitted, version, 1000, reasons)


def unchanged(name: str, reasons: tuple[str, ...] = ()) -> Synced:
    return Synced(f"/{name}", f"{name}@0123456789ab", not reasons, None, 0, reasons)


def states(run) -> dict[int, str]:
    return {task.map_index: task.state for task in run.get_task_instances() if task.task_id == "sync"}


def events(run) -> list[dict]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id))
        return [event.extra for event in found if event.asset.name == "firstpass_models"]


def test_a_new_version_is_announced_and_an_unchanged_source_skipped(dag, outcomes):
    planned, asked = outcomes
    planned |= {"cats": synced("cats", admitted=True), "dogs": unchanged("dogs")}
    run = dag.test()
    assert sorted(source.name for source in asked) == ["cats", "dogs"]  # in no order: they are tasks of their own
    assert run.state == "success"
    assert states(run) == {0: "success", 1: "skipped"}
    assert events(run) == [{"name": "cats", "version": "0123456789ab", "source": "/cats/run-7/output/model"}]


def test_a_version_that_was_refused_before_is_skipped_and_says_so(dag, outcomes, caplog):
    planned, _ = outcomes
    planned |= {"cats": unchanged("cats", ("it sees ghosts",)), "dogs": unchanged("dogs")}
    run = dag.test()
    assert states(run) == {0: "skipped", 1: "skipped"}
    labels = {task.map_index: task.rendered_map_index for task in run.get_task_instances() if task.task_id == "sync"}
    assert labels == {0: "cats (still refused)", 1: "dogs"}


def test_a_run_is_over_before_the_next_hours(dag):
    limit = dag.get_task("sync").execution_timeout
    assert limit < dag.dagrun_timeout < timedelta(hours=1)


def test_a_refused_version_fails_its_source_at_once_and_no_other(dag, outcomes):
    planned, asked = outcomes
    planned |= {"cats": synced("cats", admitted=False), "dogs": synced("dogs", admitted=True)}
    run = dag.test()
    assert states(run) == {0: "failed", 1: "success"}
    assert len(asked) == 2
    assert [event["name"] for event in events(run)] == ["dogs"]


def test_a_source_that_cannot_be_read_fails_and_announces_nothing(dag, outcomes):
    planned, _ = outcomes
    planned |= {"cats": FirstpassError("access denied", "grant it"), "dogs": unchanged("dogs")}
    run = dag.test()
    assert states(run) == {0: "failed", 1: "skipped"}
    assert events(run) == []


def test_one_source_by_hand(dag, outcomes):
    planned, asked = outcomes
    planned |= {"birds": synced("birds", admitted=True)}
    run = dag.test(run_conf={"name": "birds", "source": "s3://training/birds", "connection": "aws_birds"})
    assert asked == [ModelSource("birds", "s3://training/birds", "aws_birds")]
    assert states(run) == {0: "success"}


@pytest.mark.parametrize(
    "conf", [{"name": "../x"}, {"name": "a b"}, {"source": "http://x"}, {"source": "s3:///x"}, {"connection": "a;b"}]
)
def test_hostile_parameters_are_refused_before_anything_runs(dag, outcomes, conf):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag.test(run_conf=conf)
    assert outcomes[1] == []
