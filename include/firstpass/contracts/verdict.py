"""The outcome of a run's checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VerdictState = Literal["passed", "warnings", "failed"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one expectation gave: `observed` says in words what was found, `value` as a number where there is one."""

    suite: str
    expectation: str
    severity: str
    success: bool
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
        """The expectations that did not hold, critical ones first."""
        return tuple(sorted((r for r in self.results if not r.success), key=lambda r: r.severity != "critical"))

    @property
    def state(self) -> VerdictState:
        """`failed` when something critical does not hold, `warnings` when something else does not, else `passed`."""
        if not self.failures:
            return "passed"
        return "failed" if self.failures[0].severity == "critical" else "warnings"

    @property
    def drift(self) -> float | None:
        """The largest drift measured; None when there was nothing to compare with."""
        return max((r.value for r in self.results if r.suite == "drift" and r.value is not None), default=None)
