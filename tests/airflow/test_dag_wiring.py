"""What the DAG files share: the form's parameters, who hears of a night, which failures are tried again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from firstpass import resolvers
from firstpass.airflow import connections
from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import settings


@pytest.fixture
def wiring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """`wiring(FIRSTPASS_…="…")`: the module as a DAG file gets it with these variables; it reads them when imported."""

    def read(**environment: str) -> ModuleType:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        sys.modules.pop("firstpass.airflow.dag_wiring", None)
        return importlib.import_module("firstpass.airflow.dag_wiring")

    yield read
    settings.cache_clear()
    sys.modules.pop("firstpass.airflow.dag_wiring", None)


def test_times_are_utc_and_a_new_installation_waits_for_the_next_one(wiring):
    timetable = wiring().at("30 1 * * *")
    assert (timetable.expression, str(timetable.timezone)) == ("30 1 * * *", "UTC")
    assert timetable.run_immediately == timedelta(0)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (Unavailable("the warehouse is away", "x"), "retry"),
        (FirstpassError("there is no model", "x"), "fail"),
        (RuntimeError("exit code 137"), "default"),
        (OSError("connection reset"), "default"),
    ],
)
def test_what_only_a_person_can_put_right_is_not_tried_again(wiring, error, action):
    decision = wiring().RETRY_POLICY.evaluate(error, try_number=1, max_tries=4)
    assert decision.action.value == action


def test_nobody_is_told_where_nobody_is_named_but_a_failure_is_recorded(wiring):
    from firstpass.airflow import failed_runs

    assert wiring().night_callbacks() == {"on_failure_callback": failed_runs.record_failure}


def test_who_is_named_hears_of_a_nights_end_and_of_a_late_one(wiring):
    from firstpass.airflow import failed_runs, notifications

    given = wiring(FIRSTPASS_NOTIFY_EMAIL="ann@example.org", FIRSTPASS_DEADLINE_MINUTES="45").night_callbacks()
    assert given.keys() == {"on_success_callback", "on_failure_callback", "deadline"}
    assert given["on_success_callback"] is notifications.run_succeeded
    assert given["on_failure_callback"] == [failed_runs.record_failure, notifications.run_failed]
    deadline = given["deadline"]
    assert deadline.interval == timedelta(minutes=45)
    assert type(deadline.reference).__name__ == "DagRunQueuedAtDeadline"
    assert deadline.callback.path == "firstpass.airflow.notifications.deadline_missed"


def test_the_form_begins_with_the_settings(wiring):
    night = wiring(FIRSTPASS_IMAGES="s3://bucket/photos", FIRSTPASS_MODEL="pets@aaaa").NIGHT
    assert {name: param.value for name, param in night.items()} == {
        "images": "s3://bucket/photos",
        "reprocess": False,
        "publish": True,
        "model": "pets@aaaa",
        "threshold": None,
        "class_thresholds": {},
        "engine": "local",
    }


def test_the_form_is_in_sections_and_says_what_everything_is(wiring):
    sections: dict[str, list[str]] = {}
    for name, param in wiring().NIGHT.items():
        sections.setdefault(param.schema["section"], []).append(name)
        assert param.schema["title"]
        assert param.schema["description_md"]
    assert list(sections.values()) == [
        ["images", "reprocess", "publish"], ["model", "threshold", "class_thresholds"], ["engine"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", "/photos"), ("images", "x"), ("images", "x" * 1024),
        ("reprocess", True), ("publish", False),
        ("model", "nanodet-coco"), ("model", "a"), ("model", "A.b_c-d@0123"), ("model", "a@" + "f" * 64),
        ("model", "x" * 100),
        ("threshold", None), ("threshold", 0), ("threshold", 1), ("threshold", 0.4),
        ("class_thresholds", {}), ("class_thresholds", {"person": 0, "car": 1, "größe": 0.5}),
        ("engine", "local"),
    ],
)  # fmt: skip
def test_what_the_form_takes(wiring, name: str, value: Any):
    assert wiring().NIGHT[name].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", ""), ("images", "x" * 1025), ("images", None),
        ("reprocess", "yes"), ("reprocess", None), ("publish", 1),
        ("model", ""), ("model", "../x"), ("model", ".x"), ("model", "a b"), ("model", "a@xyz"), ("model", "a@012"),
        ("model", "a@" + "f" * 65), ("model", "x" * 101), ("model", "a@0123 "), ("model", None),
        ("threshold", -0.1), ("threshold", 1.1), ("threshold", "0.4"),
        ("class_thresholds", {"person": 1.1}), ("class_thresholds", {"person": -0.1}), ("class_thresholds", []),
        ("class_thresholds", {"person": "0.5"}),
        ("engine", "kubernetes"), ("engine", "mainframe"), ("engine", ""),
    ],
)  # fmt: skip
def test_what_the_form_refuses(wiring, name: str, value: Any):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        wiring().NIGHT[name].resolve(value)


def test_the_form_changes_no_number_without_a_word(wiring):
    """Airflow's form clamps a number to its param's `minimum` and `maximum`: 40 would become 1."""
    for param in wiring().NIGHT.values():
        assert not {"minimum", "maximum"} & param.schema.keys()


def test_both_engines_are_offered_where_there_is_a_cluster(wiring):
    module = wiring(FIRSTPASS_ENGINE="kubernetes")
    assert module.ENGINES == ["kubernetes", "local"]
    assert module.NIGHT["engine"].value == "kubernetes"
    assert module.NIGHT["engine"].resolve("local") == "local"


@pytest.mark.parametrize(
    ("task", "wanted"),
    [(None, True), ("choose_engine", True), ("infer_in_pod", True), ("infer", False), ("merge", False)],
)
def test_only_those_who_know_of_pods_import_their_operator(wiring, monkeypatch, task, wanted):
    for name, value in (("DAG_ID", "preannotate"), ("TASK_ID", task)):
        if value:
            monkeypatch.setenv(f"_AIRFLOW_PARSING_CONTEXT_{name}", value)
    assert wiring(FIRSTPASS_ENGINE="kubernetes").pods_wanted() is wanted
    assert wiring(FIRSTPASS_ENGINE="local").pods_wanted() is False


def test_every_task_may_ask_airflow_for_credentials(wiring, monkeypatch):
    asked: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(connections, "s3_client", asked.append)
        wiring()
        resolvers.s3_client("aws_training")
    connections.register()
    assert asked == ["aws_training"]
