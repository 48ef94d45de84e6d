"""Pictures for the report: which ones to show, and their thumbnails as bounded JPEGs inside the page.

Boxes and polygons are not drawn into the pixels: they lie over them as vectors, sharp at any size and open to filters.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from itertools import islice
from math import isfinite
from urllib.parse import unquote

from PIL import Image
from psycopg2.extensions import connection

from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.errors import FirstpassError
from firstpass.images.decoding import decode
from firstpass.images.fetching import fetch
from firstpass.warehouse.picture_choice import ChosenPicture, choose_pictures
from firstpass.warehouse.runs import RunRecord

DRAFTS = 100  # drawn on one picture; the rest is counted
BUDGET = 14 * 2**20  # bytes of JPEG in one report
WORKERS = 4


@dataclass(frozen=True, slots=True)
class DrawnDraft:
    """One draft as the page draws it, in pixels of the stored image.

    label: the class's name. outlines: an SVG path for each part, its holes included.
    """

    class_id: int
    label: str
    score: float
    x: float
    y: float
    width: float
    height: float
    outlines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GalleryPicture:
    """One image of the gallery. `jpeg` is a data: URI, or None with the reason why there is no picture to show."""

    name: str
    uri: str
    width: int
    height: int
    certainty: float | None
    drafts: int
    shapes: tuple[DrawnDraft, ...]
    jpeg: str | None
    missing: str | None


def pictures(
    conn: connection, run: RunRecord, outcomes: list[str], names: dict[int, str], limit: int
) -> list[GalleryPicture]:
    """At most `limit` images of the run with one of these outcomes, drawn; each content once.

    An image that cannot be fetched any more, or whose bytes have changed since, is listed without its picture. Memory:
    WORKERS decoded images at a time.
    """
    chosen = choose_pictures(conn, run.run_id, run.thresholds, outcomes, limit)
    side = 640 if len(chosen) <= 48 else 480
    room = BUDGET // max(1, len(chosen))
    with ThreadPoolExecutor(WORKERS, "thumbnails") as pool:
        return list(pool.map(lambda each: _picture(each, names, side, room), chosen))


def _picture(chosen: ChosenPicture, names: dict[int, str], side: int, room: int) -> GalleryPicture:
    ref, drafts = chosen.ref, chosen.drafts
    jpeg, missing = None, None
    try:
        data = fetch(ref)
        if sha256(data).hexdigest() == ref.sha256:
            jpeg = thumbnail(data, side, room)
        else:
            missing = "has changed since it was inferred"
    except (MissingImage, UnreadableImage, FirstpassError) as error:
        missing = str(error)
    return GalleryPicture(
        name=unquote(ref.uri.rsplit("/", 1)[-1]),
        uri=ref.uri,
        width=ref.width or 1,
        height=ref.height or 1,
        certainty=chosen.certainty,
        drafts=len(drafts),
        shapes=tuple(_shapes(drafts, names)),
        jpeg=jpeg,
        missing=missing,
    )


def _shapes(drafts: ImageDrafts, names: dict[int, str]) -> Iterator[DrawnDraft]:
    """The first DRAFTS of them that can be drawn: the checks have told of those that cannot."""
    columns = zip(drafts.class_ids, drafts.scores, drafts.boxes.tolist(), strict=True)
    for n, (class_id, score, box) in enumerate(islice(columns, DRAFTS)):
        if all(map(isfinite, box)):
            left, top, right, bottom = box
            parts = drafts.polygons[n] if drafts.polygons else ()
            label = names.get(class_id, f"class {class_id}")
            outlines = tuple(" ".join(map(_path, rings)) for rings in parts)
            yield DrawnDraft(class_id, label, score, left, top, right - left, bottom - top, outlines)


def _path(ring: Sequence[float]) -> str:
    return "M" + " ".join(f"{v:.1f}" for v in ring) + "Z"


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
