"""How a finished run looks in a terminal."""

from __future__ import annotations

from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from firstpass.contracts.stages import STAGES

_MOST_CLASSES = 20
_MOST_FILES = 10
_CHECKS = {"holds": "hold", "does not hold": "do not hold", "nothing to check": "had nothing to check"}
_TONES = {"passed": "green", "warnings": "yellow", "held back": "red"}


def summary_view(summary: dict[str, Any]) -> RenderableType:
    """The tables at the end of a run, from `run_summary`'s dict."""
    totals = _table()
    for name, key in (
        ("images", "images"),
        ("drafts", "drafts"),
        ("detections", "detections"),
        ("empty", "empty"),
        ("unreadable", "unreadable"),
        ("missing", "missing"),
        ("skipped as known", "skipped_known"),
        ("duplicates", "duplicates"),
        ("failed", "failed"),
        ("images/s", "images_per_second"),
    ):
        totals.add_row(name, f"{summary[key]:,}")
    classes = _table("drafts per class")
    shown = list(summary["drafts_per_class"].items())
    for name, count in shown[:_MOST_CLASSES]:
        classes.add_row(Text(name), f"{count:,}")
    if len(shown) > _MOST_CLASSES:
        classes.add_row(
            f"and {len(shown) - _MOST_CLASSES} more classes", f"{sum(c for _, c in shown[_MOST_CLASSES:]):,}"
        )
    seconds = _table("seconds per stage")
    for name in sorted(summary["seconds_per_stage"], key=_order):
        seconds.add_row(_title(name), f"{summary['seconds_per_stage'][name]:.1f}")
    seconds.add_row("total", f"{summary['seconds']:.1f}")
    side_by_side = Columns([totals, classes, seconds], padding=(0, 2))  # one below the other where it is narrow
    heading = Text(f"{summary['model']} on {summary['images_uri']}", overflow="fold")
    return Group(heading, Text(), side_by_side, *_quarantined(summary["quarantined"]))


def verdict_view(summary: dict[str, Any]) -> RenderableType:
    """What the checks gave, in a line, and each that does not hold."""
    checks, verdict = summary["checks"], summary["verdict"]
    if checks is None:
        return Text("Checks   this run was not checked")
    counted = ", ".join(f"{checks[state]} {words}" for state, words in _CHECKS.items() if checks[state])
    standing = "held back" if verdict == "failed" else verdict
    lines = [Text.assemble("Checks   ", (standing, _TONES.get(standing, "")), f": {counted or 'none'}")]
    lines += [
        Text(f"         {each['severity']}: {each['sentence']} Found: {each['observed']}", overflow="fold")
        for each in summary["failed_checks"]
    ]
    return Group(*lines)


def nothing_new(summary: dict[str, Any]) -> str:
    """The sentence for a run with nothing to infer, and why there was nothing; empty for any other run."""
    images, known = summary["images"], summary["skipped_known"]
    if not images:
        return f"There is no image in {summary['images_uri']}."
    if {"ok", "empty", "failed"} & {name for name, count in summary["outcomes"].items() if count}:
        return ""
    if not known:
        return f"None of the {images:,} images could be read: the report names each."
    return f"Nothing new: {known:,} of {images:,} images were inferred before by this model."


def floor_lowered(summary: dict[str, Any]) -> str:
    """The sentence for a run whose threshold lowered its floor; empty for any other run."""
    if not summary["floor_lowered"]:
        return ""
    floor = f"{summary['floor']:g}"
    return (
        f"The threshold is below the model's floor: images that lacked detections from {floor} up were inferred again."
    )


def _quarantined(files: list[dict[str, str]]) -> list[Text]:
    if not files:
        return []
    lines = [Text("\nQuarantined")]
    lines += [Text(f"  {file['uri']}: {file['reason']}", overflow="fold") for file in files[:_MOST_FILES]]
    if len(files) > _MOST_FILES:
        lines.append(Text(f"  and {len(files) - _MOST_FILES} more: see the report"))
    return lines


def _table(title: str = "") -> Table:
    table = Table(box=None, show_header=bool(title), padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(title, no_wrap=True, max_width=40)
    table.add_column(justify="right", no_wrap=True)
    return table


def _order(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _title(stage: str) -> str:
    return stage.replace("_", " ")
