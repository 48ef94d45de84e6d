from __future__ import annotations

import io

import pytest
from rich.console import Console

from firstpass.cli.views import nothing_new, summary_view, verdict_view

SUMMARY = {
    "run_id": "manual__1",
    "state": "success",
    "model": "nanodet-coco@0a1b2c",
    "images_uri": "/photos",
    "images": 1012,
    "outcomes": {"ok": 900, "empty": 100, "unreadable": 2, "known": 10},
    "detections": 5432,
    "drafts": 4321,
    "drafts_per_class": {"person": 4000, "[bold]dining table": 321},
    "empty": 100,
    "unreadable": 2,
    "missing": 0,
    "skipped_known": 10,
    "duplicates": 0,
    "failed": 0,
    "seconds_per_stage": {"report": 1.26, "infer": 60.0, "plan_chunks": 0.04},
    "seconds": 70.3,
    "images_per_second": 16.7,
    "quarantined": [{"uri": "/photos/a [red].jpg", "reason": "the file is empty"}],
}


def text(renderable, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(renderable)
    return console.file.getvalue()


def lines(renderable, width: int = 100) -> list[str]:
    return [" ".join(line.split()) for line in text(renderable, width).splitlines()]


@pytest.mark.parametrize(
    "words",
    [
        "images 1,012",
        "drafts 4,321",
        "detections 5,432",
        "skipped as known 10",
        "images/s 16.7",
        "[bold]dining table 321",
        "infer 60.0",
    ],
)
def test_the_tables_show_everything_that_counts(words):
    assert any(words in line for line in lines(summary_view(SUMMARY)))


def test_classes_are_counted_in_drafts():
    shown = lines(summary_view(SUMMARY))
    assert any("drafts per class" in line for line in shown)
    assert not any("detections per class" in line for line in shown)


def test_names_and_paths_are_shown_as_they_are():
    shown = text(summary_view(SUMMARY))
    assert "/photos/a [red].jpg: the file is empty" in shown
    assert "nanodet-coco@0a1b2c on /photos" in shown


def test_stages_are_shown_in_their_order():
    shown = text(summary_view(SUMMARY))
    places = [shown.index(name) for name in ("plan chunks", "infer", "report", "total")]
    assert places == sorted(places)


def test_tables_fit_a_log_that_is_80_wide():
    assert max(map(len, text(summary_view(SUMMARY), 80).splitlines())) <= 80
    assert "skipped as known" in text(summary_view(SUMMARY), 80)


def test_long_lists_are_cut_and_say_so():
    many = SUMMARY | {
        "drafts_per_class": {f"class {n}": 100 - n for n in range(30)},
        "quarantined": [{"uri": f"/{n}.jpg", "reason": "empty"} for n in range(25)],
    }
    shown = text(summary_view(many))
    assert "and 10 more classes" in shown
    assert "and 15 more: see the report" in shown


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ({"known": 8}, "Nothing new: 8 of 8 images were inferred before by this model."),
        ({"known": 8, "ok": 1}, ""),
        ({"known": 8, "failed": 1}, ""),
        ({"known": 7, "missing": 1}, "Nothing new: 7 of 8 images were inferred before by this model."),
        ({"unreadable": 2, "missing": 1}, "None of the 3 images could be read: the report names each."),
        ({}, "There is no image in /photos."),
    ],
)
def test_nothing_to_infer_is_said_with_its_reason(outcomes, sentence):
    images = {"images": sum(outcomes.values()), "images_uri": "/photos", "skipped_known": outcomes.get("known", 0)}
    assert nothing_new({"outcomes": outcomes} | images) == sentence


def checked(verdict: str | None, holds: int = 0, fails: int = 0, idle: int = 0) -> list[str]:
    wrong = [{"severity": "warning", "sentence": "Few [are] empty.", "observed": "91%"}] * fails
    counts = {"holds": holds, "does not hold": fails, "nothing to check": idle}
    summary = {"verdict": verdict, "checks": counts if verdict else None, "failed_checks": wrong}
    return lines(verdict_view(summary))


def test_the_verdict_counts_what_holds_what_does_not_and_what_had_nothing_to_check():
    assert checked("passed", holds=17, idle=9) == ["Checks passed: 17 hold, 9 had nothing to check"]
    assert checked("warnings", holds=2, fails=1) == [
        "Checks warnings: 2 hold, 1 do not hold",
        "warning: Few [are] empty. Found: 91%",
    ]
    assert checked("failed", fails=1)[0] == "Checks held back: 1 do not hold"
    assert checked(None) == ["Checks this run was not checked"]
