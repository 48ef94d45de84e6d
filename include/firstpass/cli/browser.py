"""A report shown in the person's browser, where there is one."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from pathlib import Path

from firstpass import storage

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def link(report: str) -> str:
    """The address of a report, for a person to click on: `file://…`, or the `s3://` URI of one in object storage."""
    return report if storage.is_s3(report) else storage.file_uri(Path(report))


def show(report: str) -> str:
    """Open a report; returns why that was not possible, empty where it was.

    One in object storage is copied first. Without a display nothing is tried: a text browser would take the terminal.
    A browser that `BROWSER` names is used in any case.
    """
    if not any(os.environ.get(name) for name in _SCREENS):
        return "there is no display here"
    return "" if webbrowser.open(link(_local(report))) else "no browser was found"


def _local(report: str) -> str:
    if not storage.is_s3(report):
        return report
    copy = Path(tempfile.mkdtemp(prefix="firstpass-")) / "report.html"
    copy.write_bytes(storage.read(report))
    return str(copy)
