"""A run's drafts as a data set, on the command line."""

from __future__ import annotations

import json

from firstpass.errors import FirstpassError


def test_it_prints_what_it_wrote(call, night, tmp_path):
    night("manual__1")
    written = json.loads(call("export", "--format", "coco", "--out", tmp_path / "out").stdout)
    assert written["run_id"] == "manual__1"
    assert json.loads((tmp_path / "out/annotations/instances_default.json").read_bytes())["images"] == []


def test_an_unknown_format_is_answered_with_the_list_of_those_there_are(call, night, tmp_path):
    night("manual__1")
    error = call("export", "--format", "yolov0", "--out", tmp_path / "out").exception
    assert isinstance(error, FirstpassError)
    assert "there is no export format 'yolov0'" in error.problem
    assert "coco, cvat, datumaro" in error.fix
    assert not (tmp_path / "out").exists()
