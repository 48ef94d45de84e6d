"""How good the nights were, on the command line; and the report in a browser."""

from __future__ import annotations

import json
import time

import pytest

from firstpass import storage
from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.verdict import CheckResult, QualityVerdict
from firstpass.warehouse.verdicts import store_verdict as store


@pytest.fixture
def nights(night, warehouse):
    night("manual__1")
    store(
        warehouse,
        QualityVerdict("manual__1", (CheckResult("drift", "class_drift", "warning", False, "0.4", 0.4, "s"),)),
    )
    night("manual__2")


def test_history_is_newest_first(call, nights):
    lines = call("quality", "history").stdout.splitlines()
    assert lines[0].split() == ["Started", "Verdict", "Model", "Images", "Drafts", "Drift"]
    assert [line.split()[2] for line in lines[1:]] == ["running", "warnings"]
    assert lines[2].split()[-1] == "0.40"


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


def test_the_report_opens_in_the_browser(call, nights, tmp_path, monkeypatch):
    storage.write(storage.join(run_folder("manual__2"), "report.html"), b"<html>")
    opened = tmp_path / "opened"
    browser = tmp_path / "bin" / "xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(browser.parent), prepend=":")
    path = call("report", "latest", "--open").stdout.strip()
    for _ in range(50):
        if opened.exists() and opened.read_text():
            break
        time.sleep(0.1)
    assert opened.read_text().strip() == path
