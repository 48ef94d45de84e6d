"""The verdict over a run, and the trend over runs."""

from __future__ import annotations

from firstpass.contracts.verdict import CheckResult, QualityVerdict
from firstpass.warehouse.verdicts import store_verdict as store
from fixtures.made_up_runs import row


def result(name: str, severity: str, success: bool, suite: str = "run", value: float | None = 0.5) -> CheckResult:
    return CheckResult(suite, name, severity, success, "found", value, f"{name} is expected.")


def test_the_worst_decides():
    fine, warned, broken = (
        result("a", "critical", True),
        result("b", "warning", False),
        result("c", "critical", False),
    )
    assert QualityVerdict("r", (fine,)).state == "passed"
    assert QualityVerdict("r", (fine, warned)).state == "warnings"
    assert QualityVerdict("r", (warned, broken)).state == "failed"
    assert [r.expectation for r in QualityVerdict("r", (warned, broken)).failures] == ["c", "b"]


def test_the_trend_is_a_row_a_run(finished_run, warehouse):
    specs = [finished_run([row("file:///a.jpg", detections=2)]) for _ in range(3)]
    store(warehouse, QualityVerdict(specs[1].run_id, (result("empty_rate", "warning", False, value=0.25),)))
    store(warehouse, QualityVerdict(specs[2].run_id, (result("class_drift", "warning", True, "drift", 0.125),)))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            "SELECT verdict, images, detections, warnings, empty_rate, drift FROM quality_trend ORDER BY started_at"
        )
        assert cursor.fetchall() == [
            (None, None, None, 0, None, None),
            ("warnings", 1, 2, 1, 0.25, None),
            ("passed", 1, 2, 0, None, 0.125),
        ]
