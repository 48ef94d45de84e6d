"""As much of Airflow's REST API as the command line uses, on a real socket: one DAG, one run at a time, a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "token-1"


@dataclass
class AirflowDouble:
    """What the server answers with, and what it was asked. Change it while it runs."""

    url: str = ""
    password: str = "right"
    dag: dict[str, Any] | None = field(
        default_factory=lambda: {"is_paused": False, "is_stale": False, "has_import_errors": False}
    )
    import_errors: list[dict[str, str]] = field(default_factory=list)
    refuse: str = ""  # the reason why parameters are refused
    states: list[str] = field(default_factory=lambda: ["running", "success"])  # a run's, one an answer; the last stays
    task_instances: list[dict[str, Any]] = field(default_factory=list)
    unavailable: int = 0  # this many answers are 503
    expired: int = 0  # this many answers are 401
    lose_triggers: int = 0  # this many triggers happen, but their answers are lost
    asked: list[tuple[str, str]] = field(default_factory=list)
    pools: dict[str, int] = field(default_factory=dict)  # name → slots
    confs: dict[str, dict[str, Any]] = field(default_factory=dict)  # run id → conf

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, token: str) -> tuple[int, Any]:
        self.asked.append((method, path))
        if self.unavailable:
            self.unavailable -= 1
            return 503, {"detail": "starting"}
        if path == "/auth/token":
            right = body == {"username": "admin", "password": self.password}
            return (201, {"access_token": TOKEN}) if right else (401, {"detail": "Invalid credentials"})
        if self.expired or token != f"Bearer {TOKEN}":
            self.expired = max(0, self.expired - 1)
            return 401, {"detail": "Token Expired"}
        if path.startswith("/api/v2/pools"):
            return self._pool(method, body)
        return self._dag(method, path, query, body)

    def _pool(self, method: str, pool: Any) -> tuple[int, Any]:
        if method == "POST" and pool["name"] in self.pools:
            return 409, {"detail": "Unique constraint violation"}
        self.pools[pool["name"]] = pool["slots"]
        return (201 if method == "POST" else 200), pool

    def _dag(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/api/v2/importErrors":
            return 200, {"import_errors": self.import_errors}
        if path == "/api/v2/dags/preannotate":
            return (200, self.dag) if self.dag else (404, {"detail": "not found"})
        if method == "POST" and path.endswith("/dagRuns"):
            return self.trigger(body)
        if path.endswith("/taskInstances"):
            offset, limit = int(query["offset"][0]), int(query["limit"][0])
            page = self.task_instances[offset : offset + limit]
            return 200, {"task_instances": page, "total_entries": len(self.task_instances)}
        if path.rsplit("/", 1)[-1] in self.confs:
            return 200, {"state": self.states.pop(0) if len(self.states) > 1 else self.states[0]}
        return 404, {"detail": "no such run"}

    def trigger(self, body: Any) -> tuple[int, Any]:
        if self.refuse:
            return 400, {"detail": self.refuse}
        run_id = body["dag_run_id"]
        if run_id in self.confs:
            return 409, {"detail": "this run is there already"}
        self.confs[run_id] = body["conf"]
        if self.lose_triggers:
            self.lose_triggers -= 1
            return 0, None
        return 200, {"dag_run_id": run_id, "state": "queued"}


def task_instance(task_id: str, state: str | None, seconds: tuple[int, int] | None = None, index: int = -1) -> dict:
    """A task instance as the API gives it; `seconds`: when it started and ended, after noon."""
    start, end = (f"2026-01-01T12:00:{second:02d}.000000Z" for second in seconds) if seconds else (None, None)
    return {"task_id": task_id, "map_index": index, "state": state, "start_date": start, "end_date": end}


@contextmanager
def airflow_double() -> Iterator[AirflowDouble]:
    """A server that runs until the block ends."""
    double = AirflowDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PATCH(self) -> None:
            self._serve("PATCH")

        def _serve(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            token = self.headers.get("Authorization", "")
            code, answer = double.answer(method, unquote(parts.path), parse_qs(parts.query), body, token)
            if code == 0:
                self.close_connection = True  # the answer is lost
                return
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
