"""Parts of Firstpass that are found by entry point: the built-in ones and those that other packages bring."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

from firstpass.errors import FirstpassError

log = logging.getLogger("firstpass")

GROUPS = ("firstpass.detectors", "firstpass.sources", "firstpass.exports", "firstpass.notifiers")


@dataclass(frozen=True, slots=True)
class Parts:
    """What one group has. found: name → object. broken: name → a sentence that names the package and what is wrong."""

    found: dict[str, Any]
    broken: dict[str, str]

    def get(self, name: str, what: str) -> Any:
        """The part `name`. Raises FirstpassError, listing what there is, for one that is not there or is broken."""
        if name in self.found:
            return self.found[name]
        problem = self.broken.get(name) or f"there is no {what} {name[:100]!r}"
        raise FirstpassError(
            problem, f"use one of {', '.join(sorted(self.found))}, or install the package that brings it"
        )


@lru_cache(maxsize=len(GROUPS))
def parts(group: str, check: Callable[[Any], bool]) -> Parts:
    """Every part of a group, loaded once per process.

    check: whether a loaded object is what the group is for. A part that cannot be imported, that `check` refuses, or
    whose name is taken (Firstpass' own goes first) is logged, kept in `broken`, and stops nothing else.
    """
    found: dict[str, Any] = {}
    broken: dict[str, str] = {}
    for entry in sorted(metadata.entry_points(group=group), key=lambda e: (_package(e) != "firstpass", e.name)):
        problem = None
        try:
            part = entry.load()
        except Exception as error:  # whatever a foreign package raises when it is imported
            problem = f"cannot be imported: {type(error).__name__}: {error}"
        else:
            if entry.name in found:
                problem = f"is called {entry.name!r} like one that is there already"
            elif not check(part):
                problem = f"is not what {group} is for: {part!r}"
        if problem is None:
            found[entry.name] = part
        else:
            sentence = f"the plugin {entry.value} of the package {_package(entry)} ({group}) {problem}"
            broken.setdefault(entry.name, sentence)
            log.warning("%s", sentence)
    return Parts(found, broken)


def import_plugins() -> bool:
    """Import every part of other packages; returns whether all could be. `parts` says what is wrong with the rest."""
    complete = True
    for group in GROUPS:
        for entry in metadata.entry_points(group=group):
            try:
                if _package(entry) != "firstpass":
                    entry.load()
            except Exception:  # whatever a foreign package raises when it is imported
                complete = False
    return complete


def _package(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"
