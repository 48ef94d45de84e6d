"""The one Arrow schema of a chunk's result: one row per image, whatever happened to it."""

from __future__ import annotations

import pyarrow as pa

RESULT = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("etag", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("sha256", pa.string()),  # null when the bytes could not be read at all
        pa.field("width", pa.int32()),  # pixels as stored; null when unreadable
        pa.field("height", pa.int32()),
        pa.field("task", pa.int32()),
        pa.field("frame", pa.int32()),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string()),  # one sentence for unreadable and missing
        pa.field("brightness", pa.float32()),  # mean luma, 0 (black) to 255; null when unreadable or missing
        pa.field("orientation", pa.int32()),  # EXIF's, 1 to 8; null when unreadable or missing
        # The detections of the image in descending order of score: parallel lists, [n] each.
        pa.field("class_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("scores", pa.list_(pa.float32()), nullable=False),
        pa.field("x1", pa.list_(pa.float32()), nullable=False),  # pixels of the original image
        pa.field("y1", pa.list_(pa.float32()), nullable=False),
        pa.field("x2", pa.list_(pa.float32()), nullable=False),
        pa.field("y2", pa.list_(pa.float32()), nullable=False),
        # [detection][part][ring], the outer ring first, then its holes, each flat as x, y, x, y, …; null for a network
        # without masks.
        pa.field("polygons", pa.list_(pa.list_(pa.list_(pa.list_(pa.float32()))))),
    ]
)
