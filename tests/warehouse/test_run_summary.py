"""A run in numbers, for people and for machines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from firstpass import storage
from firstpass.contracts.run_error import RunError
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.run_failures import fail_run, record_request
from firstpass.warehouse.run_summary import run_summary
from firstpass.warehouse.runs import finish_run, record_stage
from firstpass.warehouse.verdicts import store_verdict
from fixtures.made_up_runs import catalogue, query, row, unreadable


def test_a_night_with_everything_in_it(warehouse, night):
    earlier = night("earlier")
    merge_chunk(warehouse, earlier.spec, earlier.chunk(0, [row("file:///old", detections=7)]))
    run = night("tonight")
    rows = [row("file:///a", detections=3), row("file:///b"), row("file:///c", "ok", scores=[0.2])]
    twin = row("file:///copy", "duplicate", sha256=rows[0]["sha256"])
    merge_catalogue(warehouse, run.spec, catalogue([row("file:///old", "known"), unreadable("file:///x", "bad"), twin]))
    gone = row("file:///gone", "missing", 0, sha256=None, reason="was deleted")
    merge_chunk(warehouse, run.spec, run.chunk(0, [*rows, gone]))
    fail_chunk(warehouse, run.spec, run.chunk(1, [row("file:///f")], write=False), "out of memory")
    for stage, seconds in {"catalogue_images": 0.5, "infer": 1.5, "merge": 0.25}.items():
        record_stage(warehouse, "tonight", stage, seconds)
    summary = run_summary(warehouse, "tonight")
    assert json.loads(json.dumps(summary)) == summary
    assert summary | {"started_at": ""} == {
        "run_id": "tonight",
        "state": "running",
        "model": "toy@0123456789ab",
        "images_uri": "/photos",
        "threshold": 0.3,
        "floor": 0.15,
        "floor_lowered": False,
        "started_at": "",
        "images": 8,
        "outcomes": {"ok": 2, "empty": 1, "known": 1, "unreadable": 1, "duplicate": 1, "missing": 1, "failed": 1},
        "detections": 5,
        "new_drafts": 4,
        "drafts": 4 + 7 + 3,
        "drafts_per_class": {"cat": 6, "größe <b>": 4, "dog": 4},
        "older_revision": 0,
        "higher_floor": 0,
        "empty": 1,
        "unreadable": 1,
        "missing": 1,
        "skipped_known": 1,
        "duplicates": 1,
        "failed": 1,
        "undone": 1,
        "left_undone": "1 image failed. First: file:///f: out of memory",
        "seconds_per_stage": {"catalogue_images": 0.5, "infer": 1.5, "merge": 0.25},
        "seconds": 2.25,
        "images_per_second": 2.0,
        "quarantined": [
            {"uri": "file:///gone", "reason": "was deleted"},
            {"uri": "file:///x", "reason": "bad"},
        ],
        "verdict": None,
        "checks": None,
        "failed_checks": [],
        "devices": {},
        "error": None,
        "pruned_at": None,
    }


def test_what_the_checks_gave_is_counted_by_state(warehouse, night):
    night("a run")
    odd = CheckResult("run", "speed", "warning", CheckState.FAILS, "10%", 0.1, "Images are as fast as ever.")
    idle = replace(odd, expectation="drift", state=CheckState.NOTHING)
    store_verdict(warehouse, QualityVerdict("a run", (odd, idle, replace(idle, expectation="x"))))
    summary = run_summary(warehouse, "a run")
    assert (summary["verdict"], summary["checks"]) == (
        "warnings",
        {"holds": 0, "does not hold": 1, "nothing to check": 2},
    )
    assert summary["failed_checks"] == [
        {"severity": "warning", "sentence": "Images are as fast as ever.", "observed": "10%"}
    ]


def test_what_chunks_ran_on_is_counted(warehouse, night):
    run = night()
    for index, device in enumerate(["cpu", "NVIDIA H100", None, "NVIDIA H100"]):
        chunk = run.chunk(index, [row(f"file:///{index}")])
        marker = json.loads(storage.read(chunk.done_uri)) | {"device": device}
        storage.write(chunk.done_uri, json.dumps(marker).encode())
        merge_chunk(warehouse, run.spec, chunk)
    assert list(run_summary(warehouse, "a run")["devices"].items()) == [("NVIDIA H100", 2), ("cpu", 1)]


def test_a_run_that_failed_before_it_had_a_model_is_told_as_far_as_it_came(warehouse):
    record_request(warehouse, "lost", "/nowhere", "toy", {"images": "/nowhere", "threshold": "x"})
    fail_run(warehouse, "lost", RunError("resolve_model", "there is no folder /nowhere", "create it"))
    summary = run_summary(warehouse, "lost")
    assert (summary["state"], summary["model"], summary["images_uri"]) == ("failed", "toy", "/nowhere")
    assert (summary["floor"], summary["floor_lowered"], summary["images"]) == (None, False, 0)
    assert summary["error"] == {
        "stage": "resolve_model", "problem": "there is no folder /nowhere", "fix": "create it",
        "transient": False
    }  # fmt: skip


def test_a_class_that_the_table_does_not_have_is_counted_by_its_number(warehouse, night):
    """The checks call it an error; the numbers must not hide it."""
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=2, class_ids=[1, 99])]))
    with transaction(warehouse) as cur:
        cur.execute("INSERT INTO models SELECT 'x@1', 'x', '1', kind, '', 0, true, '[]', NULL, now(), NULL FROM models")
        cur.execute("INSERT INTO classes VALUES ('x@1', 99, 'unicorn')")
    assert run_summary(warehouse, "latest")["drafts_per_class"] == {"cat": 1, "class 99": 1}


def test_classes_come_by_how_often_they_were_found_then_by_their_number(warehouse, night):
    earlier = night("earlier")
    merge_chunk(warehouse, earlier.spec, earlier.chunk(0, [row("file:///old", detections=3, class_ids=[99, 99, 99])]))
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue([row("file:///old", "known")]))
    found = [5, 2, 5, 1, 7, 7, 7]
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=7, class_ids=found)]))
    summary = run_summary(warehouse, "a run")
    assert list(summary["drafts_per_class"].items()) == [
        ("class 7", 3), ("class 99", 3), ("dog", 2), ("cat", 1), ("größe <b>", 1)
    ]  # fmt: skip
    assert (summary["detections"], summary["new_drafts"], summary["drafts"]) == (7, 7, 10)


def test_older_and_shallower_predictions_are_counted(warehouse, night):
    """A reprocess is offered for them; equal ones need none."""
    old, shallow, same = night("old", revision=1, floor=0.1), night("shallow", floor=0.25), night("same")
    merge_chunk(warehouse, old.spec, old.chunk(0, [row("file:///a"), row("file:///b", "empty", 0)]))
    merge_chunk(warehouse, shallow.spec, shallow.chunk(0, [row("file:///c")]))
    merge_chunk(warehouse, same.spec, same.chunk(0, [row("file:///d")]))
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue([row(f"file:///{name}", "known") for name in "abcd"]))
    summary = run_summary(warehouse, "a run")
    assert (summary["older_revision"], summary["higher_floor"], summary["drafts"]) == (2, 1, 3)


def test_a_night_without_news(warehouse, night):
    night()
    finish_run(warehouse, "a run", "success")
    summary = run_summary(warehouse, "latest")
    assert summary["state"] == "success"
    assert (summary["images"], summary["detections"], summary["images_per_second"]) == (0, 0, 0.0)
    assert summary["drafts_per_class"] == summary["outcomes"] == {}
    assert summary["quarantined"] == []
    counts = ("empty", "unreadable", "missing", "skipped_known", "duplicates", "failed", "drafts")
    assert [summary[name] for name in counts] == [0] * 7
    assert summary["seconds_per_stage"] == {"infer": 0.0}


def test_without_a_clock_for_inference_the_longest_chunk_stands_for_it(warehouse, night):
    run, other = night(), night("other")
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a"), row("file:///b"), unreadable("file:///c")]))
    merge_chunk(warehouse, run.spec, run.chunk(1, [row("file:///d", "empty", 0)]))
    merge_chunk(warehouse, other.spec, other.chunk(0, [row("file:///e")]))
    query(warehouse, "UPDATE chunks SET seconds = CASE run_id WHEN 'other' THEN 100 ELSE 7 * chunk + 2 END")
    summary = run_summary(warehouse, "a run")
    assert summary["seconds_per_stage"] == {"infer": 9.0}
    assert summary["images_per_second"] == 0.33


def test_images_were_inferred_at_a_rate_only_if_there_were_any(warehouse, night):
    run = night()
    record_stage(warehouse, "a run", "infer", 4)
    assert run_summary(warehouse, "a run")["images_per_second"] == 0.0
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a")]))
    assert run_summary(warehouse, "a run")["images_per_second"] == 0.25
    record_stage(warehouse, "a run", "infer", 0)
    assert run_summary(warehouse, "a run")["images_per_second"] == 0.0


def test_a_run_took_from_its_start_to_its_end_and_as_long_as_its_stages_until_then(warehouse, night):
    night()
    record_stage(warehouse, "a run", "merge", 1.00049)
    record_stage(warehouse, "a run", "check", 0.5)
    assert run_summary(warehouse, "a run")["seconds"] == 1.5
    record_stage(warehouse, "a run", "check", 0.25)
    assert run_summary(warehouse, "a run")["seconds"] == 1.25
    finish_run(warehouse, "a run", "success")
    query(warehouse, "UPDATE runs SET finished_at = started_at + interval '61.2346 seconds'")
    assert run_summary(warehouse, "a run")["seconds"] == 61.235


def test_what_was_quarantined_without_a_reason_is_told_by_its_outcome(warehouse, night):
    run = night()
    rows = [row("file:///b", "missing", 0, sha256=None), unreadable("file:///a", "torn"), row("file:///c", "empty", 0)]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    assert run_summary(warehouse, "a run")["quarantined"] == [
        {"uri": "file:///a", "reason": "torn"}, {"uri": "file:///b", "reason": "missing"}
    ]  # fmt: skip


def test_quarantined_files_are_listed_up_to_a_limit(warehouse, night):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [unreadable(f"file:///{n}") for n in range(5)]))
    summary = run_summary(warehouse, "latest", most_quarantined=2)
    assert [each["uri"] for each in summary["quarantined"]] == ["file:///0", "file:///1"]
    assert summary["unreadable"] == 5
    merge_chunk(warehouse, run.spec, run.chunk(1, [unreadable(f"file:///more/{n:04d}") for n in range(1000)]))
    assert len(run_summary(warehouse, "latest")["quarantined"]) == 1000


def test_a_run_that_is_not_there(warehouse):
    with pytest.raises(FirstpassError, match="no run"):
        run_summary(warehouse, "nothing")


def test_the_views_agree_with_the_summary(warehouse, night):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=3), row("file:///b", "empty", 0)]))
    with transaction(warehouse) as cur:
        cur.execute("SELECT images, ok, empty, known, detections FROM run_statistics WHERE run_id = 'a run'")
        assert cur.fetchall() == [(2, 1, 1, 0, 3)]
        cur.execute("SELECT class, drafts, images, min_score, max_score FROM class_statistics ORDER BY class_id")
        assert cur.fetchall() == [
            ("cat", 1, 1, 0.875, 0.875),
            ("größe <b>", 1, 1, 0.859375, 0.859375),
            ("dog", 1, 1, 0.84375, 0.84375),
        ]


def test_a_threshold_below_the_models_floor_lowers_the_runs(warehouse, night, monkeypatch):
    """Half of the model's threshold (0.3), or what the settings say; in 32 bits, as stored."""
    for floor in (0.15, 0.14, 0.2):
        night(f"run {floor}", floor=floor)
    lowered = [run_summary(warehouse, f"run {floor}")["floor_lowered"] for floor in (0.15, 0.14, 0.2)]
    assert lowered == [False, True, False]
    monkeypatch.setenv("FIRSTPASS_FLOOR", "0.2")
    settings.cache_clear()
    assert run_summary(warehouse, "run 0.15")["floor_lowered"]
    query(warehouse, "UPDATE models SET floor = 0.1")
    assert not run_summary(warehouse, "run 0.15")["floor_lowered"]
