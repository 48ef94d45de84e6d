"""How a run looks in a terminal from the stack's start to its last stage: live bars, or plain lines."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from firstpass.api.run_watch import ImageCounts, StageProgress
from firstpass.contracts.stages import STAGES

_STARTED = "The stack is up"


def progress_view() -> LiveView | PlainView:
    """Bars where stderr is a terminal, else lines."""
    terminal = Console(stderr=True)
    return LiveView(terminal) if terminal.is_terminal else PlainView()


class LiveView:
    """A bar for the stack's start, then one per stage, on stderr. As a context manager it restores the cursor.

    The bars of the stages appear with the run; where none began, no bar is left behind. What else is said has the time
    since the command began in front.
    """

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.description}"), BarColumn(bar_width=32), _Note()
        self._began = time.monotonic()
        self._said = False
        self._progress = Progress(*columns, console=console)
        self._start: TaskID | None = self._progress.add_task("start".ljust(16), total=None, note="")
        self._bars: dict[str, TaskID] = {
            name: self._progress.add_task(_title(name).ljust(16), total=1, note="", visible=False) for name in STAGES
        }

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_start()
        self._progress.stop()

    def say(self, line: str) -> None:
        """A step of the stack's start, or another line, above the bars."""
        self._said = True
        text = f"{clock(time.monotonic() - self._began)}  {line}"
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, stages: list[StageProgress], images: ImageCounts) -> None:
        """Move the bars."""
        if self._start is not None and self._said:
            self.say(_STARTED)
        self._end_start()
        for stage in stages:
            bar = self._bars[stage.name]
            if stage.state == "running" and stage.name == "infer" and images.total:
                note = _rate(stage, images)
                self._progress.update(bar, total=images.total, completed=images.done, note=note, visible=True)
            elif stage.state == "running":
                self._progress.update(bar, total=None, note=f"{stage.seconds:.0f} s", visible=True)
            elif stage.state != "waiting":
                whole = 1 if stage.state == "done" else 0
                note = _ending(stage, images)
                self._progress.update(bar, total=1, completed=whole, note=note, visible=True)
            else:
                self._progress.update(bar, visible=True)

    def _end_start(self) -> None:
        if self._start is not None:
            self._progress.remove_task(self._start)
            self._start = None


class _Note(ProgressColumn):
    """What is said beside a bar; for one of unknown length that says nothing, the seconds that it has run."""

    def render(self, task: Task) -> Text:
        note = task.fields["note"]
        return Text(note if note or task.total is not None else f"{task.elapsed or 0:.0f} s")


class PlainView:
    """One line per finished stage, and one every few seconds within `infer`; for logs and pipes.

    What else is said has the time since the command began in front.
    """

    def __init__(self, every: float = 5.0) -> None:
        self._every = every
        self._told: set[str] = set()
        self._starting = self._shown = False
        self._began = self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def say(self, line: str) -> None:
        """A step of the stack's start, or another line."""
        self._starting = not self._shown
        click.echo(f"{clock(time.monotonic() - self._began)}  {line}", err=True)

    def show(self, stages: list[StageProgress], images: ImageCounts) -> None:
        """Say what is new."""
        self._shown = True
        if self._starting:
            self.say(_STARTED)
        for stage in stages:
            if stage.state in {"done", "failed", "skipped"} and stage.name not in self._told:
                self._told.add(stage.name)
                click.echo(f"{_title(stage.name):<16}  {_ending(stage, images)}", err=True)
            elif stage.name == "infer" and stage.state == "running" and time.monotonic() - self._last >= self._every:
                self._last = time.monotonic()
                click.echo(f"{_title(stage.name):<16}  {_rate(stage, images)}", err=True)


def clock(seconds: float) -> str:
    """Time since the beginning, in minutes and seconds: `0:07`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


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
