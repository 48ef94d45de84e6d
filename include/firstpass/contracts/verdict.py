"""The outcome of a run's checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

VerdictState = Literal["passed", "warnings", "failed", "nothing to check"]

_ABOUT_THE_MODEL = "classes"  # the suite that looks at no image and no draft


class CheckState(StrEnum):
    """What became of one expectation."""

    HOLDS = "holds"
    FAILS = "does not hold"
    NOTHING = "nothing to check"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one expectation gave: `observed` says in words what was found, `value` as a number where there is one."""

    suite: str
    expectation: str
    severity: str
    state: CheckState
    observed: str
    value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class QualityVerdict:
    """All results of a run."""

    run_id: str
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The expectations that do not hold, critical ones first."""
        return tuple(sorted(self._of(CheckState.FAILS), key=lambda r: r.severity != "critical"))

    @property
    def ordered(self) -> tuple[CheckResult, ...]:
        """All results, as a page lists them: what does not hold, what holds, what had nothing to check."""
        return (*self.failures, *self._of(CheckState.HOLDS), *self._of(CheckState.NOTHING))

    @property
    def counts(self) -> dict[CheckState, int]:
        """How many results there are of each state; none is left out."""
        return {state: sum(1 for _ in self._of(state)) for state in CheckState}

    @property
    def state(self) -> VerdictState:
        """`failed` when something critical does not hold, `warnings` when something else does not, else `passed`.

        `nothing to check` when no check of images or drafts had anything to look at.
        """
        if self.failures:
            return "failed" if self.failures[0].severity == "critical" else "warnings"
        if all(r.suite == _ABOUT_THE_MODEL for r in self._of(CheckState.HOLDS)):
            return "nothing to check"
        return "passed"

    @property
    def drift(self) -> float | None:
        """The largest drift measured; None when there was nothing to compare with."""
        return max((r.value for r in self.results if r.suite == "drift" and r.value is not None), default=None)

    def _of(self, state: CheckState) -> Iterable[CheckResult]:
        return (r for r in self.results if r.state is state)
