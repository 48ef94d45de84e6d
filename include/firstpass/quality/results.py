"""The outcome of the checks, and its place in the warehouse."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal

from psycopg2.extensions import connection
from psycopg2.extras import execute_values

State = Literal["passed", "warnings", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one expectation gave: `observed` says in words what was found, `value` as a number where there is one."""

    suite: str
    expectation: str
    severity: str
    success: bool
    observed: str
    value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All results of a run."""

    run_id: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The expectations that did not hold, critical ones first."""
        return tuple(sorted((r for r in self.results if not r.success), key=lambda r: r.severity != "critical"))

    @property
    def state(self) -> State:
        """`failed` when something critical does not hold, `warnings` when something else does not, else `passed`."""
        if not self.failures:
            return "passed"
        return "failed" if self.failures[0].severity == "critical" else "warnings"

    @property
    def drift(self) -> float | None:
        """The largest drift measured; None when there was nothing to compare with."""
        return max((r.value for r in self.results if r.suite == "drift" and r.value is not None), default=None)


def store(conn: connection, verdict: Verdict) -> None:
    """Replace what the warehouse has about this run, in one transaction."""
    with conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM quality_results WHERE run_id = %s", [verdict.run_id])
        execute_values(
            cursor,
            "INSERT INTO quality_results"
            " (run_id, suite, expectation, severity, success, observed, value, sentence) VALUES %s",
            [(verdict.run_id, *astuple(result)) for result in verdict.results],
        )
        cursor.execute("DELETE FROM quality_verdicts WHERE run_id = %s", [verdict.run_id])
        cursor.execute(
            "INSERT INTO quality_verdicts (run_id, verdict, images, detections, drift)"
            " SELECT %(run_id)s, %(verdict)s, count(*), coalesce(sum(detections), 0), %(drift)s"
            " FROM outcomes WHERE run_id = %(run_id)s",
            {"run_id": verdict.run_id, "verdict": verdict.state, "drift": verdict.drift},
        )


def load(conn: connection, run_id: str) -> Verdict | None:
    """The stored verdict of a run, None when it was not checked."""
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT suite, expectation, severity, success, observed, value, sentence FROM quality_results"
            " WHERE run_id = %s ORDER BY suite, expectation",
            [run_id],
        )
        results = tuple(Result(*row) for row in cursor.fetchall())
    return Verdict(run_id, results) if results else None
