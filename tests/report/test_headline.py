"""What a run is in one line, and what the line below it says of the checks."""

from __future__ import annotations

import pytest

from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.report.headline import headline


def summary(ok: int = 0, empty: int = 0, known: int = 0, failed: int = 0, unreadable: int = 0, drafts: int = 0):
    """The part of `run_summary` that a headline is made of."""
    counts = {"ok": ok, "empty": empty, "known": known, "failed": failed, "unreadable": unreadable}
    return {
        "images": sum(counts.values()),
        "outcomes": {outcome: count for outcome, count in counts.items() if count},
        "empty": empty,
        "undone": failed,
        "skipped_known": known,
        "new_drafts": drafts,
    }


STATES = {True: CheckState.HOLDS, False: CheckState.FAILS, None: CheckState.NOTHING}


def verdict(*results: tuple[str, bool | None]) -> QualityVerdict:
    """A verdict of checks with these severities and outcomes: True holds, False does not, None had nothing to check."""
    return QualityVerdict(
        "a run",
        tuple(
            CheckResult("s", f"c{n}", severity, STATES[holds], "", None, "")
            for n, (severity, holds) in enumerate(results)
        ),
    )


FAILED = verdict(("critical", False), ("warning", True), ("warning", False))


@pytest.mark.parametrize(
    ("figures", "title"),
    [
        ({}, "There were no images"),
        ({"ok": 1, "drafts": 1}, "1 draft on 1 image"),
        ({"ok": 2, "drafts": 5}, "5 drafts on 2 images"),
        ({"ok": 1, "empty": 2, "drafts": 1}, "1 draft on 3 images"),
        ({"empty": 1}, "0 drafts on 1 image"),
        ({"ok": 1_234_567, "drafts": 7_654_321}, "7,654,321 drafts on 1,234,567 images"),
        ({"ok": 1, "known": 9, "drafts": 2}, "2 drafts on 1 image"),
        ({"empty": 1, "known": 9}, "0 drafts on 1 image"),
        ({"known": 9}, "Nothing new: every image was inferred before"),
        ({"unreadable": 3}, "No image could be read"),
        ({"known": 9, "unreadable": 1}, "No new image could be read"),
        ({"failed": 1, "ok": 9, "drafts": 9}, "1 image could not be finished"),
        ({"failed": 2_000, "known": 9}, "2,000 images could not be finished"),
    ],
)
def test_the_title_tells_what_matters_most(figures, title):
    assert headline(summary(**figures), None)[0] == title


def test_drafts_that_are_held_back_come_before_all_but_nothing():
    assert headline(summary(ok=3, failed=2), FAILED)[0] == "These drafts are held back"
    assert headline(summary(known=3), FAILED)[0] == "These drafts are held back"
    assert headline(summary(), FAILED)[0] == "No image had an outcome"


@pytest.mark.parametrize("checked", [verdict(), verdict(("critical", True)), verdict(("warning", False)), None])
def test_a_verdict_that_holds_nothing_back_leaves_the_title_alone(checked):
    assert headline(summary(ok=1, drafts=2), checked)[0] == "2 drafts on 1 image"


@pytest.mark.parametrize(
    ("checked", "sentence"),
    [
        (None, "This run was not checked."),
        (verdict(), "There was no image and no draft to check."),
        (verdict(("critical", None)), "There was no image and no draft to check."),
        (verdict(("critical", True), ("warning", True)), "All 2 checks hold."),
        (verdict(*2 * [("critical", True)], *3 * [("warning", None)]), "2 checks hold, 3 had nothing to check."),
        (verdict(("critical", True), ("warning", None)), "1 check holds, 1 had nothing to check."),
        (verdict(("critical", True), ("warning", False)), "1 of 2 checks does not hold. Worth a look:"),
        (
            verdict(("warning", False), ("warning", None)),
            "1 of 1 checks does not hold, 1 had nothing to check. Worth a look:",
        ),
        (FAILED, "2 of 3 checks do not hold. Nothing is published until these are fixed:"),
        (verdict(("critical", False)), "1 of 1 checks does not hold. Nothing is published until these are fixed:"),
    ],
)
def test_the_sentence_below_counts_the_checks(checked, sentence):
    assert headline(summary(ok=1), checked)[1] == sentence
