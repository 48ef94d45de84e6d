"""What is held back from publishing, and the trend over runs."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.quality.results import Result, Verdict, require_publishable, store
from warehouse.nights import row


def result(name: str, severity: str, success: bool, suite: str = "run", value: float | None = 0.5) -> Result:
    return Result(suite, name, severity, success, "found", value, f"{name} is expected.")


def test_the_worst_decides():
    fine, warned, broken = (
        result("a", "critical", True),
        result("b", "warning", False),
        result("c", "critical", False),
    )
    assert Verdict("r", (fine,)).state == "passed"
    assert Verdict("r", (fine, warned)).state == "warnings"
    assert Verdict("r", (warned, broken)).state == "failed"
    assert [r.expectation for r in Verdict("r", (warned, broken)).failures] == ["c", "b"]


def test_publishing_waits_for_a_verdict_and_stops_at_a_critical_one(finished_run, warehouse):
    spec = finished_run([row("file:///a.jpg")])
    with pytest.raises(FirstpassError, match="was not checked"):
        require_publishable(warehouse, spec.run_id)
    store(warehouse, Verdict(spec.run_id, (result("b", "warning", False),)))
    require_publishable(warehouse, spec.run_id)
    store(warehouse, Verdict(spec.run_id, (result("c", "critical", False),)))
    with pytest.raises(FirstpassError, match=r"c is expected\. Found: found"):
        require_publishable(warehouse, spec.run_id)


def test_the_trend_is_a_row_a_run(finished_run, warehouse):
    specs = [finished_run([row("file:///a.jpg", detections=2)]) for _ in range(3)]
    store(warehouse, Verdict(specs[1].run_id, (result("empty_rate", "warning", False, value=0.25),)))
    store(warehouse, Verdict(specs[2].run_id, (result("class_drift", "warning", True, "drift", 0.125),)))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            "SELECT verdict, images, detections, warnings, empty_rate, drift FROM quality_trend ORDER BY started_at"
        )
        assert cursor.fetchall() == [
            (None, None, None, 0, None, None),
            ("warnings", 1, 2, 1, 0.25, None),
            ("passed", 1, 2, 0, None, 0.125),
        ]
