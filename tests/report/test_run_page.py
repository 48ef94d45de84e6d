"""A run without a report: how far it came, why it failed, and where Airflow shows it."""

from __future__ import annotations

import pytest

from firstpass.contracts.pruned import Prunable
from firstpass.contracts.run_error import RunError
from firstpass.errors import FirstpassError, Unavailable
from firstpass.report.run_page import airflow_links, run_page
from firstpass.warehouse.evidence import ROW_EVIDENCE
from firstpass.warehouse.pruning import note_removed, prune_run
from firstpass.warehouse.run_failures import begin_stage, fail_run
from firstpass.warehouse.runs import finish_run, record_stage

DISK = RunError("merge", "the disk is full", "free space")


def stages(page) -> dict[str, str]:
    return {name: became for name, became, _ in page.stages if became != "not begun"}


def test_a_failed_run_is_told_as_far_as_it_came(warehouse, night):
    night("a run")
    for stage in ("resolve_model", "admit_model", "catalogue_images", "plan_chunks"):
        record_stage(warehouse, "a run", stage, 0.5)
    fail_run(warehouse, "a run", DISK)
    page = run_page("a run")
    assert (page.standing, page.stage, page.error, page.ended_well) == ("failed", "merge", DISK, False)
    assert stages(page) == {
        **dict.fromkeys(("resolve_model", "admit_model", "catalogue_images", "plan_chunks"), "done"),
        "infer": "no result",
        "merge": "failed",
    }
    assert page.summary["images_uri"] == "/photos"


def test_a_run_under_way_has_the_stage_that_began(warehouse, night):
    night("a run")
    record_stage(warehouse, "a run", "resolve_model", 0.5)
    begin_stage(warehouse, "a run", "admit_model")
    page = run_page("a run")
    assert (page.standing, page.stage, page.error) == ("running", "admit_model", None)
    assert stages(page) == {"resolve_model": "done", "admit_model": "running"}


def test_a_run_that_is_tried_again_says_why_the_last_try_failed(warehouse, night):
    night("a run")
    fail_run(warehouse, "a run", DISK)
    begin_stage(warehouse, "a run", "merge")
    page = run_page("a run")
    assert (page.standing, page.stage, page.error) == ("running", "merge", DISK)


@pytest.mark.parametrize("state", ["success", "partial"])
def test_a_run_that_ended_is_told_by_its_report(warehouse, night, state):
    night("a run")
    finish_run(warehouse, "a run", state)
    assert run_page("a run").ended_well


def test_a_run_that_nobody_knows_has_no_page(warehouse, storage_home):
    assert run_page("nope") is None


def test_storage_is_asked_where_the_warehouse_is_away_or_never_heard_of_it(warehouse, storage_home, monkeypatch):
    DISK.save("a run")
    known = run_page("a run")
    assert (known.standing, known.error, known.summary) == ("failed", DISK, None)

    def refuse(**_):
        raise Unavailable("the warehouse sleeps", "wake it")

    monkeypatch.setattr("firstpass.report.run_page.connect", refuse)
    assert run_page("a run") == known
    with pytest.raises(FirstpassError, match="the warehouse sleeps"):
        run_page("another")


def test_airflow_shows_the_run_and_the_log_of_the_stage():
    assert airflow_links("/af", "a/b c", "merge") == {
        "run": "/af/dags/preannotate/runs/a%2Fb%20c",
        "log": "/af/dags/preannotate/runs/a%2Fb%20c/tasks/merge",
    }
    nothing = {"run": "/dags/preannotate/runs/x", "log": None}
    assert airflow_links("", "x", None) == airflow_links("", "x", "") == nothing


def test_a_run_without_its_report_says_what_a_prune_took(warehouse, night):
    night("a run")
    finish_run(warehouse, "a run", "success")
    assert not run_page("a run").report_removed
    note_removed(warehouse, "a run", [Prunable.REPORTS])
    page = run_page("a run")
    assert (page.report_removed, page.pruned_at) == (True, None)
    prune_run(warehouse, "a run", ROW_EVIDENCE, needed=True)
    page = run_page("a run")
    assert page.report_removed
    assert page.pruned_at
    assert page.summary["images"] == 0
