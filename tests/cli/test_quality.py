"""How good the nights were, on the command line; and the report in a browser."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from firstpass import storage
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.warehouse.pruning import prune_run
from firstpass.warehouse.run_failures import fail_run, record_request
from firstpass.warehouse.runs import finish_run
from firstpass.warehouse.verdicts import store_verdict as store


@pytest.fixture
def nights(night, warehouse):
    night("manual__1")
    store(
        warehouse,
        QualityVerdict(
            "manual__1", (CheckResult("drift", "class_drift", "warning", CheckState.FAILS, "0.4", 0.4, "s"),)
        ),
    )
    finish_run(warehouse, "manual__1", "success")
    night("manual__2")


def test_history_is_newest_first(call, nights):
    lines = call("quality", "history").stdout.splitlines()
    assert lines[0].split() == ["Started", "State", "Model", "Images", "Drafts", "Drift", "Device"]
    assert [line.split()[2] for line in lines[1:]] == ["running", "warnings"]
    assert lines[2].split()[-2:] == ["0.40", "–"]


def test_history_says_where_and_why_a_run_failed(call, nights, warehouse):
    error = RunError("resolve_model", "there is no folder /x", "create it")
    record_request(warehouse, "lost", "/x", "pets", {})
    fail_run(warehouse, "lost", error)
    lines = call("quality", "history").stdout.splitlines()
    assert lines[1].split()[2:4] == ["failed", "pets"]
    assert lines[-2].endswith("failed at resolve_model: there is no folder /x")
    assert lines[-1] == "  What to do: create it"
    lost = json.loads(call("quality", "history", "--json").stdout)[0]
    assert (lost["standing"], lost["error"], lost["devices"]) == ("failed", asdict(error), [])


def test_the_latest_report_says_that_a_later_run_failed(call, nights, warehouse):
    storage.write(storage.join(run_folder("manual__2"), "report.html"), b"<html>")
    record_request(warehouse, "lost", "/x", "pets", {})
    fail_run(warehouse, "lost", RunError("resolve_model", "there is no folder /x", "create it"))
    result = call("report")
    assert result.stdout.strip().endswith("report.html")
    assert "a later run, lost, failed: there is no folder /x" in result.stderr
    error = call("report", "lost").exception
    assert "it failed at resolve_model: there is no folder /x" in error.problem
    assert error.fix == "create it"


def test_history_for_machines(call, nights):
    newest, oldest = json.loads(call("quality", "history", "--json").stdout)
    assert newest["verdict"] is None
    assert oldest["drift"] == 0.4
    assert oldest["run_id"] == "manual__1"


def test_history_can_be_searched_and_cut(call, nights):
    found = json.loads(call("quality", "history", "--json", "--search", "WARN").stdout)
    assert [each["run_id"] for each in found] == ["manual__1"]
    assert "There are more" in call("quality", "history", "--limit", "1").output
    assert "No run matches" in call("quality", "history", "--search", "%").stdout


def test_an_empty_warehouse_has_no_history(call, warehouse):
    assert "There is no run yet." in call("quality", "history").stdout


def test_the_report_opens_in_the_browser(call, nights, monkeypatch):
    opened = []
    storage.write(storage.join(run_folder("manual__2"), "report.html"), b"<html>")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    path = call("report", "latest", "--open").stdout.strip()
    assert opened == [storage.file_uri(Path(path))]


def test_where_no_browser_is_the_path_is_still_told(call, nights, monkeypatch):
    storage.write(storage.join(run_folder("manual__2"), "report.html"), b"<html>")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    result = call("report", "latest", "--open")
    assert result.exit_code == 0
    assert result.stdout.strip().endswith("/report.html")
    assert "The report was not opened: there is no display here" in result.stderr


def test_a_pruned_run_keeps_its_line_and_says_so(call, nights, warehouse):
    prune_run(warehouse, "manual__1", (), needed=True)
    line = call("quality", "history").stdout.splitlines()[2]
    assert (line.split()[2], line.split()[-1]) == ("warnings", "pruned")
    pruned = json.loads(call("quality", "history", "--json").stdout)[1]
    assert (pruned["run_id"], pruned["standing"], pruned["drift"]) == ("manual__1", "warnings", 0.4)
    assert pruned["pruned_at"]
    error = call("report", "manual__1").exception
    assert error.problem == "the report of run manual__1 was removed by a prune"
