"""Pictures for the report: which ones to show, and their thumbnails as bounded JPEGs inside the page.

Boxes and polygons are not drawn into the pixels: they lie over them as vectors, sharp at any size and open to filters.
"""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from math import isfinite
from typing import Any
from urllib.parse import unquote

from PIL import Image
from psycopg2.extensions import connection

from firstpass.errors import FirstpassError
from firstpass.images.decode import UnreadableImage, decode
from firstpass.images.fetch import MissingImage, fetch
from firstpass.images.reference import ImageRef

SHAPES = 100  # drawn on one picture; the rest is counted
BUDGET = 14 * 2**20  # bytes of JPEG in one report
WORKERS = 4

# A third least certain, a third most crowded, and the rest at random, yet the same whenever the report is built again.
_CHOOSE = """
WITH drafts AS (
    SELECT DISTINCT ON (d.sha256) d.uri, d.sha256, d.width, d.height, d.task, d.frame, d.model, d.class_ids, d.scores,
           d.x1, d.y1, d.x2, d.y2, d.polygons, d.detections,
           nullif((SELECT avg(s) FROM unnest(d.scores) AS s), 'NaN') AS certainty
    FROM run_drafts d
    WHERE d.run_id = %(run_id)s AND d.outcome = ANY(%(outcomes)s)
    ORDER BY d.sha256, d.uri
), ranked AS (
    SELECT *, least(
               3 * row_number() OVER (ORDER BY certainty NULLS LAST, sha256) - 2,
               3 * row_number() OVER (ORDER BY detections DESC, sha256) - 1,
               3 * row_number() OVER (ORDER BY detections = 0, sha256)) AS place
    FROM drafts
)
SELECT r.uri, coalesce(i.size, 0), coalesce(i.etag, ''), r.width, r.height, r.sha256, r.task, r.frame, r.certainty,
       r.detections, r.class_ids[:%(shapes)s], r.scores[:%(shapes)s], r.x1[:%(shapes)s], r.y1[:%(shapes)s],
       r.x2[:%(shapes)s], r.y2[:%(shapes)s], r.polygons
FROM ranked r
LEFT JOIN images i ON i.uri = r.uri
ORDER BY r.place, r.sha256
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """One detection as the page draws it: `label` is the class's name, the rest in pixels of the stored image."""

    class_id: int
    label: str
    score: float
    x: float
    y: float
    width: float
    height: float
    polygons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of the gallery. `jpeg` is a data: URI, or None with the reason why there is no picture to show."""

    name: str
    uri: str
    width: int
    height: int
    certainty: float | None
    detections: int
    shapes: tuple[Shape, ...]
    jpeg: str | None
    missing: str | None


def pictures(conn: connection, run_id: str, outcomes: list[str], names: dict[int, str], limit: int) -> list[Picture]:
    """At most `limit` images of the run with one of these outcomes, drawn; each content once.

    An image that cannot be fetched any more, or whose bytes have changed since, is listed without its picture. Memory:
    WORKERS decoded images at a time.
    """
    with conn, conn.cursor() as cursor:
        cursor.execute(_CHOOSE, {"run_id": run_id, "outcomes": outcomes, "limit": limit, "shapes": SHAPES})
        rows = cursor.fetchall()
    side = 640 if len(rows) <= 48 else 480
    room = BUDGET // max(1, len(rows))
    with ThreadPoolExecutor(WORKERS, "thumbnails") as pool:
        return list(pool.map(lambda row: _picture(row, names, side, room), rows))


def _picture(row: tuple[Any, ...], names: dict[int, str], side: int, room: int) -> Picture:
    *reference, certainty, detections, class_ids, scores, x1, y1, x2, y2, polygons = row
    ref = ImageRef(*reference)
    shapes = tuple(
        Shape(c, names.get(c, f"class {c}"), s, left, top, right - left, bottom - top, _points(polygons, n))
        for n, (c, s, left, top, right, bottom) in enumerate(zip(class_ids, scores, x1, y1, x2, y2, strict=True))
        if all(map(isfinite, (left, top, right, bottom)))  # the checks have told of what cannot be drawn
    )
    jpeg, missing = None, None
    try:
        data = fetch(ref)
        if sha256(data).hexdigest() == ref.sha256:
            jpeg = thumbnail(data, side, room)
        else:
            missing = "has changed since it was inferred"
    except (MissingImage, UnreadableImage, FirstpassError) as error:
        missing = str(error)
    name = unquote(ref.uri).rsplit("/", 1)[-1]
    return Picture(name, ref.uri, ref.width or 1, ref.height or 1, certainty, detections, shapes, jpeg, missing)


def _points(polygons: list[list[list[float]]] | None, number: int) -> tuple[str, ...]:
    parts = polygons[number] if polygons else []
    return tuple(" ".join(f"{v:.1f}" for v in part) for part in parts)


def thumbnail(data: bytes, side: int, room: int) -> str:
    """A JPEG of at most `side` pixels and about `room` bytes as a data: URI, in stored pixel orientation.

    Raises UnreadableImage for bytes that do not decode.
    """
    image = Image.fromarray(decode(data))
    image.thumbnail((side, side), reducing_gap=2.0)
    for quality in (78, 60, 40, 20):
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= room:
            break
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
