"""What is published, or may be, keeps its run; what was withdrawn does not. Withdrawing works after a prune."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.contracts.pruned import RUN_KINDS, Prunable
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.published_evidence import EVIDENCE, ROW_EVIDENCE
from firstpass.cvat.publishing.withdrawal import withdraw_run
from firstpass.errors import FirstpassError
from firstpass.warehouse import evidence
from firstpass.warehouse.pruning import prune_run
from firstpass.warehouse.retention import Limit, expired_runs
from fixtures.cvat_runs import first_night, newer_night
from fixtures.made_up_runs import query

ROWS = (*evidence.ROW_EVIDENCE, *ROW_EVIDENCE)


@pytest.fixture
def run(warehouse: connection, cvat: CvatDouble, task: Task) -> str:
    return first_night(warehouse, task)


def kept(warehouse: connection, run_id: str) -> str | None:
    """Why the run stays though it is old; None where it goes."""
    limits = {kind: Limit(1 if kind is Prunable.RUNS else 0) for kind in RUN_KINDS}
    found = expired_runs(warehouse, limits, EVIDENCE, 1, datetime(2030, 1, 1, tzinfo=UTC))
    return next(run.kept.get(Prunable.RUNS) for run in found if run.run_id == run_id)


def test_a_run_that_was_never_published_goes(warehouse: connection, run: str) -> None:
    assert kept(warehouse, run) is None


def test_what_lies_in_cvat_keeps_its_run_until_it_is_withdrawn(warehouse: connection, run: str) -> None:
    publish_run(run)
    assert kept(warehouse, run) == "has drafts in CVAT"
    withdraw_run(run)
    assert kept(warehouse, run) is None
    assert prune_run(warehouse, run, ROWS)
    assert query(warehouse, "SELECT run_id FROM runs") == [(run,)], "publishing ranks by it"


def test_a_frame_that_a_person_took_over_keeps_nothing(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    edited = next(s for s in task.shapes.values() if s["frame"] == 3) | {"occluded": True}
    cvat.state.update(task, {"shapes": [edited]})
    withdraw_run(run)
    assert query(warehouse, "SELECT state FROM shape_ledger") == [("kept",)]
    assert kept(warehouse, run) is None


@pytest.mark.parametrize("state", ["running", "waiting", "failed"])
def test_a_publication_that_is_open_keeps_its_run(warehouse: connection, run: str, state: str) -> None:
    publish_run(run)
    query(warehouse, "DELETE FROM shape_ledger")
    query(warehouse, "UPDATE publications SET state = %s", state)
    assert kept(warehouse, run) == "is being published, or waits for it"


def test_a_run_that_is_still_to_be_published_stays(warehouse: connection, run: str) -> None:
    query(warehouse, "UPDATE runs SET spec = spec || '{\"publish\": true}', started_at = now()")
    assert kept(warehouse, run) == "may yet be published"
    query(warehouse, "UPDATE runs SET started_at = now() - interval '8 days'")
    assert kept(warehouse, run) is None


def test_a_run_whose_drafts_a_newer_version_replaced_goes(
    warehouse: connection, cvat: CvatDouble, task: Task, run: str
) -> None:
    publish_run(run)
    newer = newer_night(warehouse, task)
    publish_run(newer)
    assert kept(warehouse, run) is None
    assert kept(warehouse, newer) == "has drafts in CVAT"


def test_a_pruned_run_is_not_published_and_can_be_withdrawn(warehouse: connection, task: Task, run: str) -> None:
    publish_run(run)
    prune_run(warehouse, run, ROWS)
    with pytest.raises(FirstpassError, match="was pruned on"):
        publish_run(run)
    assert withdraw_run(run)["removed"] == 24
    assert task.shapes == {}
