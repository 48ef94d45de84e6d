"""Which runs have expired, and what keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from firstpass.contracts.pruned import RUN_KINDS, Prunable
from firstpass.warehouse.evidence import Evidence
from firstpass.warehouse.retention import Limit, expired_runs
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import query

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALL = frozenset(RUN_KINDS)
NEWEST = Evidence("is new", "r.rank <= %(newest)s", ALL)


def limits(**given: Limit) -> dict[Prunable, Limit]:
    return {kind: given.get(str(kind), Limit(0)) for kind in RUN_KINDS}


def expired(warehouse, evidence=(), newest: int = 1, **given: Limit) -> dict[str, set[str]]:
    found = expired_runs(warehouse, limits(**given), evidence, newest, NOW)
    return {run.run_id: {str(kind) for kind in run.going} for run in found}


@pytest.fixture
def nights(warehouse, night):
    """Three of one source, from the 1st to the 3rd of February, and one of another."""
    for run_id in ("first", "second", "third"):
        night(run_id)
        finish_run(warehouse, run_id, "success")
    night("elsewhere", images="/others")
    finish_run(warehouse, "elsewhere", "partial")


@pytest.mark.parametrize(
    ("limit", "age", "rank", "goes"),
    [
        (Limit(0), 10_000, 10_000, False),
        (Limit(10), 10, 1, False),
        (Limit(10), 10.1, 1, True),
        (Limit(0, 3), 10_000, 3, False),
        (Limit(0, 3), 0, 4, True),
        (Limit(10, 3), 11, 1, True),
    ],
)
def test_a_limit(limit, age, rank, goes):
    assert limit.exceeded(timedelta(days=age), rank) is goes


def test_by_age(warehouse, nights):
    assert expired(warehouse, runs=Limit(26)) == {"first": {"runs"}, "second": {"runs"}}


def test_by_number_within_a_source(warehouse, nights):
    assert expired(warehouse, results=Limit(0, 1), reports=Limit(0, 2)) == {
        "first": {"results", "reports"},
        "second": {"results"},
    }


def test_what_a_prune_took_is_left_out(warehouse, nights):
    query(warehouse, "UPDATE runs SET removed = '{results}' WHERE run_id = 'first'")
    query(warehouse, "UPDATE runs SET pruned_at = now() WHERE run_id = 'second'")
    assert expired(warehouse, results=Limit(1), reports=Limit(26)) == {
        "first": {"reports"},
        "third": {"results"},
        "elsewhere": {"results"},
    }


def test_evidence_keeps_what_it_names_and_the_first_reason_is_told(warehouse, nights):
    some = Evidence("is some", "r.run_id = 'first'", frozenset({Prunable.REPORTS}))
    other = Evidence("is other", "r.run_id IN ('first', 'second')", frozenset({Prunable.REPORTS}))
    unknown = Evidence("is unknown", "NULL", ALL)
    found = expired_runs(warehouse, limits(results=Limit(1), reports=Limit(1)), [some, other, unknown, NEWEST], 1, NOW)
    assert {
        run.run_id: ({str(k) for k in run.going}, {str(k): why for k, why in run.kept.items()}) for run in found
    } == {
        "first": ({"results"}, {"reports": "is some"}),
        "second": ({"results"}, {"reports": "is other"}),
        "third": (set(), {"results": "is new", "reports": "is new"}),
        "elsewhere": (set(), {"results": "is new", "reports": "is new"}),
    }


def test_failures_push_no_good_run_out_and_do_not_stay_for_ever(warehouse, nights, night):
    for number in range(4):
        night(f"failed {number}")
        finish_run(warehouse, f"failed {number}", "failed")
    everything = expired(warehouse, [NEWEST], newest=2, runs=Limit(1))
    assert {run_id for run_id, going in everything.items() if going} == {"first", "failed 0", "failed 1"}
