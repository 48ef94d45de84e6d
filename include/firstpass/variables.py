"""The variables that settings are read from: this process's environment, completed from .env; and misspelt ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from firstpass import dotenv_file
from firstpass.dotenv_file import WrittenVariable
from firstpass.errors import FirstpassError

PREFIX = "FIRSTPASS_"
IN_A_STACK = "FIRSTPASS_INSTANCE"
"""In the environment of a running stack's processes. `firstpass up` has put all of .env there; what has changed in the
file since counts from the next `up` on, not under a running night."""

_TYPED = "FIRSTPASS_COMMAND_LINE"  # names of variables that were meant for us, from the Makefile and docker's init
OWN = frozenset({"FIRSTPASS_HOME", "FIRSTPASS_DEBUG", IN_A_STACK, _TYPED, "FIRSTPASS_TEST_POSTGRES"})
"""Variables that are no settings."""

# What Kubernetes and Docker put into every container beside a Service called firstpass or firstpass-something.
_SERVICE = re.compile(r"_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")

_REPLACED = {
    "FIRSTPASS_MAX_IMAGE_PIXELS": "FIRSTPASS_MAX_IMAGE_MEMORY, in bytes (7 for each pixel), has taken its place",
}

_NEAR = 0.75  # PROT for PORT; but not ONNX_THREADS for THREADS
_NEARLY_THE_SAME = 0.9  # FIRSTPAS_PORT for FIRSTPASS_PORT


@dataclass(frozen=True, slots=True)
class Variables:
    """environment: of this process, less what a cluster injects. written: what `file` has."""

    environment: dict[str, str]
    written: dict[str, WrittenVariable]
    file: Path

    @property
    def values(self) -> dict[str, str]:
        """Name → value; the environment wins."""
        return {name: entry.value for name, entry in self.written.items()} | self.environment

    def place(self, name: str) -> str:
        """Where the variable's value comes from, as a person would look for it."""
        if name in self.environment or name not in self.written:
            return "the environment"
        return f"{self.file}, line {self.written[name].line}"

    def unknown(self, known: set[str]) -> list[str]:
        """Names, not among these, that somebody meant to be settings.

        That is each one with the prefix in .env and on make's command line, and those in the environment that are
        nearly a setting: whatever else is called FIRSTPASS_… there may be somebody else's.
        """
        typed = [name for name in self.environment.get(_TYPED, "").split() if name in self.environment]
        meant = [name for name in (*self.written, *typed) if name.upper().startswith(PREFIX)]
        meant += [name for name in self.written if name not in meant and nearest(name, known)]
        meant += [name for name in self.environment if name.upper().startswith(PREFIX) and nearest(name, known)]
        return [name for name in dict.fromkeys(meant) if name not in known]

    def refuse(self, name: str, known: Iterable[str]) -> FirstpassError:
        """The error for a name that is unknown."""
        near = nearest(name, known, cutoff=0.5)
        if name in _REPLACED:
            return FirstpassError(f"{self.place(name)}: there is no setting {name} any more", _REPLACED[name])
        what = f"rename it, or remove it from {self.place(name)}"
        fix = f"did you mean {near}? Then {what}" if near else f"{what}; the settings are in docs/reference/settings.md"
        return FirstpassError(f"{self.place(name)}: there is no setting {name}", fix)


def read(file: Path) -> Variables:
    """The variables of this process. Raises FirstpassError for a `.env` that cannot be read as it is meant."""
    written = {} if IN_A_STACK in os.environ else dotenv_file.read(file)
    return Variables(environment(), written, file)


def environment() -> dict[str, str]:
    """This process's environment without what a cluster injects for its services: FIRSTPASS_PORT=tcp://10.0.0.1:80."""
    return {name: value for name, value in os.environ.items() if not _injected(name, value)}


def nearest(name: str, known: Iterable[str], cutoff: float = _NEAR) -> str | None:
    """The known name that this one is most like. What both begin with does not count as likeness."""
    if not name.upper().startswith(PREFIX):
        return next(iter(get_close_matches(name.upper(), known, 1, _NEARLY_THE_SAME)), None)
    endings = {other.removeprefix(PREFIX): other for other in known}
    near = get_close_matches(name.upper().removeprefix(PREFIX), endings, 1, cutoff)
    return endings[near[0]] if near else None


def _injected(name: str, value: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    return bool(_SERVICE.search(name) or (name.endswith("_PORT") and _SERVICE_URL.match(value)))
