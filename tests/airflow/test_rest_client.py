from __future__ import annotations

from datetime import UTC, datetime

import pytest

from doubles.airflow import task_instance
from firstpass.airflow.rest_client import AirflowApi
from firstpass.errors import FirstpassError


@pytest.fixture
def api(airflow):
    with AirflowApi(airflow.url, "admin", "right", patience=1) as client:
        yield client


def test_a_run_is_triggered_with_its_parameters_and_followed(airflow, api):
    run_id = api.trigger("preannotate", {"threshold": 0.4})
    assert airflow.confs == {run_id: {"threshold": 0.4}}
    assert api.run_state("preannotate", run_id) == "running"
    assert api.run_state("preannotate", run_id) == "success"
    assert api.run_page("preannotate", run_id).startswith(f"{airflow.url}/dags/preannotate/runs/manual__2")
    assert [path for _, path in airflow.asked].count("/auth/token") == 1


def test_a_lost_answer_does_not_start_a_second_run(airflow, api):
    airflow.lose_triggers = 1
    run_id = api.trigger("preannotate", {})
    assert list(airflow.confs) == [run_id]


def test_every_page_of_task_instances_is_read(airflow, api):
    airflow.task_instances = [task_instance("infer", "success", (1, 3), index) for index in range(250)]
    run_id = api.trigger("preannotate", {})
    instances = api.task_instances("preannotate", run_id)
    assert [each.map_index for each in instances] == list(range(250))
    assert instances[0].started == datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)
    assert all(each.finished for each in instances)


def test_a_pool_is_made_once_and_then_resized(airflow, api):
    api.set_pool("gpu", 4, "pods")
    api.set_pool("gpu", 8, "pods")
    assert airflow.pools == {"gpu": 8}


def test_a_server_that_starts_again_is_waited_for(airflow, api):
    airflow.unavailable = 1
    assert api.trigger("preannotate", {})


def test_a_token_that_ran_out_is_renewed(airflow, api):
    run_id = api.trigger("preannotate", {})
    airflow.expired = 1
    assert api.run_state("preannotate", run_id) == "running"


def test_refused_parameters_are_told_in_airflows_words(airflow, api):
    airflow.refuse = "Invalid input for param threshold: 7 is greater than the maximum of 1"
    with pytest.raises(FirstpassError, match="param threshold") as error:
        api.trigger("preannotate", {"threshold": 7})
    assert "parameter" in error.value.fix


def test_a_wrong_password_says_how_to_get_the_right_one(airflow):
    with AirflowApi(airflow.url, "admin", "wrong") as api, pytest.raises(FirstpassError, match="refused the login"):
        api.trigger("preannotate", {})


def test_a_server_that_stays_away_is_an_error_that_names_it(airflow):
    away = AirflowApi("http://127.0.0.1:1", "admin", "right", patience=0.1)
    with away as api, pytest.raises(FirstpassError, match=r"http://127\.0\.0\.1:1 does not answer") as error:
        api.trigger("preannotate", {})
    assert "firstpass status" in error.value.fix


def test_a_dag_that_is_there_can_be_triggered(airflow, api):
    api.wait_for_dag("preannotate", seconds=1)


def test_a_paused_dag_would_never_run(airflow, api):
    airflow.dag["is_paused"] = True
    with pytest.raises(FirstpassError, match="paused"):
        api.wait_for_dag("preannotate", seconds=1)


def test_a_dag_that_cannot_be_imported_says_why(airflow, api):
    airflow.dag = None
    airflow.import_errors = [{"filename": "preannotate.py", "stack_trace": "Traceback…\nNameError: name 'x'\n"}]
    with pytest.raises(FirstpassError, match=r"cannot import preannotate\.py: NameError: name 'x'"):
        api.wait_for_dag("preannotate", seconds=5, grace=0)


def test_an_import_error_that_was_put_right_is_given_time_to_go(airflow, api):
    airflow.dag["has_import_errors"] = True
    airflow.import_errors = [{"filename": "preannotate.py", "stack_trace": "NameError"}]
    answers = iter([dict(airflow.dag), {**airflow.dag, "has_import_errors": False}])
    airflow.dag = _Changing(answers)
    api.wait_for_dag("preannotate", seconds=5, grace=3)


def test_a_dag_that_is_not_there_is_an_error(airflow, api):
    airflow.dag = None
    with pytest.raises(FirstpassError, match="did not find the DAG preannotate") as error:
        api.wait_for_dag("preannotate", seconds=0.1, grace=0)
    assert "dags/" in error.value.fix


class _Changing(dict):
    """A DAG whose state is another one at each look."""

    def __init__(self, answers) -> None:
        super().__init__(there=True)
        self._answers = answers

    def items(self):
        return next(self._answers).items()
