"""Takes secrets out of a text, wherever they come from: what a server says may repeat what it was given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

_SECRET = re.compile(r"PASSW|SECRET|TOKEN|KEY|CREDENTIAL|FERNET", re.IGNORECASE)
_ADDRESS = re.compile(r"DSN|CONN_|SQL_ALCHEMY|URL|PROXY", re.IGNORECASE)
_OPEN = re.compile(r"_(FILE|PATH|CMD)$|KEY_ID$|CONN_ID$", re.IGNORECASE)
_SHORTEST = 4  # shorter ones are words of their own, and no secrets


def secrets_of(variables: Mapping[str, str]) -> set[str]:
    """What may not be shown of these variables: values by their names, passwords in addresses and connections."""
    found = set()
    for name, value in variables.items():
        if _OPEN.search(name):
            continue
        if _SECRET.search(name):
            found |= {value, value.strip()}
        if _ADDRESS.search(name):
            found.update(_within(value))
    spellings = {each for secret in found for each in (secret, quote(secret, safe=""), unquote(secret))}
    return {secret for secret in spellings if len(secret) >= _SHORTEST}


def redact(text: str, secrets: set[str]) -> str:
    """The text with … in place of each secret, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _within(value: str) -> Iterator[str]:
    if value.lstrip().startswith("{"):
        try:
            yield from _of_json(json.loads(value))
        except ValueError:
            yield value
        return
    try:
        parts = urlsplit(value)
        password = parts.password
    except ValueError:
        yield value
        return
    if password:
        yield password
    for words in (parts.query.replace("&", " "), value):  # key=value, as a libpq DSN or an address's query
        yield from re.findall(r"(?:password|secret|token|key)\s*=\s*'?([^'\s&]+)", words, re.IGNORECASE)


def _of_json(raw: Any, name: str = "") -> Iterator[str]:
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _of_json(value, str(key))
    elif isinstance(raw, str) and raw.lstrip().startswith("{"):
        yield from _within(raw)
    elif isinstance(raw, str) and (_SECRET.search(name) or name == "kube_config"):
        yield raw
