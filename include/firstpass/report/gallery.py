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

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.errors import FirstpassError
from firstpass.images.decoding import decode
from firstpass.images.fetching import fetch
from firstpass.warehouse.picture_choice import choose_pictures

DRAFTS = 100  # drawn on one picture; the rest is counted
BUDGET = 14 * 2**20  # bytes of JPEG in one report
WORKERS = 4


@dataclass(frozen=True, slots=True)
class DrawnDraft:
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
class GalleryPicture:
    """One image of the gallery. `jpeg` is a data: URI, or None with the reason why there is no picture to show."""

    name: str
    uri: str
    width: int
    height: int
    certainty: float | None
    detections: int
    shapes: tuple[DrawnDraft, ...]
    jpeg: str | None
    missing: str | None


def pictures(
    conn: connection, run_id: str, outcomes: list[str], names: dict[int, str], limit: int
) -> list[GalleryPicture]:
    """At most `limit` images of the run with one of these outcomes, drawn; each content once.

    An image that cannot be fetched any more, or whose bytes have changed since, is listed without its picture. Memory:
    WORKERS decoded images at a time.
    """
    rows = choose_pictures(conn, run_id, outcomes, limit, DRAFTS)
    side = 640 if len(rows) <= 48 else 480
    room = BUDGET // max(1, len(rows))
    with ThreadPoolExecutor(WORKERS, "thumbnails") as pool:
        return list(pool.map(lambda row: _picture(row, names, side, room), rows))


def _picture(row: tuple[Any, ...], names: dict[int, str], side: int, room: int) -> GalleryPicture:
    *reference, certainty, detections, class_ids, scores, x1, y1, x2, y2, polygons = row
    ref = ImageRef(*reference)
    shapes = tuple(
        DrawnDraft(c, names.get(c, f"class {c}"), s, left, top, right - left, bottom - top, _points(polygons, n))
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
    name = unquote(ref.uri.rsplit("/", 1)[-1])
    return GalleryPicture(name, ref.uri, ref.width or 1, ref.height or 1, certainty, detections, shapes, jpeg, missing)


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
