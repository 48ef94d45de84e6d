"""What all checks of a run come to."""

from __future__ import annotations

import pytest

from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict


def result(expectation: str, severity: str, holds: bool | None, suite: str = "run", value: float | None = None):
    """A check that holds, does not hold, or (None) had nothing to check."""
    state = {True: CheckState.HOLDS, False: CheckState.FAILS, None: CheckState.NOTHING}[holds]
    return CheckResult(suite, expectation, severity, state, "observed", value, "Sentence.")


def verdict(*results: CheckResult) -> QualityVerdict:
    return QualityVerdict("a run", results)


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ([], "nothing to check"),
        ([("critical", None), ("warning", None)], "nothing to check"),
        ([("critical", None), ("warning", True)], "passed"),
        ([("critical", None), ("warning", False)], "warnings"),
        ([("critical", True), ("warning", True)], "passed"),
        ([("critical", True), ("warning", False)], "warnings"),
        ([("warning", False), ("critical", False)], "failed"),
        ([("critical", False)], "failed"),
    ],
)
def test_the_state_is_that_of_the_worst_check_that_does_not_hold(results, state):
    assert verdict(*(result(str(n), *each) for n, each in enumerate(results))).state == state


def test_a_class_table_alone_is_nothing_that_a_run_could_pass_with():
    table = result("class_unnamed", "critical", True, "classes")
    assert verdict(table, result("x", "warning", None)).state == "nothing to check"
    assert verdict(table, result("x", "warning", True)).state == "passed"
    assert verdict(result("class_unnamed", "critical", False, "classes")).state == "failed"


def test_each_state_is_counted_on_its_own():
    checked = verdict(*(result(str(n), "warning", holds) for n, holds in enumerate([True, None, True, False, None])))
    assert checked.counts == {CheckState.HOLDS: 2, CheckState.FAILS: 1, CheckState.NOTHING: 2}
    assert verdict().counts == dict.fromkeys(CheckState, 0)
    assert [r.expectation for r in checked.ordered] == ["3", "0", "2", "1", "4"]


def test_failures_come_critical_ones_first_and_else_in_order():
    checked = verdict(
        result("a", "warning", False),
        result("b", "critical", True),
        result("c", "critical", False),
        result("d", "warning", False),
        result("e", "critical", False),
    )
    assert [r.expectation for r in checked.failures] == ["c", "e", "a", "d"]


def test_drift_is_the_largest_that_was_measured():
    measured = [result("x", "warning", True, "drift", value) for value in (0.1, None, 0.4, 0.2)]
    assert verdict(*measured, result("y", "warning", True, "run", 0.9)).drift == 0.4


def test_nothing_to_compare_with_is_no_drift():
    assert verdict(result("x", "warning", True, "drift"), result("y", "warning", True, "run", 0.9)).drift is None
