"""What admission asks about weights, answered by a process that may die of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from firstpass.contracts.detector import WeightsInspection
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models.checking.check_process import CheckProcess
from firstpass.models.checking.endings import Limits
from firstpass.models.workspace import scratch
from firstpass.settings import settings

_MOST_FAULTS, _LONGEST_FAULT = 20, 1000


class NotInstalled(FirstpassError):
    """This installation lacks what a kind of model needs: that says nothing of the model."""


class WeightsCheck(Protocol):
    """What weights say about themselves, and what is wrong with their answer to a photo.

    Both raise FirstpassError where the weights are to blame that this cannot be said, `Unavailable` where the machine
    is, and NotInstalled where a package is missing.
    """

    def inspect(self) -> WeightsInspection:
        """As `kinds.inspect` does."""
        ...

    def probe(self, version: ModelVersion) -> list[str]:
        """As `probe.probe` does."""
        ...


@contextmanager
def checking(kind: str, folder: Path) -> Iterator[WeightsCheck]:
    """A check of the weights in `folder`, in a child process with limits on time and memory (see the settings).

    The process is started once for both questions: importing its libraries takes seconds.
    """
    limits = Limits(settings().admission_minutes * 60, int(settings().admission_memory * 2**30))
    with scratch() as work, CheckProcess(kind, folder.absolute(), work, limits) as process:
        yield _Asked(process)


class _Asked:
    def __init__(self, process: CheckProcess) -> None:
        self._process = process

    def inspect(self) -> WeightsInspection:
        with _understood():
            answer = _sound(self._process.ask("inspect"))
            count = answer["class_count"]
            return WeightsInspection(None if count is None else int(count), bool(answer["has_masks"]))

    def probe(self, version: ModelVersion) -> list[str]:
        with _understood():
            answer = _sound(self._process.ask("probe", version=version.to_json()))
            return [str(fault)[:_LONGEST_FAULT] for fault in list(answer["faults"])[:_MOST_FAULTS]]


@contextmanager
def _understood() -> Iterator[None]:
    """Who reads foreign weights may have become their puppet: whatever it says must have the form of an answer."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise FirstpassError(
            f"the process that checked its weights gave no sound answer: {error!r}",
            "do not use this file: get the model again from a source that you trust",
        ) from error


def _sound(answer: dict[str, Any]) -> dict[str, Any]:
    for key, kind in (("refused", FirstpassError), ("unusable", NotInstalled)):
        if key in answer:
            problem, fix = answer[key]
            raise kind(str(problem)[:_LONGEST_FAULT], str(fix)[:_LONGEST_FAULT])
    return answer
