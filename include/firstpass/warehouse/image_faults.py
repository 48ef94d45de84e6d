"""What is wrong with an image, remembered by its bytes and by what the verdict depended on: see decision 0018."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection, cursor
from psycopg2.extras import Json

from firstpass.contracts.image_source import NEEDS_MEMORY
from firstpass.contracts.outcome import Outcome
from firstpass.images.limits import Limits
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.copy_encoding import array_literal

_BATCH = 10_000  # keys a query: memory and statement size stay bounded however many there are
_DEATHS = 2  # alone in its process: one might be somebody else's doing
_JUDGED = pa.array([str(Outcome.OK), str(Outcome.EMPTY), str(Outcome.UNREADABLE)])


def faults(conn: connection, model: str, limits: Limits, sha256s: Iterable[str]) -> dict[str, str]:
    """Those of the contents that this model version need not try within these limits → why."""
    found: dict[str, str] = {}
    with transaction(conn) as cur:
        keys = iter(sha256s)
        while batch := list(islice(keys, _BATCH)):
            cur.execute(
                "SELECT sha256, reason FROM image_faults"
                " WHERE sha256 = ANY(%s::text[]) AND model IN ('', %s) AND still_holds(limits, %s)"
                " AND (deaths = 0 OR deaths >= %s)",
                [array_literal(batch), model, Json(limits), _DEATHS],
            )
            found.update(cur)
    return found


def remember_judged(cur: cursor, run_id: str, model: str, rows: pa.RecordBatch, limits: Limits | None) -> None:
    """What a chunk found takes the place of what was remembered of its contents, for this model version.

    rows: of its result. limits: those that its process had; None for a result of an earlier release, whose faults are
    not remembered. Nor are those of images that could not be read at all, so that their content is not known, and of
    images for which there was not enough memory, which depends on the moment.
    """
    judged = rows.filter(pc.and_(pc.is_in(rows["outcome"], _JUDGED), pc.is_valid(rows["sha256"])))
    cur.execute(
        "DELETE FROM image_faults WHERE sha256 = ANY(%s::text[]) AND model IN ('', %s)",
        [array_literal(judged["sha256"].to_pylist()), model],
    )
    if limits and (reasons := _lasting(judged)):
        cur.execute(_INSERT, _values(run_id, model, reasons, limits, {}))


def remember_killers(cur: cursor, run_id: str, model: str, rows: pa.RecordBatch, marker: dict[str, Any]) -> None:
    """Images of a chunk that killed its process are remembered; after the second death alone they are not tried again.

    rows: of its result. marker: its done-marker, see `inference.chunk_inference.infer`. Deaths in earlier runs count,
    if the limits were as high as now or higher. The images' contents are noted under their URIs as well.
    """
    deaths = {each["sha256"]: int(each["deaths"]) for each in marker.get("killers", ())}
    if not deaths or not marker.get("limits"):
        return
    killers = rows.filter(pc.and_(pc.equal(rows["outcome"], str(Outcome.FAILED)), pc.is_valid(rows["sha256"])))
    pairs = zip(killers["sha256"].to_pylist(), killers["reason"].to_pylist(), strict=True)
    reasons = {sha256: f"{reason}, in the run {run_id}{_TO_DO}" for sha256, reason in pairs if sha256 in deaths}
    cur.execute(_INSERT, _values(run_id, model, reasons, marker["limits"], deaths))
    _keep_contents(cur, run_id, [row for row in killers.to_pylist() if row["sha256"] in deaths])


def remember_headers(cur: cursor, run_id: str, model: str, limits: Limits) -> None:
    """What the catalogue refused for its header, or its size, is the same for every model.

    What the catalogue of a run of this model version decided lies in the table `decided_images`. Contents of which it
    took the reason from here are left as they are.
    """
    values = {"run_id": run_id, "model": model, "limits": Json(limits), "moment": NEEDS_MEMORY}
    cur.execute(_HEADERS, values)


_RENEW = (
    " ON CONFLICT (sha256, model) DO UPDATE SET reason = excluded.reason, limits = excluded.limits,"
    " run_id = excluded.run_id, deaths = CASE"
    " WHEN excluded.deaths = 0 OR NOT still_holds(f.limits, excluded.limits) THEN excluded.deaths"
    " WHEN f.run_id = excluded.run_id THEN greatest(f.deaths, excluded.deaths)"  # the same chunk, merged again
    " ELSE f.deaths + excluded.deaths END"
)
_HEADERS = (
    "INSERT INTO image_faults AS f (sha256, model, reason, deaths, limits, run_id)"  # noqa: S608 - constants
    " SELECT DISTINCT ON (sha256) sha256, '', reason, 0, %(limits)s, %(run_id)s FROM decided_images new"
    " WHERE outcome = 'unreadable' AND sha256 IS NOT NULL AND reason <> '' AND NOT starts_with(reason, %(moment)s)"
    " AND NOT EXISTS (SELECT FROM image_faults f WHERE f.sha256 = new.sha256 AND f.model IN ('', %(model)s)"
    " AND still_holds(f.limits, %(limits)s)) ORDER BY sha256, uri" + _RENEW
)
_INSERT = (
    "INSERT INTO image_faults AS f (sha256, model, reason, deaths, limits, run_id)"  # noqa: S608 - constants
    " SELECT new.sha256, %(model)s, new.reason, new.deaths, %(limits)s, %(run_id)s"
    " FROM unnest(%(sha256s)s::text[], %(reasons)s::text[], %(deaths)s::integer[]) AS new (sha256, reason, deaths)"
    + _RENEW
)
_TO_DO = (
    ". It is not tried again before its process may hold more memory (FIRSTPASS_MEMORY, in a cluster"
    " FIRSTPASS_KUBERNETES_MEMORY), or you ask for it with `reprocess`"
)


def _values(
    run_id: str, model: str, reasons: dict[str, str], limits: Limits, deaths: dict[str, int]
) -> dict[str, object]:
    return {
        "run_id": run_id,
        "model": model,
        "limits": Json(limits),
        "sha256s": array_literal(list(reasons)),
        "reasons": array_literal(list(reasons.values())),
        "deaths": [deaths.get(sha256, 0) for sha256 in reasons],
    }


def _lasting(rows: pa.RecordBatch) -> dict[str, str]:
    """Content → why it is unreadable, for what will be so tomorrow."""
    found = rows.filter(pc.and_(pc.equal(rows["outcome"], str(Outcome.UNREADABLE)), pc.is_valid(rows["sha256"])))
    pairs = zip(found["sha256"].to_pylist(), found["reason"].to_pylist(), strict=True)
    return {sha256: reason for sha256, reason in pairs if reason and not reason.startswith(NEEDS_MEMORY)}


def _keep_contents(cur: cursor, run_id: str, rows: Sequence[dict[str, Any]]) -> None:
    """Let the next night know what lies under these URIs: of an object in storage only the listing is looked at.

    Where the content is the one that was seen before, its earlier drafts stay current.
    """
    for row in rows:
        cur.execute(
            "INSERT INTO images (uri, sha256, etag, size, task, frame, run_id, seen_at)"
            " SELECT %(uri)s, %(sha256)s, %(etag)s, %(size)s, %(task)s, %(frame)s, run_id, started_at"
            " FROM runs WHERE run_id = %(run)s"
            " ON CONFLICT (uri) DO UPDATE SET sha256 = excluded.sha256, etag = excluded.etag, size = excluded.size,"
            " width = NULL, height = NULL, model = NULL, run_id = excluded.run_id, seen_at = excluded.seen_at"
            " WHERE images.sha256 IS DISTINCT FROM excluded.sha256 AND images.seen_at <= excluded.seen_at",
            {**{name: row[name] for name in ("uri", "sha256", "etag", "size", "task", "frame")}, "run": run_id},
        )
