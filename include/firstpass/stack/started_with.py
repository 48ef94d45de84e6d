"""What the running stack was started with, and how that differs from the settings of now.

Processes take up settings when they start. What only one run takes is given with that run; how others are reached
(connections, credentials) is the running stack's own until it is started again.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from firstpass import variables
from firstpass.settings import Settings, settings
from firstpass.stack import supervision
from firstpass.stack.environment import TUNING, pinned, with_dotenv
from firstpass.stack.layout import Layout
from firstpass.stack.secrets import write_private

# `firstpass run` passes these on with its run, so another terminal may have others.
OF_A_RUN = frozenset({"FIRSTPASS_IMAGES", "FIRSTPASS_MODEL"})
# They say where the project is, which stack this is, or how one command behaves.
_OF_A_COMMAND = frozenset(variables.OWN)
_CONNECTION = re.compile(r"AIRFLOW_CONN_|AWS_|KUBECONFIG$|SSL_|REQUESTS_CA")
_CONFIGURATION = "the stack's own configuration"


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is another one now. then, now: its values; None for a secret, and where there is no value."""

    name: str
    then: str | None
    now: str | None

    def __str__(self) -> str:
        if self.then is None and self.now is None:
            return self.name
        return f"{self.name} (the stack has {_shown(self.then)}, here it is {_shown(self.now)})"


@dataclass(frozen=True, slots=True)
class Differences:
    """settings: what a running stack takes up only when it is started again. connections: the ones that this process
    has and the stack has not, or has otherwise, as people call them."""

    settings: tuple[Difference, ...]
    connections: tuple[str, ...]


def remember(where: Layout) -> None:
    """Write down what the stack is being started with: open values, of secrets only salted hashes. Mode 0600."""
    salt = secrets.token_hex(16)
    chosen = _Chosen.now(where)
    content = {
        "open": chosen.open,
        "secret": {name: _hash(value, salt) for name, value in chosen.secret.items()},
        "connections": {name: _hash(value, salt) for name, value in chosen.connections.items()},
        "salt": salt,
    }
    write_private(where.started_with, content)


def compare(where: Layout) -> Differences | None:
    """How the settings of now differ from what the stack was started with; None where that is not known."""
    try:
        written = json.loads(where.started_with.read_text(encoding="utf-8"))
        salt, then_open, then_secret, then_connections = (
            written[key] for key in ("salt", "open", "secret", "connections")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    now = _Chosen.now(where)
    defaults = _default_values()
    different = []
    for name in sorted(now.open.keys() | (then_open.keys() & defaults.keys())):
        then, current = then_open.get(name, defaults.get(name)), now.open.get(name, defaults.get(name))
        if then != current:
            different.append(Difference(name, then, current))
    hashed = {name: _hash(value, salt) for name, value in now.secret.items()}
    different += [
        Difference(name, None, None)
        for name in sorted(then_secret.keys() | hashed.keys())
        if then_secret.get(name) != hashed.get(name)
    ]
    connections = [
        _spoken(name)
        for name, value in sorted(now.connections.items())
        if then_connections.get(name) != _hash(value, salt)
    ]
    return Differences(tuple(different), tuple(connections))


def port(where: Layout) -> int:
    """The port of the running stack's UI, which may be another one than this process's setting."""
    try:
        return int(json.loads(where.started_with.read_text(encoding="utf-8"))["open"]["FIRSTPASS_PORT"])
    except (OSError, ValueError, KeyError, TypeError):
        return settings().port


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Name → value. open: what may be shown. secret: what may hold a secret, so everything whose meaning is not known
    here. connections: how S3, CVAT and others are reached."""

    open: dict[str, str]
    secret: dict[str, str]
    connections: dict[str, str]

    @classmethod
    def now(cls, where: Layout) -> _Chosen:
        ours = {f"FIRSTPASS_{name.upper()}": value for name, value in settings().model_dump().items()}
        others = {
            name: value
            for name, value in with_dotenv(where).items()
            if name not in ours and name not in pinned(where) and name not in _OF_A_COMMAND
        }
        connections = {name: value for name, value in others.items() if _CONNECTION.match(name)}
        airflow = {
            name: value
            for name, value in others.items()
            if name.startswith(("AIRFLOW", "FIRSTPASS_")) and name not in connections
        }
        config = supervision.config(where) + repr(sorted(TUNING.items()))
        return cls(
            open={name: _text(value) for name, value in ours.items() if not isinstance(value, SecretStr)}
            | {name: value for name, value in airflow.items() if name in TUNING},
            secret={name: value.get_secret_value() for name, value in ours.items() if isinstance(value, SecretStr)}
            | {name: value for name, value in airflow.items() if name not in TUNING}
            | {_CONFIGURATION: config},
            connections=connections,
        )


def _default_values() -> Mapping[str, str]:
    """For a setting that the version which started the stack did not have yet."""
    return {
        f"FIRSTPASS_{name.upper()}": _text(field.get_default(call_default_factory=True))
        for name, field in Settings.model_fields.items()
    } | TUNING


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():  # a default may be written as 60
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _hash(value: str, salt: str) -> str:
    return hashlib.blake2b(value.encode(errors="surrogateescape"), key=bytes.fromhex(salt)).hexdigest()


def _shown(value: str | None) -> str:
    return "nothing" if value in {None, ""} else str(value)


def _spoken(name: str) -> str:
    prefix = "AIRFLOW_CONN_"
    return f"connection {name.removeprefix(prefix).lower()}" if name.startswith(prefix) else name
