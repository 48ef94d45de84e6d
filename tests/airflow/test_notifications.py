"""A word about a run that somebody should look at: which, when and what; and it never raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from firstpass import entry_points
from firstpass.airflow import notifications
from firstpass.contracts.notification import Notification
from firstpass.contracts.run_error import RunError
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.entry_points import Parts
from firstpass.images.fetching import DENIED
from firstpass.settings import settings
from firstpass.warehouse.merge import fail_chunk
from firstpass.warehouse.verdicts import store_verdict
from fixtures.made_up_runs import row

HOLDS = CheckResult("run", "x", "warning", CheckState.HOLDS, "0", 0.0, "s")
ODD = CheckResult("run", "empty_rate", "warning", CheckState.FAILS, "91%", 0.91, "Few are empty.")
WRONG = CheckResult(
    "detections", "box_outside_image", "critical", CheckState.FAILS, "1 of 1 images", 1.0, "Boxes lie inside."
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Notification]:
    """What somebody's notifier is given to deliver."""
    heard: list[Notification] = []
    notify(monkeypatch, heard=SimpleNamespace(configured=lambda: True, send=heard.append))
    return heard


def notify(monkeypatch: pytest.MonkeyPatch, **notifiers: Any) -> None:
    """Let these be the notifiers that there are."""
    real = entry_points.parts

    def parts(group: str, check: Callable[[Any], bool]) -> Parts:
        return Parts(notifiers, {}) if group == "firstpass.notifiers" else real(group, check)

    monkeypatch.setattr(entry_points, "parts", parts)


@pytest.fixture
def checked(finished_run: Any, warehouse: Any) -> Callable[..., str]:
    """A run with two detections on one image, and what its checks gave."""

    def finish(*results: CheckResult) -> str:
        finished_run([row("file:///a.jpg", detections=2)], run_id="night <1>")
        if results:
            store_verdict(warehouse, QualityVerdict("night <1>", results))
        return "night <1>"

    return finish


def test_warnings_are_told_with_what_did_not_hold(checked, told):
    notifications.run_succeeded({"run_id": checked(ODD, HOLDS)})
    (said,) = told
    assert said == Notification(
        event="warnings",
        run_id="night <1>",
        title="Pre-annotation: 2 drafts on 1 image",
        lines=(
            "1 of 2 checks does not hold. Worth a look:",
            "warning: Few are empty. Found: 91%.",
            "Run night <1>",
        ),
        url="http://127.0.0.1:8080/pre-annotation/report?run=night%20%3C1%3E",
        facts={
            "model": "toy@0123456789ab",
            "verdict": "warnings",
            "checks": {"holds": 1, "does not hold": 1, "nothing to check": 0},
            "devices": {},
            "images": 1,
            "new_drafts": 2,
            "empty": 0,
            "unreadable": 0,
            "skipped_known": 0,
            "duplicates": 0,
            "failed": 0,
            "undone": 0,
        },
    )


def test_five_of_many_failures_are_told(checked, told):
    results = [replace(ODD, expectation=f"x{n}", observed=str(n), sentence=f"Sentence {n}.") for n in range(7)]
    notifications.run_succeeded({"run_id": checked(*results)})
    lines = told[0].lines
    assert [line for line in lines if line.startswith("warning: ")] == [
        f"warning: Sentence {n}. Found: {n}." for n in range(5)
    ]


def test_a_run_that_passed_is_not_worth_a_word(checked, told):
    notifications.run_succeeded({"run_id": checked(HOLDS)})
    assert told == []


def test_a_run_that_was_never_checked_is(checked, told):
    notifications.run_succeeded({"run_id": checked()})
    (said,) = told
    assert (said.event, said.facts["verdict"]) == ("warnings", None)
    assert said.lines == ("Run night <1>",)


def test_a_run_that_the_warehouse_does_not_know_has_not_succeeded(warehouse, told):
    notifications.run_succeeded({"run_id": "nope"})
    assert told == []


def test_drafts_that_are_held_back_are_told_as_such(checked, told):
    notifications.run_succeeded({"run_id": checked(WRONG, ODD)})
    (said,) = told
    assert (said.event, said.title) == ("held back", "Pre-annotation: These drafts are held back")
    assert said.lines[1:3] == (
        "critical: Boxes lie inside. Found: 1 of 1 images.",
        "warning: Few are empty. Found: 91%.",
    )


def test_a_night_with_images_left_undone_is_told_though_its_checks_passed(night, warehouse, told):
    run = night("partial")
    fail_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a.jpg")]), "the node died")
    store_verdict(warehouse, QualityVerdict("partial", (HOLDS,)))
    notifications.run_succeeded({"run_id": "partial"})
    (said,) = told
    assert (said.event, said.title) == ("warnings", "Pre-annotation: 1 image could not be finished")
    assert said.lines[0] == "1 image failed. First: file:///a.jpg: the node died."
    assert (said.facts["failed"], said.facts["undone"]) == (1, 1)


def test_images_that_may_not_be_read_are_told_of_and_deleted_ones_are_not(finished_run, warehouse, told):
    gone = row("file:///gone.jpg", "missing", 0, reason="was listed, but is gone")
    finished_run([row("file:///a.jpg"), gone], run_id="one deleted")
    denied = row("file:///b.jpg", "missing", 0, reason=DENIED)
    finished_run([row("file:///a.jpg"), denied], run_id="one denied")
    for run_id in ("one deleted", "one denied"):
        store_verdict(warehouse, QualityVerdict(run_id, (HOLDS,)))
        notifications.run_succeeded({"run_id": run_id})
    (said,) = told
    assert (said.run_id, said.title) == ("one denied", "Pre-annotation: 1 image could not be finished")
    assert said.lines[0].startswith("1 image could not be read. First: file:///b.jpg: was listed, but may not be read")


def test_a_failure_says_where_and_what_to_do(checked, told):
    RunError("infer", "the disk is full", "free space").save(checked(ODD))
    notifications.run_failed({"run_id": "night <1>"})
    (said,) = told
    assert (said.event, said.title) == ("failed", "Pre-annotation failed")
    assert said.lines[-3:] == ("infer: the disk is full", "What to do: free space", "Run night <1>")


def test_a_failure_that_left_no_word_leads_to_airflow(checked, told):
    notifications.run_failed({"run_id": checked(ODD)})
    assert told[0].lines[-2:] == ("See the run's tasks in Airflow.", "Run night <1>")


def test_a_late_night_is_told_as_late_whatever_went_wrong_in_it(checked, told, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_DEADLINE_MINUTES", "45")
    RunError("infer", "the disk is full", "free space").save(checked())
    settings.cache_clear()
    notifications.deadline_missed(context={"dag_run": {"dag_run_id": "night <1>"}, "deadline": {"id": 1}})
    (said,) = told
    assert (said.event, said.title, said.run_id) == ("late", "Pre-annotation is late", "night <1>")
    assert len(said.lines) == 2
    assert "45 minutes" in said.lines[0]


@pytest.mark.parametrize(("state", "late"), [("failed", False), ("success", False), ("running", True), (None, True)])
def test_a_night_that_has_ended_before_its_deadline_is_told_of_is_not_late(warehouse, told, state, late):
    notifications.deadline_missed(context={"dag_run": {"dag_run_id": "a run", "state": state}})
    assert bool(told) is late


@pytest.mark.parametrize(
    ("context", "run_id"),
    [
        ({"run_id": "a run"}, "a run"),
        ({"run_id": "a run", "dag_run": {"run_id": "another"}}, "a run"),
        ({"dag_run": {"dag_run_id": "a run", "run_id": "another"}}, "a run"),
        ({"dag_run": {"run_id": "a run"}}, "a run"),
        ({"dag_run": SimpleNamespace(run_id="a run")}, "a run"),
        ({"dag_run": {}}, ""),
        ({}, ""),
    ],
)
def test_the_runs_id_is_found_wherever_airflow_puts_it(warehouse, storage_home, told, context, run_id):
    for tell in (notifications.run_failed, notifications.deadline_missed):
        tell(context)
    assert [said.run_id for said in told] == [run_id, run_id]


def test_a_deadline_without_a_context_is_told_too(warehouse, told):
    notifications.deadline_missed()
    notifications.deadline_missed(None, deadline="x")
    assert [(said.event, said.run_id) for said in told] == [("late", ""), ("late", "")]


def test_a_lost_warehouse_and_an_unknown_run_are_still_told(told, storage_home, monkeypatch, caplog):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://nobody:geheim@no-such-host.invalid/x")
    settings.cache_clear()
    notifications.run_failed({"run_id": "nope"})
    (said,) = told
    assert (said.title, said.facts) == ("Pre-annotation failed", {})
    assert said.lines == ("See the run's tasks in Airflow.", "Run nope")
    notifications.deliver(said)
    assert "no summary of run nope: " in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "http://127.0.0.1:9090/pre-annotation/report?run=a%2Fb"),
        ("", "http://127.0.0.1:9090/pre-annotation/report?run=a%2Fb"),
        ("https://airflow.example.org/", "https://airflow.example.org/pre-annotation/report?run=a%2Fb"),
        ("https://example.org/airflow", "https://example.org/airflow/pre-annotation/report?run=a%2Fb"),
    ],
)
def test_where_a_person_finds_the_report(monkeypatch, base, url):
    monkeypatch.setenv("FIRSTPASS_PORT", "9090")
    settings.cache_clear()
    if base is not None:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert notifications.report_url("a/b") == url
    settings.cache_clear()


def test_one_that_cannot_deliver_stops_no_other_and_is_logged_without_secrets(monkeypatch, caplog):
    from airflow.sdk.log import mask_secret

    heard: list[Notification] = []

    def fail(_: Notification) -> None:
        mask_secret("very-secret-path")
        raise OSError("no route to very-secret-path")

    notify(
        monkeypatch,
        broken=SimpleNamespace(configured=lambda: True, send=fail),
        heard=SimpleNamespace(configured=lambda: True, send=heard.append),
        silent=SimpleNamespace(configured=lambda: False, send=fail),
    )
    said = Notification("late", "a run", "It is late", (), "http://x")
    notifications.deliver(said)
    assert heard == [said]
    (logged,) = caplog.messages
    assert logged.startswith("could not send 'It is late': OSError: no route to ")
    assert "very-secret-path" not in logged


def test_somebody_is_to_be_told_where_a_notifier_is_configured(monkeypatch):
    notify(monkeypatch, one=SimpleNamespace(configured=lambda: False), two=SimpleNamespace(configured=lambda: True))
    assert notifications.wanted()
    notify(monkeypatch, one=SimpleNamespace(configured=lambda: False))
    assert not notifications.wanted()


@pytest.mark.parametrize(
    ("part", "fits"),
    [
        (SimpleNamespace(send=print, configured=bool), True),
        (SimpleNamespace(send=print), False),
        (SimpleNamespace(configured=bool), False),
        (SimpleNamespace(send="x", configured=bool), False),
        (SimpleNamespace(send=print, configured=True), False),
    ],
)
def test_a_notifier_sends_and_says_whether_it_is_configured(monkeypatch, part, fits):
    asked: dict[str, bool] = {}

    def parts(group: str, check: Callable[[Any], bool]) -> Parts:
        asked[group] = check(part)
        return Parts({}, {})

    monkeypatch.setattr(entry_points, "parts", parts)
    assert not notifications.wanted()
    assert asked == {"firstpass.notifiers": fits}
