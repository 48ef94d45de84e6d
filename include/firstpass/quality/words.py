"""A run in a sentence or two: what the report opens with, and what a notification says."""

from __future__ import annotations

from typing import Any

from firstpass.quality.results import Verdict

_COMPRESSED = "of the drafts that originals give, 96 % are found again, and 10 % others come on top"


def headline(summary: dict[str, Any], verdict: Verdict | None) -> tuple[str, str]:
    """A title and the sentence below it, from `run_summary` and the verdict (None: not checked)."""
    return _title(summary, verdict), _checks(verdict)


def frames_read(images_uri: str, seconds: float) -> str | None:
    """How frames were read from CVAT, in `seconds` added up over threads, and what that costs; None for other images.

    _COMPRESSED is from benchmarks/cvat_preannotate.py, not from these frames.
    """
    if not images_uri.startswith("cvat:"):
        return None
    if "quality=compressed" not in images_uri:
        return f"originals; reading them took {seconds:.0f} s, beside the network's own work"
    return (
        f"compressed, as the browser shows them; reading them took {seconds:.0f} s, beside the network's own work. "
        f"What that costs: {_COMPRESSED} (500 photographs with mild noise at CVAT's usual JPEG quality of 70)"
    )


def _title(summary: dict[str, Any], verdict: Verdict | None) -> str:
    images, inferred = summary["images"], summary["outcomes"].get("ok", 0) + summary["empty"]
    if images == 0:
        return "No image had an outcome"
    if verdict is not None and verdict.state == "failed":
        return "These drafts are held back"
    if summary["failed"]:
        return f"{_many(summary['failed'], 'image')} could not be finished"
    if inferred == 0 and summary["skipped_known"]:
        return "Nothing new: every image was done before"
    if inferred == 0:
        return "No image could be read"
    return f"{_many(summary['detections'], 'detection')} drafted on {_many(inferred, 'image')}"


def _checks(verdict: Verdict | None) -> str:
    if verdict is None:
        return "This run was not checked."
    total, wrong = len(verdict.results), len(verdict.failures)
    if verdict.state == "passed":
        return f"All {total} checks hold."
    if verdict.state == "warnings":
        return f"{total - wrong} of {total} checks hold. Worth a look:"
    return f"{total - wrong} of {total} checks hold. Nothing is published until these are put right:"


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
