"""Taking old versions out of the store."""

from __future__ import annotations

from collections.abc import Collection

from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import store
from firstpass.settings import settings


def superfluous(keep: int, in_use: Collection[str], name: str | None = None) -> list[ModelVersion]:
    """The versions that may go: of each model all that are older than its newest `keep` admitted ones.

    in_use: `name@version` of runs in progress; these stay, as does what FIRSTPASS_MODEL pins. Removes nothing:
    `store.remove` does. Raises FirstpassError for a `keep` below 1 and for a model that is not there.
    """
    if keep < 1:
        raise FirstpassError(f"--keep is {keep}", "keep at least 1 version: the next night needs it")
    found = store.versions(name)
    if name and not found:
        raise FirstpassError(
            f"there is no model {name!r}", f"use one of these: {', '.join(store.names()) or 'none yet'}"
        )
    kept: dict[str, int] = {}
    going = []
    for version in found:  # newest first
        rank = kept.get(version.name, 0)
        kept[version.name] = rank + version.admitted
        if rank >= keep and version.ref not in {*in_use, settings().model}:
            going.append(version)
    return going
