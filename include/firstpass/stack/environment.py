"""The environment that the stack's processes get: the caller's, what .env adds, and what Airflow needs to be told.

supervisord hands its own environment on to every process that it starts, so no secret is written into its
configuration. airflow.cfg keeps what holds in production too; what is true of one machine only stands here.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from firstpass import dotenv_file
from firstpass.settings import settings
from firstpass.stack import postgres
from firstpass.stack.layout import Layout
from firstpass.stack.leftovers import MARKER
from firstpass.stack.secrets import Secrets, passwords_file

# Defaults for one machine with few cores; a variable of the same name, in the environment or in .env, wins.
TUNING = {
    "AIRFLOW__API__WORKERS": "1",
    # getfqdn asks the DNS, and a machine without one waits for its timeout at every start of a task.
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    # A task follows the one before it within a quarter of a second.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
    # What a killed scheduler or task leaves behind is noticed within a minute or two instead of five, yet not so soon
    # that a busy machine or an API server that starts again passes for a dead task.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
    # Tasks wait a minute for an API server that is starting (again), asking every two seconds.
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "30",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "2",
    # One bundle, a local folder, three files: a changed DAG file is seen within seconds.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
}


def ui_url(port: int | None = None) -> str:
    """Where Airflow's UI and API are: on the port of the settings, or on another one."""
    return f"http://127.0.0.1:{port or settings().port}"


def with_dotenv(where: Layout) -> dict[str, str]:
    """This process's environment, completed from .env; a variable that is set in both keeps the environment's value.

    Less KUBECONFIG where `leaves_out_kubeconfig` says so.
    """
    found = _both(where)
    if leaves_out_kubeconfig(where):
        del found["KUBECONFIG"]
    return found


def leaves_out_kubeconfig(where: Layout) -> bool:
    """Whether KUBECONFIG, which people set for kubectl, is kept from the stack.

    It is where FIRSTPASS_KUBERNETES_CONN_ID names a connection that has a cluster of its own, or one that only Airflow
    knows. Without a connection it is how the cluster is reached, and for one that says nothing about that.
    """
    found, name = _both(where), settings().kubernetes_conn_id
    if not name or "KUBECONFIG" not in found:
        return False
    connection = found.get(f"AIRFLOW_CONN_{name.upper()}")
    return connection is None or bool(_OWN_CLUSTER & _extras(connection))


def _both(where: Layout) -> dict[str, str]:
    return {name: entry.value for name, entry in dotenv_file.read(where.home / ".env").items()} | dict(os.environ)


_OWN_CLUSTER = {"kube_config", "kube_config_path", "in_cluster"}


def _extras(connection: str) -> set[str]:
    """The names in a connection's extra, which is written as JSON or as a URI; empty values left out."""
    try:
        extra = json.loads(connection).get("extra") or {}
        found = json.loads(extra) if isinstance(extra, str) else extra
    except (ValueError, AttributeError):
        query = parse_qs(urlsplit(connection).query)
        found = {name: values[-1] for name, values in query.items()}
        with suppress(ValueError):
            found |= json.loads(found.pop("__extra__", "{}"))
    return {name.removeprefix("extra__kubernetes__") for name, value in dict(found).items() if value}


def stack_environment(where: Layout, secrets: Secrets) -> dict[str, str]:
    """Everything that the stack's processes get."""
    chosen = with_dotenv(where)
    local = "127.0.0.1,localhost"
    # A pod is a task that waits: it costs this machine a process, and a slot.
    pods = settings().workers if settings().engine == "kubernetes" else 0
    parallelism = {"AIRFLOW__CORE__PARALLELISM": str(6 + pods)}
    generated = {
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        # A proxy for the outside world must not get what tasks say to the API server on this machine.
        "NO_PROXY": ",".join(filter(None, [chosen.get("NO_PROXY"), local])),
        "no_proxy": ",".join(filter(None, [chosen.get("no_proxy"), local])),
    }
    return TUNING | parallelism | chosen | pinned(where) | generated


def pinned(where: Layout) -> dict[str, str]:
    """What the stack depends on, and no variable of the caller's can change; it holds no generated secret."""
    url = ui_url()
    database = postgres.dsn("airflow", where).removeprefix("postgresql")
    return {
        MARKER: where.instance,
        "FIRSTPASS_HOME": str(where.home),
        "AIRFLOW_HOME": str(where.home),
        "AIRFLOW_CONFIG": str(where.home / "airflow.cfg"),
        "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",  # `up` has seen to them; four processes need not ask again
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2{database}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg{database}",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(where)),
        "FIRSTPASS_WAREHOUSE_DSN": settings().warehouse_dsn.get_secret_value() or postgres.dsn("firstpass", where),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings().port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # setproctitle leaves /proc/PID/environ alone: leftovers are found by MARKER
    }
