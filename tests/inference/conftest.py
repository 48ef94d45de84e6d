from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image

from doubles.painted import Painted, install
from doubles.s3 import s3_bucket, s3_server
from firstpass.chunks.manifest import Chunk
from firstpass.images.reference import ImageRef


@pytest.fixture
def network(monkeypatch) -> Painted:
    """Every model is this one; TensorFlow stays out."""
    detector = Painted()
    install(detector, monkeypatch.setattr)
    return detector


def png(colour: tuple[int, int, int], size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def paint(tmp_path):
    """Put an image into the test's folder; returns its reference."""

    def put(name: str, data: bytes | tuple[int, int, int], size: tuple[int, int] = (8, 6)) -> ImageRef:
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else png(data, size))
        return ImageRef(f"file://{path}", path.stat().st_size, "etag-" + name)

    return put


@pytest.fixture
def chunk(tmp_path):
    """Plan a chunk of these images; returns it with its URI."""

    def make(images: Sequence[ImageRef], **changes) -> tuple[Chunk, str]:
        made = Chunk(
            **{
                "run_id": "r",
                "index": 0,
                "model": "painted@1",
                "model_uri": "/models/painted/1",
                "threshold": 0.4,
                "class_thresholds": {},
                "batch_size": 4,
                "output_uri": f"{tmp_path}/run/results/00000.parquet",
                "images": tuple(images),
            }
            | changes
        )
        return made, made.save(f"{tmp_path}/run")

    return make


@pytest.fixture(scope="session")
def s3_endpoint():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint):
    """The URI of an empty bucket that storage finds."""
    with s3_bucket(s3_endpoint) as uri:
        yield uri
