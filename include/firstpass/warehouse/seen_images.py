"""The table `images`: where each image was seen last, kept up to date by merges."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor

_COLUMNS = "uri, sha256, etag, size, width, height, task, frame, model, run_id, seen_at"

# Rows that say nothing new stay as they are, and so do those of a run that started later than this one. Other
# thresholds than those of the run that saw an image last are new: its drafts are others.
_DELETE = sql.SQL(
    "DELETE FROM images i USING {staged} s, runs seen, runs now"
    " WHERE i.uri = s.uri AND i.seen_at <= s.seen_at AND seen.run_id = i.run_id AND now.run_id = %s"
    " AND (i.sha256, i.etag, i.size, i.model, seen.threshold, seen.class_thresholds)"
    " IS DISTINCT FROM (s.sha256, s.etag, s.size, s.model, now.threshold, now.class_thresholds)"
)
_INSERT = sql.SQL(
    f"INSERT INTO images ({_COLUMNS}) SELECT {_COLUMNS} FROM {{staged}} s"  # noqa: S608 - constants
    " WHERE NOT EXISTS (SELECT FROM images i WHERE i.uri = s.uri) ON CONFLICT DO NOTHING"
)


def renew_images(cur: cursor, run_id: str, staged: str) -> None:
    """Take over what the run saw: `staged` is a table or view with the columns of `images`, each URI once."""
    relation = sql.Identifier(staged)
    cur.execute(_DELETE.format(staged=relation), [run_id])
    cur.execute(_INSERT.format(staged=relation))
