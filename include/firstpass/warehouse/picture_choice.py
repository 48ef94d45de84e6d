"""Which images of a run are worth a picture in its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection

from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.predictions import COLUMNS, to_drafts

_OF_THE_IMAGE = {"uri", "task", "frame", "width", "height"}  # of COLUMNS; the others are the prediction's

# A third least certain, a third most crowded, and the rest at random, yet the same whenever the report is built again.
_CHOOSE = """
WITH predicted AS (
    SELECT DISTINCT ON (p.sha256) p.sha256, p.model, p.uri, p.task, p.frame, p.width, p.height, d.drafts, d.certainty
    FROM run_predictions p
    CROSS JOIN LATERAL (
        SELECT count(*) AS drafts, nullif(avg(score), 'NaN') AS certainty
        FROM unnest(p.class_ids, p.scores) AS u (class_id, score)
        WHERE reaches(score, class_id, p.threshold, p.class_thresholds)
    ) d
    WHERE p.run_id = %(run_id)s AND p.outcome = ANY(%(outcomes)s)
    ORDER BY p.sha256, p.uri
), ranked AS (
    SELECT *, least(
               3 * row_number() OVER (ORDER BY certainty NULLS LAST, sha256) - 2,
               3 * row_number() OVER (ORDER BY drafts DESC, sha256) - 1,
               3 * row_number() OVER (ORDER BY drafts = 0, sha256)) AS place
    FROM predicted
), chosen AS (
    SELECT * FROM ranked ORDER BY place, sha256 LIMIT %(limit)s
)
SELECT coalesce(i.size, 0), coalesce(i.etag, ''), c.sha256, c.certainty, {columns}
FROM chosen c
JOIN predictions p ON p.sha256 = c.sha256 AND p.model = c.model
LEFT JOIN images i ON i.uri = c.uri
ORDER BY c.place, c.sha256
""".replace("{columns}", ", ".join(f"{'c' if name in _OF_THE_IMAGE else 'p'}.{name}" for name in COLUMNS))


@dataclass(frozen=True, slots=True)
class ChosenPicture:
    """An image for the gallery. certainty: the mean score of its drafts, None where it has none."""

    ref: ImageRef
    certainty: float | None
    drafts: ImageDrafts


def choose_pictures(
    conn: connection, run_id: str, thresholds: Thresholds, outcomes: list[str], limit: int
) -> list[ChosenPicture]:
    """At most `limit` images of the run with one of these outcomes, each content once.

    thresholds: the run's own.
    """
    with transaction(conn) as cursor:
        cursor.execute(_CHOOSE, {"run_id": run_id, "outcomes": outcomes, "limit": limit})
        return [_picture(row[:4], to_drafts(row[4:], thresholds)) for row in cursor]


def _picture(known: tuple[Any, ...], drafts: ImageDrafts) -> ChosenPicture:
    size, etag, sha256, certainty = known
    ref = ImageRef(drafts.uri, size, etag, drafts.width, drafts.height, sha256, drafts.task, drafts.frame)
    return ChosenPicture(ref, certainty, drafts)
