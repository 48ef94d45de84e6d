"""A run in numbers."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection, cursor

from firstpass.warehouse.connection import transaction
from firstpass.warehouse.runs import find_run


def run_summary(conn: connection, run_id: str, most_quarantined: int = 1000) -> dict[str, Any]:
    """What the run did, ready for JSON.

    images: every image that has an outcome. detections and detections_per_class (name → count, most frequent first):
    found by this run itself; drafts: all that its images have, from earlier runs too. quarantined: uri and reason of
    what was unreadable or missing, at most `most_quarantined`. images_per_second: images inferred over the seconds of
    the stage `infer`; 0 when nothing was. Raises FirstpassError for an unknown run; `latest` is understood.
    """
    run_id = find_run(conn, run_id)
    with transaction(conn) as cur:
        cur.execute(
            "SELECT state, model, images_uri, spec, stages, started_at, finished_at FROM runs WHERE run_id = %s",
            [run_id],
        )
        state, model, images_uri, spec, stages, started, finished = cur.fetchall()[0]
        cur.execute("SELECT outcome, count(*) FROM outcomes WHERE run_id = %s GROUP BY outcome", [run_id])
        outcomes = dict(cur.fetchall())
        classes, drafts = _detections(cur, run_id, model)
        cur.execute(
            "SELECT uri, coalesce(reason, outcome) FROM outcomes"
            " WHERE run_id = %s AND outcome IN ('unreadable', 'missing') ORDER BY uri LIMIT %s",
            [run_id, most_quarantined],
        )
        quarantined = [{"uri": uri, "reason": reason} for uri, reason in cur.fetchall()]
        stages = {"infer": _infer_seconds(cur, run_id)} | stages
    inferred = outcomes.get("ok", 0) + outcomes.get("empty", 0)
    seconds = (finished - started).total_seconds() if finished else sum(stages.values())
    return {
        "run_id": run_id,
        "state": state,
        "model": model,
        "images_uri": images_uri,
        "threshold": spec["threshold"],
        "started_at": started.isoformat(),
        "images": sum(outcomes.values()),
        "outcomes": outcomes,
        "detections": sum(classes.values()),
        "detections_per_class": classes,
        "drafts": drafts,
        "empty": outcomes.get("empty", 0),
        "unreadable": outcomes.get("unreadable", 0),
        "missing": outcomes.get("missing", 0),
        "skipped_known": outcomes.get("known", 0),
        "duplicates": outcomes.get("duplicate", 0),
        "failed": outcomes.get("failed", 0),
        "seconds_per_stage": stages,
        "seconds": round(seconds, 3),
        "images_per_second": round(inferred / stages["infer"], 2) if inferred and stages["infer"] else 0.0,
        "quarantined": quarantined,
    }


def _detections(cur: cursor, run_id: str, model: str) -> tuple[dict[str, int], int]:
    """Found by the run itself, by name of class; and all that its images have."""
    cur.execute(
        "SELECT coalesce(name, 'class ' || counted.class_id), found, total FROM ("
        " SELECT class_id, count(*) FILTER (WHERE outcome = 'ok') AS found, count(*) AS total"
        " FROM run_predictions, unnest(class_ids) AS class_id WHERE run_id = %s GROUP BY class_id"
        ") counted LEFT JOIN classes c ON c.class_id = counted.class_id AND c.model = %s"
        " ORDER BY found DESC, counted.class_id",
        [run_id, model],
    )
    rows = cur.fetchall()
    return {name: found for name, found, _ in rows if found}, sum(total for *_, total in rows)


def _infer_seconds(cur: cursor, run_id: str) -> float:
    """Chunks run side by side in tasks of their own: without their clocks, the longest one is the least it took."""
    cur.execute("SELECT coalesce(max(seconds), 0)::float8 FROM chunks WHERE run_id = %s", [run_id])
    return float(cur.fetchall()[0][0])
