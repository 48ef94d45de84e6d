"""What lies in the three sources, and how it changes from day to day: what everything is held against afterwards."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from night_storm import pictures
from night_storm.places import Places

Kind = Literal["good", "bad", "deadly", "pipe", "dangling", "other"]
"""A picture; not one, in spite of its name; one that kills; a FIFO; a link to nowhere; a name that is no image's."""

LABELS = ("person", "cat", "cup", "horse", "Dining_Table", "potted plant")
_FOLDERS = ("", "north/", "north/ünter wegs/", "south/", "south/50% #1/")


@dataclass(frozen=True, slots=True)
class Item:
    """One file or object. sha256: of its content, where it has one. stamp: its time of change, in seconds."""

    kind: Kind
    sha256: str | None
    stamp: int


@dataclass
class World:
    """files: of the folder, by relative name. objects: of the bucket, by key. locked: sub-folders that nobody may enter
    tonight. tasks: CVAT's, task → contents of its frames. person: task → frames that somebody worked on.
    """

    files: dict[str, Item] = field(default_factory=dict)
    objects: dict[str, Item] = field(default_factory=dict)
    locked: list[str] = field(default_factory=list)
    tasks: dict[int, list[str]] = field(default_factory=dict)
    touched: dict[int, list[int]] = field(default_factory=dict)
    clock: int = 1_700_000_000

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> World:
        items = {name: {key: Item(**item) for key, item in raw[name].items()} for name in ("files", "objects")}
        numbered = {name: {int(key): value for key, value in raw[name].items()} for name in ("tasks", "touched")}
        return cls(**raw | items | numbered)

    def contents(self) -> Iterator[tuple[str, Kind]]:
        """Every content there is, with what it is."""
        yield from ((item.sha256, item.kind) for item in (*self.files.values(), *self.objects.values()) if item.sha256)
        yield from ((sha, "good") for frames in self.tasks.values() for sha in frames)


def evolve(world: World, dice: random.Random, places: Places, night: int) -> list[str]:
    """A day passes: images come, change and go in both stores. Returns what happened, in words."""
    said = []
    for name, items in (("folder", world.files), ("bucket", world.objects)):
        good = [key for key, item in items.items() if item.kind == "good"]
        counts = {"gone": _remove(items, dice, night), "changed": 0, "copied": 0}
        for key in dice.sample(good, min(len(good), dice.choice((0, 0, 1, 2)))):
            items[key] = _item(world, "good", pictures.photograph(dice), places)
            counts["changed"] += 1
        if good and dice.random() < 0.3 and (twin := items.get(dice.choice(good))):
            items[f"copies/{night:03d}.jpg"] = Item("good", twin.sha256, _tick(world))
            counts["copied"] += 1
        counts |= _add(world, items, dice, places, night)
        said.append(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count))
    world.locked = []
    if dice.random() < 0.12:
        for number in range(2):
            world.files[f"locked/{night:03d}-{number}.jpg"] = _item(world, "good", pictures.photograph(dice), places)
        world.locked = ["locked/"]
        said.append("folder: locked/ may not be entered tonight")
    return said


def _remove(items: dict[str, Item], dice: random.Random, night: int) -> int:
    """Some go, and those that kill after two nights. Returns how many."""
    gone = dice.sample(list(items), min(len(items), dice.choice((0, 0, 1, 3))))
    gone += [key for key, item in items.items() if item.kind == "deadly" and int(key[:3]) < night - 1]
    for key in set(gone):
        del items[key]
    return len(set(gone))


def _add(world: World, items: dict[str, Item], dice: random.Random, places: Places, night: int) -> dict[str, int]:
    """Some come. Returns how many of each kind."""
    good, odd, deadly = dice.randint(4, 9), dice.randint(0, 2), int(dice.random() < 0.25)
    for number in range(good):
        key = f"{dice.choice(_FOLDERS)}{night:03d}-{number}.jpg"
        items[key] = _item(world, "good", pictures.photograph(dice), places)
    for number in range(odd):
        kind = dice.choice(("bad", "bad", "other", *(("pipe", "dangling") if items is world.files else ())))
        suffix = ".txt" if kind == "other" else ".jpg"
        key = f"{dice.choice(_FOLDERS)}{night:03d}-odd-{number}{suffix}"
        items[key] = _item(world, kind, pictures.no_picture(dice), places)
    if deadly:
        items[f"{night:03d}-deadly.png"] = _item(world, "deadly", pictures.photograph(dice, deadly=True), places)
    return {"added": good, "odd": odd, "deadly": deadly}


def lay_out(world: World, places: Places) -> None:
    """Make the folder what it should be; files that are as they should be stay untouched."""
    locked = places.photos / "locked"
    if locked.is_dir():
        locked.chmod(0o755)
    for path in [*places.photos.rglob("*")]:
        name = path.relative_to(places.photos).as_posix()
        if (path.is_symlink() or not path.is_dir()) and not _fits(path, world.files.get(name)):
            path.unlink()
    for name, item in world.files.items():
        path = places.photos / name
        if not path.exists() and not path.is_symlink():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path, item, places)
    for folder in world.locked:
        (places.photos / folder).chmod(0)


def _fits(path: Path, item: Item | None) -> bool:
    return item is not None and int(path.lstat().st_mtime) == item.stamp


def _make(path: Path, item: Item, places: Places) -> None:
    if item.kind == "pipe":
        os.mkfifo(path)
    elif item.kind == "dangling":
        path.symlink_to("/nowhere/at all.jpg")
    else:
        path.write_bytes((places.pictures / (item.sha256 or "")).read_bytes())
    os.utime(path, (item.stamp, item.stamp), follow_symlinks=False)


def _item(world: World, kind: Kind, data: bytes, places: Places) -> Item:
    content = None if kind in ("pipe", "dangling") else pictures.keep(data, places.pictures)
    return Item(kind, content, _tick(world))


def _tick(world: World) -> int:
    world.clock += 60
    return world.clock
