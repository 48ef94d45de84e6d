"""Whether Airflow can start, and whether it has."""

from __future__ import annotations

import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack import readiness, supervision
from firstpass.stack.supervision import ProcessState


@pytest.fixture
def port(home, monkeypatch):
    """A port that somebody listens on; the stack is told to use it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        monkeypatch.setenv("FIRSTPASS_PORT", str(number))
        settings.cache_clear()
        yield number


def test_a_taken_port_is_named_with_who_has_it_and_how_to_choose_another(port):
    with pytest.raises(FirstpassError, match=rf"port {port} .* by process {os.getpid()} ") as error:
        readiness.check_port()
    assert "FIRSTPASS_PORT" in error.value.fix


def test_a_free_port_is_fine(home, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FIRSTPASS_PORT", str(probe.getsockname()[1]))
    settings.cache_clear()
    readiness.check_port()


def test_nothing_that_answers_is_not_healthy(home, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_PORT", "1")
    settings.cache_clear()
    assert not readiness.healthy()


GOOD = {name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "dag_processor")}
HEALTH, EXECUTION = "/api/v2/monitor/health", "/execution/health"


@pytest.fixture
def api_server(home, monkeypatch):
    """An API server that answers from `answers` (path → body, bytes or JSON), and notes what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            answer = self.server.answers.get(self.path)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200 if answer is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answers, server.asked = {HEALTH: GOOD, EXECUTION: {"status": "healthy"}}, []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("FIRSTPASS_PORT", str(server.server_port))
        settings.cache_clear()
        yield server
        server.shutdown()


def test_airflow_is_healthy_when_all_three_parts_are(api_server):
    assert readiness.healthy()
    api_server.answers[HEALTH] = GOOD | {"triggerer": {"status": None}}
    assert readiness.healthy(), "nothing waits for the triggerer"


@pytest.mark.parametrize(
    "answer",
    [
        *(GOOD | {name: {"status": "unhealthy"}} for name in GOOD),
        *({other: state for other, state in GOOD.items() if other != name} for name in GOOD),
        GOOD | {"scheduler": None},
        GOOD | {"scheduler": {}},
        {},
        [GOOD],
        b"null",
        b"no JSON",
        b"",
    ],
)
def test_what_is_not_healthy(api_server, answer):
    api_server.answers[HEALTH] = answer
    assert not readiness.healthy()


def processes(monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
    found = [ProcessState(name, state, 1, 1) for name, state in zip(("postgres", "scheduler"), states, strict=False)]
    monkeypatch.setattr(supervision, "processes", lambda _: found or None)


def test_the_api_that_tasks_talk_to_is_woken_first(where, api_server, monkeypatch):
    processes(monkeypatch, "RUNNING", "STARTING")
    readiness.wait_healthy(where, seconds=0)
    assert api_server.asked == [EXECUTION, HEALTH]


@pytest.mark.parametrize("missing", [EXECUTION, HEALTH])
def test_airflow_that_is_not_there_in_time_is_told_with_its_logs(where, api_server, monkeypatch, missing):
    processes(monkeypatch)
    del api_server.answers[missing]
    with pytest.raises(FirstpassError, match="Airflow was not ready after 0 s") as caught:
        readiness.wait_healthy(where, seconds=0)
    assert "api-server, scheduler, dag-processor, triggerer" in caught.value.fix
    assert str(where.logs) in caught.value.fix


def test_airflow_is_waited_for(where, api_server, monkeypatch):
    processes(monkeypatch, "RUNNING", "BACKOFF")
    waited: list[float] = []

    def come_up(seconds: float) -> None:
        waited.append(seconds)
        api_server.answers[HEALTH] = GOOD

    monkeypatch.setattr("time.sleep", come_up)
    api_server.answers[HEALTH] = {}
    readiness.wait_healthy(where)
    assert len(waited) == 1


@pytest.mark.parametrize(("log", "shown"), [(None, ""), ("".join(f"line {n}\n" for n in range(9)), "line 4\nline 5")])
def test_a_process_that_does_not_stay_up_ends_the_waiting_with_its_last_words(
    where, api_server, monkeypatch, log: str | None, shown: str
):
    processes(monkeypatch, "RUNNING", "FATAL")
    api_server.answers[HEALTH] = {}
    if log:
        (where.logs / "scheduler.log").write_text(log)
    with pytest.raises(FirstpassError) as caught:
        readiness.wait_healthy(where)
    assert caught.value.problem.startswith(f"scheduler does not stay up:\n{shown}")
    assert "line 3" not in caught.value.problem
    assert caught.value.fix == f"see {where.logs / 'scheduler.log'}"


def test_a_port_that_this_user_may_not_use_names_nobody(home, monkeypatch):
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(FirstpassError, match=r"port 8080 on .*: Permission denied\n"):
        readiness.check_port()
