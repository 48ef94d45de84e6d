"""What was found when a run was checked: written by quality/, asked by publishing, reports, notifications."""

from __future__ import annotations

from dataclasses import astuple

from psycopg2.extensions import connection
from psycopg2.extras import execute_values

from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.warehouse.connection import transaction


def store_verdict(conn: connection, verdict: QualityVerdict) -> None:
    """Replace what the warehouse has about this run, in one transaction."""
    with transaction(conn) as cursor:
        cursor.execute("DELETE FROM quality_results WHERE run_id = %s", [verdict.run_id])
        execute_values(
            cursor,
            "INSERT INTO quality_results"
            " (run_id, suite, expectation, severity, state, observed, value, sentence) VALUES %s",
            [(verdict.run_id, *astuple(result)) for result in verdict.results],
        )
        cursor.execute("DELETE FROM quality_verdicts WHERE run_id = %s", [verdict.run_id])
        cursor.execute(
            "INSERT INTO quality_verdicts (run_id, verdict, images, drafts, drift)"
            " SELECT %(run_id)s, %(verdict)s, coalesce(sum(images), 0), coalesce(sum(drafts), 0), %(drift)s"
            " FROM run_outcomes WHERE run_id = %(run_id)s",
            {"run_id": verdict.run_id, "verdict": verdict.state, "drift": verdict.drift},
        )


def load_verdict(conn: connection, run_id: str) -> QualityVerdict | None:
    """The stored verdict of a run, None when it was not checked."""
    with transaction(conn) as cursor:
        cursor.execute("SELECT FROM quality_verdicts WHERE run_id = %s", [run_id])
        checked = cursor.rowcount == 1
        cursor.execute(
            "SELECT suite, expectation, severity, state, observed, value, sentence FROM quality_results"
            " WHERE run_id = %s ORDER BY suite, expectation",
            [run_id],
        )
        results = tuple(
            CheckResult(suite, expectation, severity, CheckState(state), *found)
            for suite, expectation, severity, state, *found in cursor.fetchall()
        )
    return QualityVerdict(run_id, results) if checked else None
