"""A report is opened in a browser of the person's, or it is said why not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from firstpass import storage
from firstpass.cli import browser


@pytest.fixture(autouse=True)
def screenless(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


def test_a_link_survives_every_character(tmp_path):
    assert browser.link("/a b/ü#?.html") == "file:///a%20b/%C3%BC%23%3F.html"
    assert browser.link("s3://bucket/runs/x/report.html") == "s3://bucket/runs/x/report.html"


def test_without_a_display_no_browser_is_tried(monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda _: pytest.fail("a browser was started"))
    assert browser.show("/report.html") == "there is no display here"


@pytest.mark.parametrize(("found", "why"), [(True, ""), (False, "no browser was found")])
def test_with_a_display_the_link_is_opened(monkeypatch, found, why):
    opened = []
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or found)
    assert browser.show("/my report.html") == why
    assert opened == ["file:///my%20report.html"]


def test_a_report_in_object_storage_is_opened_from_a_copy(monkeypatch, bucket, tmp_path):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    storage.write(f"{bucket}/report.html", b"<html>")
    assert browser.show(f"{bucket}/report.html") == ""
    assert storage.local_path(opened[0]).read_bytes() == b"<html>"


def test_the_browser_that_is_named_gets_the_link(tmp_path):
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    code = "from firstpass.cli.browser import show; print(repr(show('/report.html')))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"BROWSER": str(program)}, capture_output=True, text=True
    )
    assert done.stdout == "''\n", done.stderr
    assert opened.read_text() == "file:///report.html\n"
