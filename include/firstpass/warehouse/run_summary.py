"""A run in numbers."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection, cursor

from firstpass.settings import settings
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.runs import find_run
from firstpass.warehouse.undone import undone
from firstpass.warehouse.verdicts import load_verdict


def run_summary(conn: connection, run_id: str, most_quarantined: int = 1000) -> dict[str, Any]:
    """What the run did, ready for JSON.

    images: every image that has an outcome. detections: stored by this run itself, from its floor up; new_drafts: those
    of them that reach the thresholds. drafts and drafts_per_class (name → count, most frequent first): all that its
    images have, from earlier runs too. floor_lowered: whether a threshold below the model's floor lowered the run's.
    older_revision: images whose prediction an older revision of the model's kind made; higher_floor: those whose
    prediction is stored from a higher floor than the run's own. quarantined: uri and reason of what was unreadable or
    missing, at most `most_quarantined`. undone: images that failed or could not be read though they are there;
    left_undone: a sentence about them, empty where there are none. images_per_second: images inferred over the seconds
    of the stage `infer`; 0 when nothing was. verdict: of the checks, None where there were none; checks: how many
    hold, do not hold and had nothing to check; failed_checks: those that do not hold. devices: what chunks ran on
    (name → chunks). error: stage, problem and fix of a run that failed, else None. A run that failed before it had
    a model version has the model that was asked for, and threshold and floor None where they were not settled.
    pruned_at: when a prune removed the run's images, None for one that has them; its counts stay, and what would be
    counted among its images now (drafts, drafts_per_class, older_revision, higher_floor, undone) is None.
    Raises FirstpassError for an unknown run; `latest` is understood.
    """
    run_id = find_run(conn, run_id)
    with transaction(conn) as cur:
        cur.execute(
            "SELECT r.state, coalesce(r.model, r.asked_model), r.images_uri, r.spec, r.floor, r.stages, r.started_at,"
            " r.finished_at, r.error, r.floor < coalesce(m.floor, %s, m.threshold / 2)::real, r.pruned_at"
            " FROM runs r LEFT JOIN models m USING (model) WHERE run_id = %s",
            [settings().floor, run_id],
        )
        state, model, images_uri, spec, floor, stages, started, finished, error, lowered, pruned = cur.fetchall()[0]
        cur.execute(
            "SELECT outcome, sum(images)::bigint, sum(detections)::bigint, sum(drafts)::bigint FROM run_outcomes"
            " WHERE run_id = %s GROUP BY outcome",
            [run_id],
        )
        counted = cur.fetchall()
        outcomes = {outcome: count for outcome, count, *_ in counted}
        classes = _drafts_per_class(cur, run_id, model)
        cur.execute(
            "SELECT count(*) FILTER (WHERE revision < %s), count(*) FILTER (WHERE floor > %s::real)"
            " FROM run_predictions WHERE run_id = %s",
            [spec.get("revision", 1), floor, run_id],
        )
        older_revision, higher_floor = cur.fetchall()[0]
        cur.execute(
            "SELECT uri, coalesce(reason, outcome) FROM run_images"
            " WHERE run_id = %s AND outcome IN ('unreadable', 'missing') ORDER BY uri LIMIT %s",
            [run_id, most_quarantined],
        )
        quarantined = [{"uri": uri, "reason": reason} for uri, reason in cur.fetchall()]
        stages = {"infer": _infer_seconds(cur, run_id)} | stages
        devices = _devices(cur, run_id)
    verdict = load_verdict(conn, run_id)
    left = undone(conn, run_id)
    inferred = outcomes.get("ok", 0) + outcomes.get("empty", 0)
    seconds = (finished - started).total_seconds() if finished else sum(stages.values())
    return {
        "run_id": run_id,
        "state": state,
        "model": model,
        "images_uri": images_uri,
        "threshold": spec.get("threshold"),
        "floor": floor,
        "floor_lowered": bool(lowered),
        "started_at": started.isoformat(),
        "images": sum(outcomes.values()),
        "outcomes": outcomes,
        "detections": sum(detections for *_, detections, _ in counted),
        "new_drafts": sum(drafts for *_, drafts in counted),
        "drafts": None if pruned else sum(classes.values()),
        "drafts_per_class": None if pruned else classes,
        "older_revision": None if pruned else older_revision,
        "higher_floor": None if pruned else higher_floor,
        "empty": outcomes.get("empty", 0),
        "unreadable": outcomes.get("unreadable", 0),
        "missing": outcomes.get("missing", 0),
        "skipped_known": outcomes.get("known", 0),
        "duplicates": outcomes.get("duplicate", 0),
        "failed": outcomes.get("failed", 0),
        "undone": None if pruned else left.images,
        "left_undone": left.sentence,
        "seconds_per_stage": stages,
        "seconds": round(seconds, 3),
        "images_per_second": round(inferred / stages["infer"], 2) if inferred and stages["infer"] else 0.0,
        "quarantined": quarantined,
        "verdict": verdict.state if verdict else None,
        "checks": {str(state): count for state, count in verdict.counts.items()} if verdict else None,
        "failed_checks": [
            {"severity": each.severity, "sentence": each.sentence, "observed": each.observed}
            for each in (verdict.failures if verdict else ())
        ],
        "devices": devices,
        "error": error,
        "pruned_at": pruned and pruned.isoformat(),
    }


def _drafts_per_class(cur: cursor, run_id: str, model: str) -> dict[str, int]:
    cur.execute(
        "SELECT coalesce(name, 'class ' || counted.class_id), drafts FROM ("
        " SELECT class_id, count(*) AS drafts FROM run_predictions, unnest(class_ids, scores) AS d (class_id, score)"
        " WHERE run_id = %s AND reaches(score, class_id, threshold, class_thresholds) GROUP BY class_id"
        ") counted LEFT JOIN classes c ON c.class_id = counted.class_id AND c.model = %s"
        " ORDER BY drafts DESC, counted.class_id",
        [run_id, model],
    )
    return dict(cur.fetchall())


def _devices(cur: cursor, run_id: str) -> dict[str, int]:
    cur.execute(
        "SELECT marker ->> 'device', count(*) FROM chunks WHERE run_id = %s AND state = 'merged'"
        " AND marker ->> 'device' <> '' GROUP BY 1 ORDER BY 2 DESC, 1",
        [run_id],
    )
    return dict(cur.fetchall())


def _infer_seconds(cur: cursor, run_id: str) -> float:
    """Chunks run side by side in tasks of their own: without their clocks, the longest one is the least it took."""
    cur.execute("SELECT coalesce(max(seconds), 0)::float8 FROM chunks WHERE run_id = %s", [run_id])
    return float(cur.fetchall()[0][0])
