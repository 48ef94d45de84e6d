"""The few calls of Airflow's API that the command line needs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from doubles.airflow import task_instance
from doubles.scripted import answer, scripted_server
from firstpass.airflow.rest_client import AirflowApi, TaskInstance
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


@pytest.mark.parametrize(
    ("dag", "ready"),
    [
        ({"is_stale": False, "has_import_errors": False, "is_paused": False}, True),
        ({"is_stale": True, "has_import_errors": False, "is_paused": False}, False),
        ({"is_stale": None, "has_import_errors": False, "is_paused": False}, False),
        ({"is_stale": False, "has_import_errors": True, "is_paused": False}, False),
    ],
)
def test_a_dag_is_there_when_it_is_neither_stale_nor_broken(airflow, api, dag, ready):
    airflow.dag = dag
    if ready:
        api.wait_for_dag("preannotate", seconds=0, grace=0)
    else:
        with pytest.raises(FirstpassError, match="did not find the DAG preannotate within 0 s"):
            api.wait_for_dag("preannotate", seconds=0, grace=9)
    assert ("GET", "/api/v2/importErrors") not in airflow.asked, "within the grace nobody asks for errors"


@pytest.mark.parametrize(
    ("state", "finished"),
    [(state, True) for state in ("success", "failed", "skipped", "upstream_failed", "removed")]
    + [(state, False) for state in (None, "queued", "running", "up_for_retry", "deferred", "scheduled")],
)
def test_which_tasks_have_ended(state, finished):
    assert TaskInstance("infer", -1, state, None, None).finished is finished


@pytest.fixture
def scripted():
    """A client of an API server that answers by script, after the login."""
    with scripted_server() as server:
        server.script.insert(0, answer(201, {"access_token": "first"}))
        with AirflowApi(server.url, "admin", "right", patience=0) as client:
            yield client, server


def test_what_is_asked_to_start_a_run(scripted):
    api, server = scripted
    run_id = api.trigger("a dag", {"threshold": 0.4})
    login, trigger = server.asked
    assert (login.method, login.path) == ("POST", "/auth/token")
    assert json.loads(login.body) == {"username": "admin", "password": "right"}
    assert (trigger.method, trigger.path) == ("POST", "/api/v2/dags/a%20dag/dagRuns")
    assert trigger.headers["Authorization"] == "Bearer first"
    assert json.loads(trigger.body) == {"dag_run_id": run_id, "logical_date": None, "conf": {"threshold": 0.4}}
    assert re.fullmatch(r"manual__\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d_[0-9a-f]{6}", run_id)
    assert api.trigger("a dag", {}) != run_id


def test_a_run_whose_id_is_odd_is_asked_for_all_the_same(scripted):
    api, server = scripted
    server.script[-1] = answer(200, {"state": "queued"})
    assert api.run_state("preannotate", "a/b c+d") == "queued"
    assert server.asked[-1].path == "/api/v2/dags/preannotate/dagRuns/a%2Fb%20c%2Bd"
    assert api.run_page("a dag", "a/b") == f"{server.url}/dags/a%20dag/runs/a%2Fb"


def test_pages_are_read_in_order_until_all_are_there(scripted):
    api, server = scripted
    row = {"task_id": "infer", "map_index": 0, "state": None, "start_date": None, "end_date": None}
    server.script[1:] = [answer(200, {"task_instances": [row] * 100, "total_entries": 200})]
    found = api.task_instances("preannotate", "a run")
    assert found == [TaskInstance("infer", 0, None, None, None)] * 200
    queries = [parse_qs(urlsplit(asked.path).query) for asked in server.asked[1:]]
    assert queries == [{"limit": ["100"], "offset": [offset], "order_by": ["id"]} for offset in ("0", "100")]


def test_a_pool_is_made_or_changed_with_all_that_it_is(scripted):
    api, server = scripted
    server.script[1:] = [answer(409, {}), answer(200, {})]
    api.set_pool("a/pool", 4, "pods")
    made, changed = server.asked[1:]
    assert (made.method, made.path) == ("POST", "/api/v2/pools")
    assert (changed.method, changed.path) == ("PATCH", "/api/v2/pools/a%2Fpool")
    pool = {"name": "a/pool", "slots": 4, "description": "pods", "include_deferred": True}
    assert json.loads(made.body) == json.loads(changed.body) == pool


def test_a_token_is_renewed_once(scripted):
    api, server = scripted
    server.script[1:] = [answer(401), answer(201, {"access_token": "second"}), answer(200, {"state": "running"})]
    assert api.run_state("preannotate", "a run") == "running"
    assert [asked.headers.get("Authorization") for asked in server.asked[1:]] == [
        "Bearer first", "Bearer first", "Bearer second",
    ]  # fmt: skip
    server.script[:] = [answer(401), answer(201, {"access_token": "third"}), answer(401, {"detail": "no"})]
    with pytest.raises(FirstpassError, match=r"Airflow refused GET .*: no"):
        api.run_state("preannotate", "a run")


@pytest.mark.parametrize(
    ("status", "fix"),
    [(400, "parameter"), (422, "parameter"), (403, "look at http"), (404, "look at http"), (409, "look at")],
)
def test_a_refusal_says_where_to_look(scripted, status, fix):
    api, server = scripted
    server.script[1:] = [answer(status, {"detail": "because"})]
    with pytest.raises(
        FirstpassError, match="Airflow refused GET /api/v2/dags/preannotate/dagRuns/x: because"
    ) as caught:
        api.run_state("preannotate", "x")
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "404 Not Found"),
        (b"{}", "404 Not Found"),
        (b"[]", "404 Not Found"),
        (b'{"detail": ["a"]}', r"\['a'\]"),
    ],
)
def test_what_airflow_says_is_passed_on_whatever_its_form(scripted, body, words):
    api, server = scripted
    server.script[1:] = [(404, {}, body)]
    with pytest.raises(FirstpassError, match=f": {words}\n"):
        api.run_state("preannotate", "x")


def test_a_server_that_is_starting_is_waited_for_as_long_as_was_said(scripted, monkeypatch):
    api, server = scripted
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    server.script[:] = [
        answer(503),
        answer(500),
        answer(201, {"access_token": "first"}),
        answer(200, {"state": "running"}),
    ]
    patient = AirflowApi(server.url, "admin", "right", patience=60)
    with patient:
        assert patient.run_state("preannotate", "a run") == "running"
    assert waits == [0.5, 0.5]
    server.script[:] = [answer(503, {"detail": "starting"})]
    with pytest.raises(FirstpassError, match=r"Airflow's API at .* does not answer: starting") as caught:
        api.run_state("preannotate", "a run")
    assert "firstpass up" in caught.value.fix


def test_an_import_error_is_told_by_its_last_line(scripted):
    api, server = scripted
    error = {"filename": "x.py", "stack_trace": "Traceback\n  File\nNameError: name 'y'\n\n"}
    server.script[1:] = [answer(404), answer(200, {"import_errors": [error, error | {"filename": "z.py"}]})]
    with pytest.raises(FirstpassError, match=r"cannot import x\.py: NameError: name 'y'\n"):
        api.wait_for_dag("preannotate", seconds=9, grace=-1)


class _Changing(dict):
    """A DAG whose state is another one at each look."""

    def __init__(self, answers) -> None:
        super().__init__(there=True)
        self._answers = answers

    def items(self):
        return next(self._answers).items()
