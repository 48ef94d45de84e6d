"""What a real run leaves on the disk is for its owner and group alone."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def test_nothing_that_the_stack_writes_is_open_to_other_users(stack, photos):
    summary = stack.run("--images", photos, "--reprocess")
    assert stack("models", "list").returncode == 0
    places = [stack.home / "var", stack.home / "logs"]
    found = [path for place in places for path in (place, *place.rglob("*")) if not path.is_symlink()]
    names = {path.name for path in found}
    assert {"report.html", "started-with", "scheduler.log", "supervisord.conf"} <= names
    assert any(path.suffix == ".parquet" and path.is_relative_to(Path(summary["report"]).parent) for path in found)
    assert any(path.suffix == ".log" and path.is_relative_to(places[1]) for path in found)
    assert {str(path): oct(path.stat().st_mode) for path in found if path.stat().st_mode & 0o007} == {}


def test_an_export_is_the_persons_own(stack, photos, tmp_path):
    run = stack.run("--images", photos)["run_id"]
    out = tmp_path / "export"
    assert stack("export", "--run", run, "--format", "coco", "--out", out).returncode == 0
    assert {path.stat().st_mode & 0o777 for path in (out, *out.rglob("*")) if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*") if path.is_file()} == {0o644}
