"""Who counts after a night: from the sources as the storm made them, and from the raw tables, by SQL of its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import connection

from night_storm.nights import Run
from night_storm.places import Places
from night_storm.reference import Reference
from night_storm.servers import BUCKET, PREFIX
from night_storm.world import Kind, World

SEEN = ("ok", "empty", "known", "duplicate")  # outcomes behind which a prediction must stand
_ALLOWED: dict[Kind, tuple[str, ...]] = {
    "bad": ("unreadable", "duplicate", "failed"),
    "pipe": ("unreadable",),
    "dangling": ("unreadable", "missing"),
    "deadly": ("failed", "unreadable", "duplicate"),  # unreadable: remembered from an earlier night
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What must have an outcome; but for what lies in a folder that has one that says that it cannot be listed."""

    kind: Kind
    sha256: str | None


def expected(world: World, places: Places, source: str) -> dict[str, Expected]:
    """URI → what lies there, of one source as it is tonight."""
    if source == "folder":
        return {
            "file://" + quote(os.fsencode(places.photos / name)): Expected(item.kind, item.sha256)
            for name, item in world.files.items()
            if item.kind != "other"
        }
    if source == "s3":
        return {
            f"s3://{BUCKET}/{PREFIX}{key}": Expected(item.kind, item.sha256)
            for key, item in world.objects.items()
            if item.kind != "other"
        }
    return {
        f"cvat:task/{task}#{frame}": Expected("good", content)
        for task, contents in world.tasks.items()
        for frame, content in enumerate(contents)
        if frame not in world.touched.get(task, ())
    }


def check_run(dsn: str, run: Run, wanted: dict[str, Expected], reference: Reference) -> list[str]:
    """What is wrong with a night's run over one source: sentences, none if all is well."""
    with closing(psycopg2.connect(dsn)) as conn:
        row = _one(conn, "SELECT state, model, floor FROM runs WHERE run_id = %s", run.run_id)
        if row is None:
            return [f"{run.images}: the run is in no table"]
        state, model, floor = row
        verdict = _one(conn, "SELECT verdict FROM quality_verdicts WHERE run_id = %s", run.run_id)
        if not run.green:
            return [f"a red run is called {state}"] if state != "failed" else []
        if state not in ("success", "partial"):
            return [f"a green run is called {state}"]
        outcomes = _all(
            conn,
            "SELECT uri, outcome, sha256, reason FROM outcomes WHERE run_id = %s"
            " UNION ALL SELECT s.uri, s.outcome, s.sha256, s.reason FROM listings l JOIN standing_outcomes s"
            " ON s.series = l.series AND l.listing >= s.since AND l.listing < s.until WHERE l.run_id = %s",
            run.run_id,
            run.run_id,
        )
        good = state == "success" and verdict is not None and verdict[0] != "failed"
        broken = list(_accounts(outcomes, wanted, good))
        if run.finished("infer"):
            # One that ran alone when everything was killed looks like a killer until the next night.
            lost = [
                uri
                for uri, outcome, _, reason in outcomes
                if outcome == "failed" and wanted[uri].kind != "deadly" and "ran alone: everything" not in reason
            ]
            broken += [f"{uri} is failed, though its chunk was finished" for uri in lost]
        contents = {each.sha256 for each in wanted.values() if each.kind == "good" and each.sha256}
        # A copy of an image whose chunk failed has no prediction either; then the run is no success.
        failed = {wanted[uri].sha256 for uri, outcome, *_ in outcomes if outcome not in SEEN and uri in wanted}
        seen = {sha for _, outcome, sha, _ in outcomes if outcome in SEEN} & contents - (set() if good else failed)
        reference.learn(seen)
        broken += _predictions(conn, model, floor, seen, reference)
    return broken


def _accounts(outcomes: list[Any], wanted: dict[str, Expected], good: bool) -> Iterator[str]:
    """Images in = outcomes out, and what became of each is what could become of it."""
    for uri, count in Counter(uri for uri, *_ in outcomes).items():
        if count > 1:
            yield f"{count} outcomes for {uri}"
    found = {uri: rest for uri, *rest in outcomes}
    closed = [uri for uri, (outcome, *_) in found.items() if outcome == "unreadable" and _is_folder(uri, wanted)]
    for uri in found.keys() - wanted.keys() - set(closed):
        yield f"an outcome for what is not there: {uri} {found[uri]}"
    for uri, each in wanted.items():
        if uri in found:
            yield from _fate(uri, each, *found[uri], good)
        elif not any(uri.startswith(folder) for folder in closed):
            yield f"no outcome for {uri} ({each.kind})"
        elif good:
            yield f"green, though {uri} lies in a folder that could not be listed"


def _is_folder(uri: str, wanted: dict[str, Expected]) -> bool:
    return uri.endswith("/") and any(other.startswith(uri) for other in wanted)


def _fate(uri: str, each: Expected, outcome: str, sha256: str | None, reason: str | None, good: bool) -> Iterator[str]:
    if each.kind != "good":
        if outcome not in _ALLOWED[each.kind]:
            yield f"{uri} ({each.kind}) is called {outcome}: {reason}"
        elif outcome != "duplicate" and not reason:
            yield f"{uri} ({each.kind}) is {outcome} without a reason"
    elif outcome not in SEEN:
        if good:
            yield f"green, though {uri} is {outcome}: {reason}"
        if not reason:
            yield f"{uri} is {outcome} without a reason"
    elif sha256 != each.sha256 and (good or (outcome, sha256) != ("duplicate", None)):  # nobody read it yet
        yield f"{uri} is {outcome} with content {sha256}, and has {each.sha256}"


def _predictions(conn: connection, model: str, floor: float, seen: set[str], reference: Reference) -> Iterator[str]:
    """One prediction for each content, and the one that an undisturbed network gives."""
    rows = _all(
        conn,
        "SELECT sha256, floor, class_ids, scores, x1, y1, x2, y2 FROM predictions"
        " WHERE model = %s AND sha256 = ANY(%s)",
        model,
        list(seen),
    )
    for content in seen - {sha for sha, *_ in rows}:
        yield f"no prediction for {content}"
    for content, count in Counter(sha for sha, *_ in rows).items():
        if count > 1:
            yield f"{count} predictions for {content}"
    for content, stored, *columns in rows:
        found = [list(map(float, detection)) for detection in zip(*columns, strict=True)]
        if difference := reference.difference(content, found, max(floor, stored)):
            yield f"the prediction for {content} is not the undisturbed one: it {difference}"


def litter(places: Places) -> list[str]:
    """What killed processes left in storage and in the folder for temporary files, by name."""
    folders = (places.storage, places.temporary)
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in paths if _is_litter(path, places)]


def _is_litter(path: Path, places: Places) -> bool:
    """Parts of a chunk that never finished are kept for whoever runs it again."""
    if path.is_relative_to(places.temporary) or path.name.startswith("."):
        return True
    chunk = path.parent.name.removesuffix(".parts")
    return path.parent.name.endswith(".parts") and (path.parent.parent / f"{chunk}.done.json").exists()


def _all(conn: connection, query: str, *values: Any) -> list[Any]:
    with conn.cursor() as cur:
        cur.execute(query, list(values))
        return cur.fetchall()


def _one(conn: connection, query: str, *values: Any) -> Any:
    rows = _all(conn, query, *values)
    return rows[0] if rows else None


def state_of(dsn: str, run_id: str) -> str | None:
    """What the warehouse calls a run; None where it knows none."""
    with closing(psycopg2.connect(dsn)) as conn:
        row = _one(conn, "SELECT state FROM runs WHERE run_id = %s", run_id)
    return str(row[0]) if row else None
