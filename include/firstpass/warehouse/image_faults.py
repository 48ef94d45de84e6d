"""What is wrong with an image, remembered by its bytes and by what the verdict depended on: see decision 0018."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection, cursor
from psycopg2.extras import Json

from firstpass.contracts.image_source import NEEDS_MEMORY
from firstpass.contracts.outcome import Outcome
from firstpass.images.limits import Limits
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.copy_encoding import array_literal

_ANY_MODEL = ""
_BATCH = 10_000  # keys a query: memory and statement size stay bounded however many there are
_JUDGED = pa.array([str(Outcome.OK), str(Outcome.EMPTY), str(Outcome.UNREADABLE)])


def faults(conn: connection, model: str, limits: Limits, sha256s: Iterable[str]) -> dict[str, str]:
    """Those of the contents that this model version need not try within these limits → why."""
    found: dict[str, str] = {}
    with transaction(conn) as cur:
        keys = iter(sha256s)
        while batch := list(islice(keys, _BATCH)):
            cur.execute(
                "SELECT sha256, reason FROM image_faults"
                " WHERE sha256 = ANY(%s::text[]) AND model IN ('', %s) AND still_holds(limits, %s)",
                [array_literal(batch), model, Json(limits)],
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
        cur.execute(_INSERT.format(but=""), _values(run_id, model, reasons, limits))


def remember_headers(cur: cursor, run_id: str, model: str, rows: pa.RecordBatch, limits: Limits) -> None:
    """What the catalogue refused for its header, or its size, is the same for every model.

    rows: of the catalogue of a run of this model version. Contents of which it took the reason from here are left as
    they are.
    """
    if reasons := _lasting(rows):
        but = (
            " WHERE NOT EXISTS (SELECT FROM image_faults f WHERE f.sha256 = new.sha256"
            " AND f.model IN ('', %(asked)s) AND still_holds(f.limits, %(limits)s))"
        )
        cur.execute(_INSERT.format(but=but), {**_values(run_id, _ANY_MODEL, reasons, limits), "asked": model})


_INSERT = (
    "INSERT INTO image_faults (sha256, model, reason, deaths, limits, run_id)"
    " SELECT new.sha256, %(model)s, new.reason, 0, %(limits)s, %(run_id)s"
    " FROM unnest(%(sha256s)s::text[], %(reasons)s::text[]) AS new (sha256, reason){but}"
    " ON CONFLICT (sha256, model) DO UPDATE SET reason = excluded.reason, deaths = excluded.deaths,"
    " limits = excluded.limits, run_id = excluded.run_id"
)


def _values(run_id: str, model: str, reasons: dict[str, str], limits: Limits) -> dict[str, object]:
    return {
        "run_id": run_id,
        "model": model,
        "limits": Json(limits),
        "sha256s": array_literal(list(reasons)),
        "reasons": array_literal(list(reasons.values())),
    }


def _lasting(rows: pa.RecordBatch) -> dict[str, str]:
    """Content → why it is unreadable, for what will be so tomorrow."""
    found = rows.filter(pc.and_(pc.equal(rows["outcome"], str(Outcome.UNREADABLE)), pc.is_valid(rows["sha256"])))
    pairs = zip(found["sha256"].to_pylist(), found["reason"].to_pylist(), strict=True)
    return {sha256: reason for sha256, reason in pairs if reason and not reason.startswith(NEEDS_MEMORY)}
