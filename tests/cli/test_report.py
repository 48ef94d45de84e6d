from __future__ import annotations

import pytest

from firstpass import storage
from firstpass.contracts.run_spec import run_folder
from firstpass.errors import FirstpassError


@pytest.fixture
def run(night):
    return night("manual__1")


@pytest.mark.parametrize("name", ["latest", "manual__1"])
def test_the_path_of_a_report_is_printed(call, run, name):
    storage.write(storage.join(run_folder("manual__1"), "report.html"), b"<html>")
    assert call("report", name).stdout == f"{run_folder('manual__1')}/report.html\n"


def test_a_run_without_a_report_says_so(call, run):
    error = call("report", "latest").exception
    assert isinstance(error, FirstpassError)
    assert "no report yet" in error.problem


def test_before_the_first_run_there_is_no_latest_one(call, warehouse):
    error = call("report").exception
    assert isinstance(error, FirstpassError)
    assert "no run" in error.problem


def test_an_unknown_run_names_those_there_are(call, run):
    error = call("report", "manual__2").exception
    assert isinstance(error, FirstpassError)
    assert "manual__1" in error.fix
