"""Which version of a model a run uses."""

from __future__ import annotations

import logging
from hashlib import sha256
from pathlib import Path

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError, Unavailable
from firstpass.models import artifacts, decided_sources, store
from firstpass.models.admission import admit
from firstpass.models.store import versions
from firstpass.models.version_files import RECORD
from firstpass.settings import settings

log = logging.getLogger("firstpass")

_LIST = "`firstpass models list` shows all there is"


def resolve(ref: str) -> ModelVersion:
    """The version that `name` (the newest admitted) or `name@version` (that one; 4 digits suffice) means.

    Artifacts that lie in the model's folder and were not looked at yet are admitted first: that takes seconds, once.
    Raises FirstpassError, listing what there is, for an unknown model or version; with the reasons for a refused one.
    """
    name = store.check_name(ref.partition("@")[0])
    faults = _admit_drop_ins(name)
    if faults and not versions(name):
        raise faults[0]
    chosen = _admitted(find(ref))
    for fault in faults:
        log.warning("%s continues with %s: %s", name, chosen.ref, fault)
    return chosen


def expected(ref: str) -> ModelVersion | None:
    """The version that `resolve` will settle on, as far as that can be told without admitting anything.

    None where files that nobody has looked at yet may be what is meant. Raises FirstpassError as `resolve` does.
    """
    return None if drop_ins(store.check_name(ref.partition("@")[0])) else _admitted(find(ref))


def find(ref: str) -> ModelVersion:
    """The version that `ref` means as in `resolve`, but nothing is admitted on the way, and it may be a refused one."""
    name, _, wanted = ref.partition("@")
    found = versions(store.check_name(name))
    if not found:
        raise _nothing(name)
    return _pinned(found, wanted) if wanted else next((v for v in found if v.admitted), found[0])


def drop_ins(name: str) -> list[Path]:
    """Folders with artifacts that a person put into the model's folder and that changed since they were last admitted.

    Looked for in <store>/<name>/, <store>/<name>/<anything>/ and output/model/ below either. A store on s3:// has none.
    """
    if storage.is_s3(settings().models):
        return []
    home = storage.local_path(store.model_uri(name))
    parts = {part for folder in artifacts.sub_folders() for part in folder.split("/")}
    found = [
        home,
        *(folder for pattern in ("*/", "output/model/", "*/output/model/") for folder in sorted(home.glob(pattern))),
    ]
    return [
        folder
        for folder in found
        if not folder.name.startswith(".")
        and not (folder / RECORD).exists()
        and not (folder != home and folder.name in parts)
        and artifacts.holds_weights(artifacts.names_in(folder))
        and not decided_sources.remembered(name, str(folder), _etag(folder))
    ]


def _admitted(chosen: ModelVersion) -> ModelVersion:
    if not chosen.admitted:
        raise FirstpassError(
            f"{chosen.ref} was refused: {'; '.join(chosen.reasons)}", "correct its files and sync it again"
        )
    return chosen


def _admit_drop_ins(name: str) -> list[FirstpassError]:
    """Admit what is new in the model's folder, the oldest first; what holds no model is told, never fatal."""
    faults = []
    for folder in sorted(drop_ins(name), key=lambda folder: folder.stat().st_mtime):
        etag = _etag(folder)
        try:
            version = admit(name, folder, storage.file_uri(folder))
        except Unavailable:
            raise
        except FirstpassError as error:
            faults.append(error)
            continue
        decided_sources.remember(name, str(folder), etag, version)
    return faults


def _etag(folder: Path) -> str:
    """Changes when a file of the model may have changed."""
    names = sorted(name for name in artifacts.names_in(folder) if artifacts.is_wanted(name))
    stats = [(name, (folder / name).stat()) for name in names if (folder / name).is_file()]
    return sha256(repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]).encode()).hexdigest()


def _nothing(name: str) -> FirstpassError:
    home = settings().models if storage.is_s3(settings().models) else storage.local_path(store.model_uri(name))
    if isinstance(home, Path) and home.is_dir():
        try:
            artifacts.find(home)
        except FirstpassError as error:
            return error
        return FirstpassError(f"{home} was not checked yet", f"`firstpass models check {home}` does")
    there = ", ".join(store.names()) or "none at all"
    return FirstpassError(f"there is no model {name!r} in {settings().models}", f"use one of these: {there}")


def _pinned(found: list[ModelVersion], wanted: str) -> ModelVersion:
    matches = [v for v in found if v.version.startswith(wanted) and len(wanted) >= 4]
    if len(matches) != 1:
        there = ", ".join(f"{v.version}{'' if v.admitted else ' (refused)'}" for v in found[:20])
        raise FirstpassError(
            f"{found[0].name} has {'more than one' if matches else 'no'} version {wanted[:64]!r}",
            f"use one of these: {there}; {_LIST}",
        )
    return matches[0]
