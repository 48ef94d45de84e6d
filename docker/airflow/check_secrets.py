"""Refuses secrets that anybody could guess or that nobody meant: comments, examples, defaults, damaged keys.

Looks at the secrets in the environment; in compose, the service `check` has all of docker/.env there, before PostgreSQL
makes a database with them. With --env-file every other variable must be one that compose.yaml takes from that file.
Exits with 2 and one line for each that is refused. Prints no value.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography.fernet import Fernet

TAKEN = {"FIRSTPASS_PORT", "S3_PORT", "AIRFLOW_CONN_CVAT_DEFAULT"}
"""Variables of docker/.env that are no secrets of the single server."""

_OF_THE_IMAGE = {"AIRFLOW_HOME", "FIRSTPASS_HOME", "FIRSTPASS_CACHE"}
_DEFAULTS = (
    "admin|airflow|changeme|default|example|firstpass|minio(admin)?|passw(or)?d|postgres|secret|test|token|x+|0+"
)
_DEFAULT = re.compile(rf"({_DEFAULTS})[-_ ]?(me|password|secret|key)?\d*!?", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[<\[{].*|\.{3}|…|.*\b(change[-_ ]?me|your[-_ ]|openssl|fill[-_ ]in)\b.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a secret must be. least: characters. address: it becomes part of one, where only some characters may be."""

    how: str
    least: int = 16
    address: bool = False


RULES = {
    "POSTGRES_PASSWORD": Rule("openssl rand -hex 24", address=True),
    "AIRFLOW_DATABASE_PASSWORD": Rule("openssl rand -hex 24", address=True),
    "WAREHOUSE_PASSWORD": Rule("openssl rand -hex 24", address=True),
    "S3_ACCESS_KEY": Rule("openssl rand -hex 10"),
    "S3_SECRET_KEY": Rule("openssl rand -hex 24"),
    "ADMIN_PASSWORD": Rule("openssl rand -hex 10", least=10),
    "AIRFLOW__CORE__FERNET_KEY": Rule("openssl rand -base64 32 | tr '+/' '-_'"),
    "AIRFLOW__API__SECRET_KEY": Rule("openssl rand -hex 32"),
    "AIRFLOW__API_AUTH__JWT_SECRET": Rule("openssl rand -hex 32", least=32),
}


def faults(environment: Mapping[str, str], env_file: bool = False) -> Iterator[str]:
    """A sentence for each secret that is refused, and with env_file for each variable that belongs somewhere else."""
    for name, rule in RULES.items():
        if name in environment and (why := _fault(name, environment[name], rule)):
            yield f"{name} {why}. Make one with: {rule.how}"
    if why := _cvat(environment.get("AIRFLOW_CONN_CVAT_DEFAULT", "")):
        yield f"AIRFLOW_CONN_CVAT_DEFAULT {why}"
    if env_file:
        yield from _misplaced(environment)


def _fault(name: str, value: str, rule: Rule) -> str | None:
    if not value:
        return "is empty"
    if value.startswith("#") or " #" in value:
        return "is a comment: in docker/.env comments stand on lines of their own"
    if _PLACEHOLDER.fullmatch(value) or _DEFAULT.fullmatch(value):
        return "is a placeholder or a default that everybody knows"
    if name == "AIRFLOW__CORE__FERNET_KEY":
        return None if _is_fernet(value) else "is not 32 bytes in URL-safe base64"
    if len(value) < rule.least or len(set(value)) < 5:
        return f"is too short or too simple: at least {rule.least} characters, and not all alike"
    if rule.address and not re.fullmatch(r"[A-Za-z0-9._~-]+", value):
        return "becomes part of an address: letters, digits and . _ ~ - only"
    return None


def _is_fernet(keys: str) -> bool:
    """One key, or several with commas between them while they are rotated."""
    try:
        for key in keys.split(","):
            Fernet(key)
    except ValueError:
        return False
    return True


def _cvat(value: str) -> str | None:
    if not value:
        return None
    try:
        fields = json.loads(value)
        host, token = str(fields["host"]), str(fields["password"])
    except (ValueError, TypeError, KeyError):
        return "is not the JSON of a connection with host and password"
    if "example." in host or _PLACEHOLDER.fullmatch(token) or _DEFAULT.fullmatch(token):
        return "is the example's: give your server and a personal access token, or remove the line"
    return None


def _misplaced(environment: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(set(environment) - set(RULES) - TAKEN - _OF_THE_IMAGE):
        if name.startswith("AIRFLOW_CONN_"):
            yield f"{name} reaches no container from docker/.env: write it into docker/connections.env"
        elif name.startswith(("FIRSTPASS_", "AIRFLOW_", "AWS_")):
            yield f"{name} reaches no container from docker/.env: write it into docker/settings.env"


def main() -> None:
    """Say what is wrong, all of it."""
    found = list(faults(os.environ, env_file="--env-file" in sys.argv[1:]))
    sys.stderr.writelines(f"firstpass: {fault}\n" for fault in found)
    sys.exit(2 if found else 0)


if __name__ == "__main__":
    main()
