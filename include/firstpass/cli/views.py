"""How a run looks in a terminal: live bars or plain lines while it runs, tables at its end."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import click
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from firstpass.api.run_watch import ImageCounts, StageProgress
from firstpass.contracts.stages import STAGES

_MOST_CLASSES = 20
_MOST_FILES = 10
_CHECKS = {"holds": "hold", "does not hold": "do not hold", "nothing to check": "had nothing to check"}
_TONES = {"passed": "green", "warnings": "yellow", "held back": "red"}


class LiveView:
    """One bar per stage, on stderr. Use it as a context manager, which restores the cursor."""

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.description}"), BarColumn(bar_width=32), TextColumn("{task.fields[note]}")
        self._progress = Progress(*columns, console=console)
        self._bars: dict[str, TaskID] = {
            name: self._progress.add_task(_title(name).ljust(16), total=1, note="") for name in STAGES
        }

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, stages: list[StageProgress], images: ImageCounts) -> None:
        """Move the bars."""
        for stage in stages:
            bar = self._bars[stage.name]
            if stage.state == "running" and stage.name == "infer" and images.total:
                note = _rate(stage, images)
                self._progress.update(bar, total=images.total, completed=images.done, note=note)
            elif stage.state == "running":
                self._progress.update(bar, total=None, note=f"{stage.seconds:.0f} s")
            elif stage.state != "waiting":
                whole = 1 if stage.state == "done" else 0
                self._progress.update(bar, total=1, completed=whole, note=_ending(stage, images))


class PlainView:
    """One line per finished stage, and one every few seconds within `infer`; for logs and pipes."""

    def __init__(self, every: float = 5.0) -> None:
        self._every = every
        self._told: set[str] = set()
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, stages: list[StageProgress], images: ImageCounts) -> None:
        """Say what is new."""
        for stage in stages:
            if stage.state in {"done", "failed", "skipped"} and stage.name not in self._told:
                self._told.add(stage.name)
                click.echo(f"{_title(stage.name):<16}  {_ending(stage, images)}", err=True)
            elif stage.name == "infer" and stage.state == "running" and time.monotonic() - self._last >= self._every:
                self._last = time.monotonic()
                click.echo(f"{_title(stage.name):<16}  {_rate(stage, images)}", err=True)


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


def _ending(stage: StageProgress, images: ImageCounts) -> str:
    if stage.state == "skipped":
        return "nothing to do"
    if stage.state == "failed":
        return f"failed after {stage.seconds:.1f} s"
    count = f"{images.done:,} images, " if stage.name == "infer" and images.total else ""
    return f"{count}{stage.seconds:.1f} s"


def _rate(stage: StageProgress, images: ImageCounts) -> str:
    if not images.done or stage.seconds < 1:
        return f"{images.done:,}/{images.total:,} images"
    rate = images.done / stage.seconds
    left = (images.total - images.done) / rate
    return f"{images.done:,}/{images.total:,} images, {rate:.1f} images/s, {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
