"""What a storm goes on from: the state after each night, whole or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doubles.cvat import CvatDouble
from night_storm.places import Places
from night_storm.postgres import KeptPostgres
from night_storm.servers import Person, cvat_from_json, cvat_to_json
from night_storm.world import World

_RUNS_KEPT = 6  # nights whose files stay in storage


@dataclass
class Saved:
    """night: the last one that is over. usual: see `Night`."""

    seed: int
    port: int
    night: int = 0
    usual: dict[str, float] = field(default_factory=dict)


def load(places: Places, seed: int, port: int) -> Saved:
    """The newest state, or a new one with this seed and this port for CVAT."""
    path = places.saved / "current.json"
    return Saved(**json.loads(path.read_text())) if path.exists() else Saved(seed, port)


def restore(saved: Saved, places: Places, database: KeptPostgres, cvat: CvatDouble) -> tuple[World, Person]:
    """Put everything back as it was after the saved night: the warehouse, storage, CVAT."""
    _empty(places.storage)
    _empty(places.temporary)
    away = places.photos.with_name("photos.away")
    if away.exists():
        shutil.rmtree(places.photos, ignore_errors=True)
        away.rename(places.photos)
    if not saved.night:
        database.load(None)
        return World(), Person()
    database.load(_name(saved.night))
    folder = places.saved / _name(saved.night)
    shutil.copytree(folder / "storage", places.storage, dirs_exist_ok=True, symlinks=True)
    kept: dict[str, Any] = json.loads((folder / "state.json").read_text())
    world = World.from_json(kept["world"])
    cvat_from_json(cvat, kept["cvat"], world, places)
    return world, Person({int(key): shape for key, shape in kept["theirs"].items()})


def save(saved: Saved, places: Places, database: KeptPostgres, cvat: CvatDouble, world: World, person: Person) -> None:
    """Everything as it is now, after `saved.night`. Until the last line it never happened."""
    _forget_old_runs(places, saved.night)
    name = _name(saved.night)
    folder = places.saved / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(places.storage, folder / "storage", symlinks=True)
    kept = {"world": world.to_json(), "cvat": cvat_to_json(cvat), "theirs": person.theirs}
    (folder / "state.json").write_text(json.dumps(kept))
    database.save(name)
    scratch = places.saved / "current.new"
    scratch.write_text(json.dumps({slot: getattr(saved, slot) for slot in ("seed", "port", "night", "usual")}))
    scratch.replace(places.saved / "current.json")
    for old in places.saved.glob("night-*"):
        if old.name != name:
            database.forget(old.name)
            shutil.rmtree(old)


def _forget_old_runs(places: Places, night: int) -> None:
    for folder in (places.storage / "runs").glob("storm-*"):
        if int(folder.name.split("-")[1]) <= night - _RUNS_KEPT:
            shutil.rmtree(folder)
    for log in places.logs.glob("storm-*"):
        if int(log.name.split("-")[1]) <= night - 4 * _RUNS_KEPT:
            log.unlink()


def _name(night: int) -> str:
    return f"night-{night:04d}"


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
