"""A run's verdict in the warehouse, and the trend over runs."""

from __future__ import annotations

from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.warehouse.verdicts import load_verdict
from firstpass.warehouse.verdicts import store_verdict as store
from fixtures.made_up_runs import query, row


def result(name: str, severity: str, success: bool, suite: str = "run", value: float | None = 0.5) -> CheckResult:
    state = CheckState.HOLDS if success else CheckState.FAILS
    return CheckResult(suite, name, severity, state, "found", value, f"{name} is expected.")


def test_a_verdict_comes_back_in_order_of_suite_and_expectation(finished_run, warehouse):
    spec = finished_run([row("file:///a.jpg")])
    given = (
        result("speed", "warning", False, value=None),
        result("class_drift", "warning", True, "drift", 0.125),
        result("empty_rate", "critical", True),
    )
    assert load_verdict(warehouse, spec.run_id) is None
    store(warehouse, QualityVerdict(spec.run_id, given))
    found = load_verdict(warehouse, spec.run_id)
    assert found == QualityVerdict(spec.run_id, (given[1], given[2], given[0]))


def test_a_run_checked_again_has_the_new_verdict_alone_and_others_keep_theirs(finished_run, warehouse):
    one, other = (finished_run([row("file:///a.jpg", detections=2), row("file:///b.jpg")]) for _ in range(2))
    for spec in (one, other):
        store(warehouse, QualityVerdict(spec.run_id, (result("a", "critical", False), result("b", "warning", True))))
    store(warehouse, QualityVerdict(one.run_id, (result("c", "critical", True),)))
    assert [r.expectation for r in load_verdict(warehouse, one.run_id).results] == ["c"]
    assert load_verdict(warehouse, other.run_id).state == "failed"
    assert query(warehouse, "SELECT run_id, verdict, images, drafts FROM quality_verdicts ORDER BY 1") == [
        (one.run_id, "passed", 2, 3), (other.run_id, "failed", 2, 3)
    ]  # fmt: skip


def test_a_run_without_images_and_expectations_has_a_verdict(night, warehouse):
    night()
    store(warehouse, QualityVerdict("a run", ()))
    assert load_verdict(warehouse, "a run") == QualityVerdict("a run", ())
    assert query(warehouse, "SELECT verdict, images, drafts, drift FROM quality_verdicts") == [
        ("nothing to check", 0, 0, None)
    ]  # fmt: skip


def test_the_trend_is_a_row_a_run(finished_run, warehouse):
    specs = [finished_run([row("file:///a.jpg", detections=2)]) for _ in range(3)]
    store(warehouse, QualityVerdict(specs[1].run_id, (result("empty_rate", "warning", False, value=0.25),)))
    store(warehouse, QualityVerdict(specs[2].run_id, (result("class_drift", "warning", True, "drift", 0.125),)))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            "SELECT verdict, images, drafts, warnings, empty_rate, drift FROM quality_trend ORDER BY started_at"
        )
        assert cursor.fetchall() == [
            (None, None, None, 0, None, None),
            ("warnings", 1, 2, 1, 0.25, None),
            ("passed", 1, 2, 0, None, 0.125),
        ]
