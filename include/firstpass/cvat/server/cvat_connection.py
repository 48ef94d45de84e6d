"""Where CVAT is and with which token: the connection `cvat_default`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from firstpass import resolvers
from firstpass.errors import FirstpassError
from firstpass.settings import all_variables

VARIABLE = "AIRFLOW_CONN_CVAT_DEFAULT"
_FIX = (
    f'set {VARIABLE} to {{"conn_type": "http", "host": "https://cvat.example.org", "password": "<token>"}}'
    ' or make that connection in Airflow; a private certificate authority goes into "extra": {"ca_bundle": "/path.pem"}'
)


@dataclass(frozen=True, slots=True)
class CvatConnection:
    """host: scheme, name and port, without a slash at the end. ca_bundle: a PEM file, the system's own when None.

    The token shows neither in `repr` nor in `str`.
    """

    host: str
    token: SecretStr
    ca_bundle: str | None = None

    def task_url(self, task: int, frame: int | None = None) -> str:
        """Where a person opens the task in CVAT."""
        return f"{self.host}/tasks/{task}" + ("" if frame is None else f"?frame={frame}")


def connection() -> CvatConnection:
    """The connection from AIRFLOW_CONN_CVAT_DEFAULT (the environment, or .env), else, where Airflow is, from there.

    Raises FirstpassError when there is none, or when it lacks a host or a token. Does not ask the server.
    """
    text = all_variables().values.get(VARIABLE)
    if text is None:
        fields = resolvers.cvat_connection()
        if fields is None:
            raise FirstpassError("there is no connection cvat_default", _FIX)
        return _checked(fields)
    try:
        raw = json.loads(text)
        fields = {
            **raw,
            "extra": raw["extra"] if isinstance(raw.get("extra"), dict) else json.loads(raw.get("extra") or "{}"),
        }
    except (ValueError, TypeError, AttributeError):
        raise FirstpassError(f"{VARIABLE} is not the JSON of a connection", _FIX) from None  # its text has the token
    return _checked(fields)


def environment() -> dict[str, str]:
    """What a child process (`firstpass infer`) must have in its environment to find the same connection.

    Empty when this process has it there already or when there is no connection at all.
    """
    if VARIABLE in os.environ:
        return {}
    try:
        found = connection()
    except FirstpassError:
        return {}
    extra = {"ca_bundle": found.ca_bundle} if found.ca_bundle else {}
    password = found.token.get_secret_value()
    return {VARIABLE: json.dumps({"conn_type": "http", "host": found.host, "password": password, "extra": extra})}


def _checked(fields: dict[str, Any]) -> CvatConnection:
    host, token = str(fields.get("host") or "").strip(), str(fields.get("password") or "").strip()
    if not host or not token:
        missing = "host" if not host else "password (the personal access token)"
        raise FirstpassError(f"the connection cvat_default has no {missing}", _FIX)
    if "://" not in host:
        host = f"{fields.get('schema') or 'https'}://{host}"
    parts = urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FirstpassError(f"the connection cvat_default has the host {host!r}, which is no http address", _FIX)
    if fields.get("port") and parts.port is None:
        host = f"{parts.scheme}://{parts.netloc}:{fields['port']}{parts.path}"
    bundle = fields["extra"].get("ca_bundle")
    if bundle and not Path(bundle).is_file():
        raise FirstpassError(f"the connection cvat_default names the CA bundle {bundle}, which is not there", _FIX)
    return CvatConnection(host.rstrip("/"), SecretStr(token), bundle)
