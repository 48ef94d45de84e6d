"""Who counts in CVAT: the shapes that lie in the double, beside the warehouse's raw predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2

from doubles.cvat import CvatDouble, Task
from night_storm.servers import Person
from night_storm.verify import SEEN
from night_storm.world import LABELS, World

_LABEL_OF = {label.replace("_", " ").lower(): label for label in LABELS}

Shapes = Counter[tuple[str, float]]
"""(Label, score) of a frame's drafts."""


def check_shapes(dsn: str, cvat: CvatDouble, world: World, person: Person, everything: bool) -> list[str]:
    """What is wrong in CVAT. everything: all that was inferred must have been published by now."""
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        cur.execute(
            "SELECT o.task, o.frame, o.run_id, (SELECT array_agg(ROW(c.name, u.score)::text)"
            "   FROM predictions p CROSS JOIN LATERAL unnest(p.class_ids, p.scores) AS u (class_id, score)"
            "   JOIN classes c ON c.model = p.model AND c.class_id = u.class_id"
            "   WHERE p.sha256 = o.sha256 AND p.model = r.model AND u.score >= r.threshold)"
            " FROM run_images o JOIN runs r USING (run_id)"
            " WHERE o.task IS NOT NULL AND o.outcome = ANY(%s) ORDER BY r.started_at",
            [list(SEEN)],
        )
        drafts = {(task, frame): _labelled(rows or []) for task, frame, _, rows in cur}
        cur.execute(
            "SELECT DISTINCT o.task, o.frame FROM publications p JOIN run_images o USING (run_id, task)"
            " WHERE p.state = 'published' AND o.outcome = ANY(%s)",
            [list(SEEN)],
        )
        published = set(cur.fetchall())
    broken = list(_person_kept(cvat, person))
    for number, task in cvat.state.tasks.items():
        for frame in range(task.size):
            if frame not in world.touched.get(number, ()):
                must = everything or (number, frame) in published
                broken += _frame(task, frame, drafts.get((number, frame), Counter()), must)
    return broken + [f"CVAT's schema: {problem}" for problem in cvat.problems]


def _person_kept(cvat: CvatDouble, person: Person) -> Iterator[str]:
    there = {number: shape for task in cvat.state.tasks.values() for number, shape in task.shapes.items()}
    for number, shape in person.theirs.items():
        if there.get(number) != shape:
            yield f"a person's shape was changed: {shape} is {there.get(number)}"


def _frame(task: Task, frame: int, wanted: Shapes, must: bool) -> Iterator[str]:
    names = {label.id: label.name for label in task.labels}
    shapes = [shape for shape in task.shapes.values() if shape["frame"] == frame]
    place = f"task {task.id}, frame {frame}"
    for shape, count in Counter((s["label_id"], s["score"], *s["points"]) for s in shapes).items():
        if count > 1:
            yield f"{place}: {count} times the same shape: {shape}"
    there: Shapes = Counter((names[shape["label_id"]], _rounded(shape["score"])) for shape in shapes)
    if too_much := there - wanted:
        yield f"{place}: shapes that nobody predicted: {dict(too_much)}"
    if must and (missing := wanted - there):
        yield f"{place}: shapes are missing: {dict(missing)}"


def _labelled(rows: list[Any]) -> Shapes:
    """From composite values as text, `("dining table",0.5)`, those whose class has a label."""
    found: Shapes = Counter()
    for name, score in (row.strip("()").rsplit(",", 1) for row in rows):
        label = _LABEL_OF.get(name.strip('"'))
        if label:
            found[label, _rounded(float(score))] += 1
    return found


def _rounded(score: float) -> float:
    return round(round(score, 4), 3)  # what is sent has four digits
