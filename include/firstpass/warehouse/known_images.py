"""What earlier runs left that spares this one work."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from psycopg2.extensions import connection

from firstpass.warehouse.connection import transaction
from firstpass.warehouse.copy_encoding import array_literal

_BATCH = 10_000  # keys a query: memory and statement size stay bounded however many there are


def known(conn: connection, model: str, lowest: float, sha256s: Iterable[str]) -> set[str]:
    """Those of the contents for which this model version's detections from the score `lowest` up are stored.

    lowest: the run's lowest threshold. Predictions of an older revision count: renewing them is for people to decide.
    """
    found: set[str] = set()
    with transaction(conn) as cur:
        keys = iter(sha256s)
        while batch := list(islice(keys, _BATCH)):
            cur.execute(
                "SELECT sha256 FROM predictions WHERE sha256 = ANY(%s::text[]) AND model = %s AND floor <= %s::real",
                [array_literal(batch), model, lowest],
            )
            found.update(row[0] for row in cur)
    return found


def remembered(conn: connection, uris: Iterable[str]) -> dict[str, tuple[str, str, int | None, int | None]]:
    """URI → (etag, sha256, width, height) as last seen, so that files whose etag still fits are not read again.

    Images that could not be read at all are not among them. Width and height are None for what could not be decoded.
    """
    found: dict[str, tuple[str, str, int | None, int | None]] = {}
    with transaction(conn) as cur:
        keys = iter(uris)
        while batch := list(islice(keys, _BATCH)):
            cur.execute(
                "SELECT uri, etag, sha256, width, height FROM images"
                " WHERE uri = ANY(%s::text[]) AND sha256 IS NOT NULL",
                [array_literal(batch)],
            )
            found.update((row[0], row[1:]) for row in cur)
    return found
