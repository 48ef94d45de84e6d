"""How the publishing of each run in each task went: written for the report, and read by whoever asks afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import Json

from firstpass.cvat.labels.mapping import Decision


@dataclass(slots=True)
class Publication:
    """One run in one task.

    state: running, published, waiting (for a review), refused (in one), failed or withdrawn; reason says why.
    threshold: the run's for all classes, or the one that was given. shapes: sent this time; shapes_in_task: of this
    model and settings, now. replaced: shapes of older versions taken away; kept: shapes of ours that stayed because a
    person had edited them. left_alone: reason → frames; dropped: reason → drafts; filled: class → drafts whose holes
    were filled, because the label takes outlines; lost: shapes of this model and settings that CVAT did not take.
    """

    run_id: str
    server: str
    task: int
    model: str
    state: str = "running"
    reason: str | None = None
    task_name: str = ""
    scope: str = ""
    decisions: tuple[Decision, ...] = ()
    frames: int = 0
    shapes: int = 0
    shapes_in_task: int = 0
    replaced: int = 0
    kept: int = 0
    lost: int = 0
    left_alone: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    threshold: float | None = None

    def counts(self) -> dict[str, Any]:
        """All the numbers, ready for JSON."""
        names = ("frames", "shapes", "shapes_in_task", "replaced", "kept", "lost")
        more = {
            "left_alone": dict(self.left_alone),
            "dropped": dict(self.dropped),
            "filled": dict(self.filled),
            "threshold": self.threshold,
        }
        return {name: getattr(self, name) for name in names} | more

    def to_json(self) -> dict[str, Any]:
        """One entry of the summary; the mapping's decisions are in the warehouse and in the report."""
        return {
            "task": self.task,
            "name": self.task_name,
            "url": f"{self.server}/tasks/{self.task}",
            "state": self.state,
            "reason": self.reason,
            **self.counts(),
        }


def save(conn: connection, publication: Publication) -> None:
    """Write it down in place of what was said of this run and task before."""
    p = publication
    with conn, conn.cursor() as cur:
        cur.execute(
            "INSERT INTO publications (run_id, server, task, task_name, scope, model, state, reason, mapping, counts)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, server, task) DO UPDATE"
            " SET task_name = excluded.task_name, scope = excluded.scope, state = excluded.state,"
            " reason = excluded.reason, mapping = excluded.mapping, counts = excluded.counts, changed_at = now()",
            [p.run_id, p.server, p.task, p.task_name, p.scope, p.model, p.state, p.reason,
             Json([d.to_json() for d in p.decisions]), Json(p.counts())],
        )  # fmt: skip


def summarise(run_id: str, publications: list[Publication]) -> dict[str, Any]:
    """The whole run, ready for JSON: totals, and one entry per task."""
    totals = ("frames", "shapes", "shapes_in_task", "replaced", "kept", "lost")
    states = Counter(p.state for p in publications)
    return {
        "run_id": run_id,
        "state": states.most_common(1)[0][0] if len(states) == 1 else "partial" if states else "published",
        **{name: sum(getattr(p, name) for p in publications) for name in totals},
        "tasks": [p.to_json() for p in publications],
    }


def waiting_runs(conn: connection, server: str, scope: str, model: str) -> list[str]:
    """Runs whose publishing waits for a review of this mapping, the oldest first."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT run_id FROM publications WHERE server = %s AND scope = %s AND model = %s AND state = 'waiting'"
            " GROUP BY run_id ORDER BY min(changed_at)",
            [server, scope, model],
        )
        return [row[0] for row in cur]


def publications_of(conn: connection, run_id: str) -> list[dict[str, Any]]:
    """The CVAT tasks that the run was published in: url, task, name, state, reason, mapping (decisions) and counts."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT server || '/tasks/' || task, task, task_name, state, reason, mapping, counts"
            " FROM publications WHERE run_id = %s ORDER BY task",
            [run_id],
        )
        names = ("url", "task", "name", "state", "reason", "mapping", "counts")
        return [dict(zip(names, row, strict=True)) for row in cur]


def unpublished(conn: connection, server: str, wanted: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Of these runs and their tasks those that were not published yet, or failed to be; the order of runs is kept."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT run_id, task FROM publications WHERE server = %s AND run_id = ANY(%s::text[])"
            " AND state NOT IN ('running', 'failed')",
            [server, list(wanted)],
        )
        done = set(cur.fetchall())
    left = {run_id: [task for task in tasks if (run_id, task) not in done] for run_id, tasks in wanted.items()}
    return {run_id: tasks for run_id, tasks in left.items() if tasks}


def mark_withdrawn(conn: connection, run_id: str, server: str, task: int) -> None:
    """The run's shapes were taken out of this task."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "UPDATE publications SET state = 'withdrawn', changed_at = now()"
            " WHERE run_id = %s AND server = %s AND task = %s",
            [run_id, server, task],
        )
