"""What the catalogues of a series decide, written when it changes and not every night: see decision 0025."""

from __future__ import annotations

from psycopg2.extensions import cursor

from firstpass.contracts.run_spec import RunSpec
from firstpass.images.sources import one_spelling

_NUMBER = (
    "INSERT INTO series (source, model) VALUES (%s, %s)"
    " ON CONFLICT (source, model) DO UPDATE SET listings = series.listings + 1 RETURNING series, listings"
)
_CLOSE = (
    "UPDATE standing_outcomes s SET until = %(listing)s WHERE s.series = %(series)s AND s.until = 2147483647"
    " AND NOT EXISTS (SELECT FROM decided_images d WHERE d.uri = s.uri AND d.outcome = s.outcome"
    " AND (d.sha256, d.width, d.height, d.task, d.frame, d.reason)"
    " IS NOT DISTINCT FROM (s.sha256, s.width, s.height, s.task, s.frame, s.reason))"
)
_OPEN = (
    "INSERT INTO standing_outcomes"
    " (series, uri, since, outcome, sha256, width, height, task, frame, reason)"
    " SELECT %(series)s, uri, %(listing)s, outcome, sha256, width, height, task, frame, reason FROM decided_images d"
    " WHERE outcome <> 'duplicate' AND NOT EXISTS (SELECT FROM standing_outcomes s"
    " WHERE s.series = %(series)s AND s.uri = d.uri AND s.until = 2147483647)"
)
_COUNT = (
    "INSERT INTO listings (run_id, series, listing, known, unreadable, missing)"
    " SELECT %(run_id)s, %(series)s, %(listing)s, count(*) FILTER (WHERE outcome = 'known'),"
    " count(*) FILTER (WHERE outcome = 'unreadable'), count(*) FILTER (WHERE outcome = 'missing') FROM decided_images"
)


def add_listing(cur: cursor, spec: RunSpec) -> None:
    """Make what the run's catalogue decided the newest listing of its series.

    It lies in the table `decided_images`; its duplicates are left out, since they do not stand. A run that has a
    listing must lose it first. The series is locked until the transaction ends, so two catalogues of one series become
    two listings, one after the other.
    """
    cur.execute(_NUMBER, [one_spelling(spec.images), spec.model])
    series, listing = cur.fetchall()[0]
    values = {"run_id": spec.run_id, "series": series, "listing": listing}
    for statement in (_CLOSE, _OPEN, _COUNT):
        cur.execute(statement, values)


def next_listing(cur: cursor, run_id: str) -> tuple[int, int] | None:
    """The run's series and the number that its next listing will have; None for a run that has no listing.

    It stays the next one for as long as the caller has its turn (see `merge_turn`).
    """
    cur.execute("SELECT series, listings + 1 FROM listings JOIN series USING (series) WHERE run_id = %s", [run_id])
    return cur.fetchone()
