"""What a storm did so far: one line per night that is over, and the tables that are made of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""night, seed, code, seconds, images, day (what changed), runs, violations, litter."""


class Journal:
    """A file of JSON lines. Nights after `saved`, whose end was never saved, are forgotten; None: there are none."""

    def __init__(self, path: Path, saved: int | None) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.nights: list[Record] = [
            night for night in map(_parsed, lines) if night and (saved is None or night["night"] <= saved)
        ]
        path.write_text("".join(json.dumps(night) + "\n" for night in self.nights))

    def add(self, night: Record) -> None:
        self.nights.append(night)
        with self._path.open("a") as file:
            file.write(json.dumps(night) + "\n")

    def faults(self) -> Iterator[tuple[str, Record]]:
        """(Source, step) of every fault that met something."""
        for night in self.nights:
            for run in night["runs"]:
                yield from ((run["source"], step) for step in run["steps"] if step["fault"] and step["fault"]["hit"])

    @property
    def last(self) -> int:
        """The number of the last night; 0 before the first."""
        return int(self.nights[-1]["night"]) if self.nights else 0

    @property
    def hits(self) -> int:
        return sum(1 for _ in self.faults())

    @property
    def violations(self) -> list[tuple[int, str]]:
        return [(night["night"], sentence) for night in self.nights for sentence in night["violations"]]


def summary(journal: Journal) -> str:
    """The verdict and the tables."""
    nights, broken = journal.nights, journal.violations
    states = Counter(run["state"] for night in nights for run in night["runs"] if run["images"])
    images = sum(night["images"] for night in nights)
    litter = sum(len(night["litter"]) for night in nights)
    lines = [
        "",
        *_table(journal),
        "",
        f"{journal.hits} kills and faults in {len(nights)} nights over {images} images (listed night by night)",
        "runs: " + ", ".join(f"{count} {state}" for state, count in states.most_common()),
        f"files that killed processes left behind: {litter}",
        f"violations: {len(broken)}",
        *(f"  night {night}: {sentence}" for night, sentence in broken[:40]),
        "" if broken else "Nothing lost, nothing twice, every image accounted for, no green run with missing images.",
    ]
    return "\n".join(lines)


def _table(journal: Journal) -> Iterator[str]:
    """Faults by kind, with where they struck and what came of the try."""
    kinds: dict[str, list[tuple[str, Record]]] = {}
    for source, step in journal.faults():
        kinds.setdefault(step["fault"]["kind"], []).append((source, step))
    yield f"{'fault':18} {'hits':>4} {'folder':>6} {'s3':>4} {'cvat':>4} {'try went on':>11} {'try failed':>10}  stages"
    for kind, hits in sorted(kinds.items(), key=lambda item: -len(item[1])):
        sources = Counter(source for source, _ in hits)
        failed = sum(1 for _, step in hits if step["error"])
        stages = Counter(step["stage"] for _, step in hits)
        where = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
        yield (
            f"{kind:18} {len(hits):4} {sources['folder']:6} {sources['s3']:4} {sources['cvat']:4}"
            f" {len(hits) - failed:11} {failed:10}  {where}"
        )


def _parsed(line: str) -> Record | None:
    try:
        return dict(json.loads(line))
    except ValueError:
        return None
