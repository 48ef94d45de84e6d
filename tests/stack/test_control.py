"""Up, down and status: in which order things happen, and what is left alone. The machine is made up."""

from __future__ import annotations

import fcntl
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack import control
from firstpass.stack.control import Status, airflow_environment, down, ready, serve_postgres, status, up
from firstpass.stack.layout import layout, make_layout
from firstpass.stack.secrets import load_secrets, make_secrets
from firstpass.stack.started_with import OF_A_RUN
from firstpass.stack.supervision import AIRFLOW, ProcessState

ALL = ("postgres", *AIRFLOW)


class Machine:
    """What runs (None: no supervisord), what an earlier stack left behind, and what was done, in order."""

    def __init__(self) -> None:
        self.running: dict[str, str] | None = None
        self.left: list[str] = []
        self.healthy = True
        self.current = False
        self.runs: list[str] = []
        self.in_use = False
        self.answers = True
        self.done: list[str] = []
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def did(self, what: str, answer: Any = None) -> Any:
        return lambda *_, **__: (self.done.append(what), answer)[1]

    def processes(self, where: Any) -> list[ProcessState] | None:
        if self.running is None:
            return None
        return [ProcessState(name, self.running.get(name, "STOPPED"), 1, 1) for name in ALL]

    def start(self, where: Any, environment: dict[str, str]) -> None:
        self.done.append("start")
        self.environment = environment
        self.running = {"postgres": "RUNNING"}

    def ensure(self, where: Any, *names: str) -> None:
        if self.running is None:
            return
        self.done.append(f"ensure {' '.join(names)}")
        self.running |= dict.fromkeys(names, "STARTING")

    def active_runs(self, where: Any) -> list[str]:
        if not self.answers:
            raise psycopg2.OperationalError("gone")
        return self.runs

    def stop(self, where: Any) -> None:
        self.done.append("stop")
        self.running = None

    def end(self, processes: list[str]) -> int:
        self.done += ["end"] if processes else []
        self.left = []
        return len(processes)


@pytest.fixture
def machine(home: Any, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    connection = SimpleNamespace(close=made.did("close"))
    for name, attributes in {
        "firstpass.stack.control.supervision": {
            "processes": made.processes, "start": made.start, "ensure": made.ensure, "stop": made.stop,
            "config": lambda _: "config",
        },
        "firstpass.stack.control.leftovers": {"find": lambda *_: list(made.left), "end": made.end},
        "firstpass.stack.control.postgres": {
            "prepare": made.did("prepare"), "wait_ready": made.did("wait for PostgreSQL"),
            "create_databases": made.did("create databases"), "warehouse_in_use": lambda _: made.in_use,
            "answers": lambda _: made.answers,
        },
        "firstpass.stack.control.readiness": {
            "check_port": made.did("check port"), "wait_healthy": made.did("wait for Airflow"),
            "healthy": lambda port: made.healthy,
        },
        "firstpass.stack.control.airflow_metadata": {
            "is_current": lambda _: made.current, "migrate": made.did("migrate Airflow"),
            "active_runs": made.active_runs,
        },
        "firstpass.warehouse.connection": {"connect": made.did("connect", connection)},
        "firstpass.warehouse.migration": {"migrate": made.did("migrate the warehouse")},
    }.items():  # fmt: skip
        for attribute, fake in attributes.items():
            monkeypatch.setattr(f"{name}.{attribute}", fake)
    return made


POSTGRES = ["prepare", "start", "ensure postgres", "wait for PostgreSQL", "create databases"]
WAREHOUSE = ["connect", "migrate the warehouse", "close"]


def test_a_first_start_goes_step_by_step(machine):
    found = up(machine.say)
    assert machine.done == [
        *POSTGRES, "check port", "ensure api-server", "migrate Airflow", "ensure scheduler dag-processor", *WAREHOUSE,
        "wait for Airflow", "ensure triggerer",
    ]  # fmt: skip
    assert machine.said == ["Starting PostgreSQL", "Starting Airflow", "Preparing Airflow's database"]
    password = load_secrets(layout()).admin_password
    assert (found.state, found.url, found.user, found.password) == ("up", "http://127.0.0.1:8080", "admin", password)
    assert [process.name for process in found.processes] == list(ALL)
    assert found.leftovers == 0
    assert machine.environment["FIRSTPASS_INSTANCE"] == layout().instance


def test_what_runs_and_fits_is_used(machine):
    up(machine.say)
    machine.current = True
    machine.done.clear()
    machine.said.clear()
    assert up(machine.say).state == "up"
    assert "start" not in machine.done
    assert "stop" not in machine.done
    assert "check port" not in machine.done, "it is ours"
    assert "migrate Airflow" not in machine.done
    assert machine.said == []


@pytest.fixture
def changed(machine, monkeypatch):
    """A stack that runs, and a terminal with another FIRSTPASS_FLOOR."""
    up(machine.say)
    machine.done.clear()
    machine.said.clear()
    monkeypatch.setenv("FIRSTPASS_FLOOR", "0.2")
    settings.cache_clear()
    return machine


FLOOR = "FIRSTPASS_FLOOR (the stack has nothing, here it is 0.2)"


def test_a_stack_with_other_settings_is_started_again(changed):
    up(changed.say)
    assert changed.done.index("stop") < changed.done.index("start")
    assert changed.said[:2] == [
        f"Starting the stack again: other settings than it was started with: {FLOOR}", "Starting PostgreSQL",
    ]  # fmt: skip
    changed.done.clear()
    up(changed.say)
    assert "stop" not in changed.done, "what it was started with is written down anew"


def test_nothing_is_started_again_under_a_run(changed):
    changed.runs = ["preannotate run tonight"]
    with pytest.raises(FirstpassError) as refused:
        up(changed.say)
    assert "stop" not in changed.done
    assert "preannotate run tonight" in refused.value.problem
    assert FLOOR in refused.value.problem
    assert "--restart" in refused.value.fix
    assert changed.running


def test_a_stack_that_is_up_in_part_is_not_started_again_under_a_run_either(changed):
    changed.runs = ["preannotate run tonight"]
    changed.running["api-server"] = "FATAL"
    with pytest.raises(FirstpassError, match="preannotate run tonight"):
        up(changed.say)
    assert "stop" not in changed.done


def test_somebody_may_say_that_it_is_started_again_anyway(changed):
    changed.runs = ["preannotate run tonight"]
    up(changed.say, restart=True)
    assert changed.done[0] == "stop"
    assert changed.said[0] == "preannotate run tonight is interrupted; it goes on when the stack is up again"
    assert f"preannotate run tonight was interrupted and goes on with other settings: {FLOOR}" in changed.said


def test_a_restart_that_somebody_asks_for_needs_no_other_setting_and_no_postgresql(machine):
    up(machine.say)
    machine.answers = False
    machine.done.clear()
    up(machine.say, restart=True)
    assert machine.done[0] == "stop"


def test_an_interrupted_run_of_a_stack_without_airflow_keeps_nobody_from_starting_it(machine, monkeypatch):
    """`firstpass sql` started PostgreSQL alone; that a run waits for Airflow is said, not held against anybody."""
    serve_postgres(machine.say)
    machine.runs = ["preannotate run tonight"]
    monkeypatch.setenv("FIRSTPASS_FLOOR", "0.2")
    settings.cache_clear()
    up(machine.say)
    assert "stop" in machine.done
    assert f"preannotate run tonight was interrupted and goes on with other settings: {FLOOR}" in machine.said


def test_postgresql_is_not_taken_away_from_a_command_that_reads(changed):
    changed.in_use = True
    with pytest.raises(FirstpassError, match="a firstpass command or psql in another terminal"):
        up(changed.say)
    assert "stop" not in changed.done


def test_what_a_run_brings_with_it_may_be_otherwise_in_the_stack(machine, monkeypatch):
    up(machine.say)
    machine.runs = ["preannotate run tonight"]
    machine.done.clear()
    monkeypatch.setenv("FIRSTPASS_MODEL", "other")
    settings.cache_clear()
    with ready(machine.say, of_a_run=OF_A_RUN) as found:
        assert found.state == "up"
    assert "stop" not in machine.done
    with pytest.raises(FirstpassError, match="FIRSTPASS_MODEL"):
        up(machine.say)  # the nights would go on with the old one


def test_another_connection_is_no_reason_to_start_again(machine, monkeypatch):
    up(machine.say)
    machine.said.clear()
    machine.done.clear()
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", "{}")
    up(machine.say)
    assert "stop" not in machine.done
    assert machine.said[0] == (
        "The running stack keeps its own connection cvat_default; `firstpass up --restart` takes up this one"
    )


def test_nobody_starts_the_stack_again_while_a_run_is_being_started(machine):
    with ready(machine.say), stack_lock_file().open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with stack_lock_file().open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def stack_lock_file():
    return layout().var / "stack.lock"


def test_the_address_is_that_of_the_running_stack(machine, monkeypatch):
    up(machine.say)
    monkeypatch.setenv("FIRSTPASS_PORT", "9999")
    settings.cache_clear()
    assert status().url == "http://127.0.0.1:8080"


@pytest.mark.parametrize("content", [None, "0123abcd", "{}", "[]", '{"salt": "00", "open": 1}'])
def test_a_running_stack_that_does_not_say_what_it_was_started_with_is_started_again(machine, content):
    up(machine.say)
    layout().started_with.unlink()
    if content is not None:
        layout().started_with.write_text(content)
    machine.done.clear()
    machine.runs = ["preannotate run tonight"]
    with pytest.raises(FirstpassError, match="does not say what it was started with"):
        up(machine.say)
    machine.runs = []
    up(machine.say)
    assert "stop" in machine.done


def test_a_stopped_stack_is_started_whatever_it_was_started_with(machine):
    up(machine.say)
    machine.running = None
    machine.said.clear()
    up(machine.say)
    assert machine.said[0] == "Starting PostgreSQL"


def test_what_an_earlier_stack_left_behind_is_ended_first(machine):
    machine.left = ["scheduler", "worker"]
    up(machine.say)
    assert machine.done[:2] == ["end", "prepare"]
    assert machine.said[0] == "Ended 2 processes that an earlier stack had left behind"


def test_what_a_killed_supervisor_left_at_work_on_a_run_is_not_ended_for_other_settings(changed):
    changed.running, changed.left, changed.runs = None, ["scheduler"], ["preannotate run tonight"]
    with pytest.raises(FirstpassError, match="preannotate run tonight"):
        up(changed.say)
    assert "end" not in changed.done
    changed.answers = False  # without PostgreSQL, nothing of it comes to an end
    up(changed.say)
    assert changed.done[0] == "end"


def test_whoever_only_reads_leaves_alone_what_a_killed_supervisor_left(machine):
    up(machine.say)
    machine.running, machine.left = None, ["postgres", "scheduler"]
    machine.done.clear()
    serve_postgres(machine.say)
    assert machine.done == ["wait for PostgreSQL", *WAREHOUSE]
    machine.answers = False
    with pytest.raises(FirstpassError, match="without their supervisor"):
        serve_postgres(machine.say)
    assert "end" not in machine.done


def test_an_api_server_that_died_needs_its_port_again(machine):
    up(machine.say)
    assert machine.running
    machine.running["api-server"] = "FATAL"
    machine.done.clear()
    up(machine.say)
    assert machine.done.index("check port") < machine.done.index("ensure api-server")


def test_only_a_cluster_needs_a_pool(machine, monkeypatch):
    made: list[Any] = []

    class Api:
        def __init__(self, *login: str) -> None:
            made.append(login)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            made.append("closed")

        def set_pool(self, *pool: Any) -> None:
            made.append(pool)

    monkeypatch.setattr(control, "AirflowApi", Api)
    up(machine.say)
    assert made == []
    monkeypatch.setenv("FIRSTPASS_ENGINE", "kubernetes")
    monkeypatch.setenv("FIRSTPASS_WORKERS", "7")
    settings.cache_clear()
    up(machine.say)
    login, pool, closed = made
    assert login == ("http://127.0.0.1:8080", "admin", load_secrets(layout()).admin_password)
    assert (pool[:2], closed) == (("gpu", 7), "closed")


def test_a_migration_that_fails_leaves_no_connection_open(machine, monkeypatch):
    def fail(_: Any) -> None:
        raise FirstpassError("a migration was changed", "x")

    monkeypatch.setattr("firstpass.warehouse.migration.migrate", fail)
    with pytest.raises(FirstpassError, match="a migration was changed"):
        up(machine.say)
    assert machine.done[-1] == "close"


def test_whoever_only_reads_starts_postgresql_alone(machine):
    serve_postgres(machine.say)
    assert machine.done == [*POSTGRES, "ensure postgres", "wait for PostgreSQL", *WAREHOUSE]


def test_whoever_only_reads_takes_a_running_stack_as_it_is(machine, monkeypatch):
    up(machine.say)
    monkeypatch.setenv("FIRSTPASS_MODEL", "other")
    settings.cache_clear()
    machine.done.clear()
    serve_postgres(machine.say)
    assert machine.done == ["ensure postgres", "wait for PostgreSQL", *WAREHOUSE]


def test_airflows_own_command_line_needs_postgresql_and_its_tables_alone(machine):
    environment = airflow_environment(machine.say)
    assert "migrate Airflow" in machine.done
    assert not [done for done in machine.done if "scheduler" in done]
    assert environment["AIRFLOW_HOME"] == str(layout().home)
    assert layout().instance not in environment.get("FIRSTPASS_INSTANCE", ""), "or `down` would take it for a leftover"
    machine.current = True
    machine.done.clear()
    airflow_environment(machine.say)
    assert "migrate Airflow" not in machine.done


def test_nothing_that_never_started_is_stopped(machine):
    assert down(machine.say) == 0
    assert machine.done == []
    assert status() == Status("down", "http://127.0.0.1:8080", "admin", "", (), 0)


def test_stopping_ends_what_killed_parents_left_too(machine):
    up(machine.say)
    machine.left = ["worker"] * 3
    machine.done.clear()
    assert down(machine.say) == 3
    assert machine.done == ["stop", "end"]
    assert status().state == "down"


@pytest.mark.parametrize(
    ("running", "left", "healthy", "state"),
    [
        (None, [], True, "down"),
        (None, ["worker"], True, "partly"),
        (dict.fromkeys(ALL, "RUNNING"), [], True, "up"),
        (dict.fromkeys(ALL, "RUNNING"), [], False, "partly"),
        (dict.fromkeys(ALL, "RUNNING") | {"triggerer": "BACKOFF"}, [], True, "partly"),
        ({"postgres": "RUNNING"}, [], False, "partly"),
    ],
)
def test_what_runs_is_told_without_changing_anything(machine, running, left, healthy, state):
    make_secrets(make_layout())
    machine.running, machine.left, machine.healthy = running, left, healthy
    found = status()
    assert (found.state, len(found.processes), found.leftovers) == (state, len(ALL) if running else 0, len(left))
    assert machine.done == []


def test_leftovers_are_looked_for_only_where_nobody_supervises(machine):
    """Its own children are no leftovers."""
    make_secrets(make_layout())
    machine.running, machine.left = {"postgres": "RUNNING"}, ["worker"]
    assert status().leftovers == 0
