"""The run's id is found wherever Airflow puts it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from firstpass.airflow.callback_context import run_id_of


@pytest.mark.parametrize(
    ("context", "run_id"),
    [
        ({"run_id": "a run"}, "a run"),
        ({"run_id": "a run", "dag_run": {"run_id": "another"}}, "a run"),
        ({"dag_run": {"dag_run_id": "a run", "run_id": "another"}}, "a run"),
        ({"dag_run": {"run_id": "a run"}}, "a run"),
        ({"dag_run": SimpleNamespace(run_id="a run")}, "a run"),
        ({"dag_run": {}}, ""),
        ({}, ""),
    ],
)
def test_it_is_found(context, run_id):
    assert run_id_of(context) == run_id
