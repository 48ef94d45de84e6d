"""A run in a sentence or two: what the report opens with, and what a notification says."""

from __future__ import annotations

from typing import Any

from firstpass.contracts.verdict import CheckState, QualityVerdict


def headline(summary: dict[str, Any], verdict: QualityVerdict | None) -> tuple[str, str]:
    """A title and the sentence below it, from `run_summary` and the verdict (None: not checked)."""
    return _title(summary, verdict), _checks(verdict)


def _title(summary: dict[str, Any], verdict: QualityVerdict | None) -> str:
    images, outcomes = summary["images"], summary["outcomes"]
    inferred = outcomes.get("ok", 0) + summary["empty"]
    if images == 0:
        return "No image had an outcome" if verdict is not None and verdict.failures else "There were no images"
    if verdict is not None and verdict.state == "failed":
        return "These drafts are held back"
    if summary["undone"]:
        return f"{_many(summary['undone'], 'image')} could not be finished"
    if inferred == 0 and (outcomes.get("unreadable") or outcomes.get("missing")):
        return "No new image could be read" if summary["skipped_known"] else "No image could be read"
    if inferred == 0:
        return "Nothing new: every image was inferred before"
    return f"{_many(summary['new_drafts'], 'draft')} on {_many(inferred, 'image')}"


def _checks(verdict: QualityVerdict | None) -> str:
    if verdict is None:
        return "This run was not checked."
    holds, fails, idle = (verdict.counts[state] for state in (CheckState.HOLDS, CheckState.FAILS, CheckState.NOTHING))
    rest = f", {idle} had nothing to check" if idle else ""
    if verdict.state == "nothing to check":
        return "There was no image and no draft to check."
    if verdict.state == "passed":
        return f"{_hold(holds)}{rest}." if idle else f"All {holds} checks hold."
    wrong = f"{fails} of {holds + fails} checks {'does' if fails == 1 else 'do'} not hold{rest}."
    if verdict.state == "warnings":
        return f"{wrong} Worth a look:"
    return f"{wrong} Nothing is published until these are fixed:"


def _hold(count: int) -> str:
    return "1 check holds" if count == 1 else f"{count} checks hold"


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
