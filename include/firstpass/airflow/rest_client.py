"""The few calls of Airflow's REST API that the command line needs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from firstpass.errors import FirstpassError, Unavailable

_PAGE = 100  # Airflow's own limit of a page
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of a run. map_index: 0-based among mapped ones, else -1. state: Airflow's word, None at first."""

    task_id: str
    map_index: int
    state: str | None
    started: datetime | None
    ended: datetime | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINISHED


class AirflowApi:
    """A client with one login. An API server that is away for a while is waited for, `patience` seconds a call.

    Then Unavailable is raised.
    """

    def __init__(self, url: str, user: str, password: str, patience: float = 60) -> None:
        self._login = {"username": user, "password": password}
        self._patience = patience
        self.url = url
        # No proxy and no certificates: the address is this machine's own.
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=False)  # noqa: S501

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def wait_for_dag(self, dag_id: str, seconds: float = 120, grace: float = 20) -> None:
        """Wait until the DAG can be triggered.

        Raises FirstpassError when it is paused, when its file still cannot be imported after `grace` seconds (an error
        that was just fixed takes a moment to disappear), or when it is not there in time.
        """
        started = time.monotonic()
        while True:
            answer = self._call("GET", f"/api/v2/dags/{quote(dag_id)}", accept=(404,))
            dag = answer.json() if answer.status_code == 200 else {}
            waited = time.monotonic() - started
            if dag.get("is_stale") is False and not dag["has_import_errors"]:
                if dag["is_paused"]:
                    raise FirstpassError(
                        f"the DAG {dag_id} is paused, so nothing that it is asked to do would start",
                        f"switch it on in Airflow's UI at {self.url}/dags/{quote(dag_id)}",
                    )
                return
            if waited > grace:
                self._raise_import_errors()
            if waited > seconds:
                raise FirstpassError(
                    f"Airflow did not find the DAG {dag_id} within {seconds:.0f} s",
                    "look into dags/ and into the log of the DAG processor, var/log/dag-processor.log",
                )
            time.sleep(0.5)

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run and return its id. Raises FirstpassError for parameters that the DAG refuses."""
        # The id is chosen here, so that asking again after a lost answer cannot start a second run.
        run_id = f"manual__{datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%S')}_{secrets.token_hex(3)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body, accept=(409,))
        return run_id

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Make the pool, or give the one that is there this many slots. Tasks that are deferred keep theirs."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": True}
        if self._call("POST", "/api/v2/pools", json=pool, accept=(409,)).status_code == 409:
            self._call("PATCH", f"/api/v2/pools/{quote(name, safe='')}", json=pool)

    def run_state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self._call("GET", self._run(dag_id, run_id)).json()["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Every task instance of a run, mapped ones each on its own."""
        return [
            TaskInstance(
                task_id=item["task_id"],
                map_index=item["map_index"],
                state=item["state"],
                started=_time(item["start_date"]),
                ended=_time(item["end_date"]),
            )
            for item in self._pages(f"{self._run(dag_id, run_id)}/taskInstances", "task_instances")
        ]

    def run_page(self, dag_id: str, run_id: str) -> str:
        """The run's page in Airflow's UI."""
        return f"{self.url}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"

    def _raise_import_errors(self) -> None:
        errors = self._call("GET", "/api/v2/importErrors").json()["import_errors"]
        if errors:
            reason = errors[0]["stack_trace"].strip().splitlines()[-1]
            raise FirstpassError(
                f"Airflow cannot import {errors[0]['filename']}: {reason}",
                f"put it right; the whole traceback is shown at {self.url}",
            )

    def _run(self, dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            body = self._call("GET", path, params={"limit": _PAGE, "offset": offset, "order_by": "id"}).json()
            yield from body[key]
            offset += _PAGE
            if offset >= body["total_entries"]:
                return

    def _call(self, method: str, path: str, accept: tuple[int, ...] = (), **arguments: Any) -> httpx.Response:
        """One request, logged in. Lost connections and answers 5xx are tried again; a token that ran out is renewed."""
        if "Authorization" not in self._client.headers:
            self._log_in()
        answer = self._patiently(lambda: self._client.request(method, path, **arguments))
        if answer.status_code == 401:
            self._log_in()
            answer = self._patiently(lambda: self._client.request(method, path, **arguments))
        if answer.is_success or answer.status_code in accept:
            return answer
        raise FirstpassError(
            f"Airflow refused {method} {path}: {_detail(answer)}",
            "correct the parameter that it names" if answer.status_code in {400, 422} else f"look at {self.url}",
        )

    def _log_in(self) -> None:
        answer = self._patiently(lambda: self._client.post("/auth/token", json=self._login))
        if not answer.is_success:
            raise FirstpassError(
                f"Airflow at {self.url} refused the login of {self._login['username']}: {_detail(answer)}",
                "start the stack again, `firstpass down` and `firstpass up`, so that it reads its passwords again",
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _patiently(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                answer = call()
                if answer.status_code < 500:
                    return answer
                problem = _detail(answer)
            except httpx.TransportError as error:
                problem = str(error)
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Airflow's API at {self.url} does not answer: {problem}",
                    "`firstpass status` shows what runs, `firstpass up` starts what does not",
                )
            time.sleep(0.5)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
