"""Reading frames: upright, in data chunks where that is fewer requests, never the whole task at a time."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from doubles.cvat import CvatDouble, Frame, Task
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.cvat.frames import frame_reader
from firstpass.cvat.frames.frame_reader import FrameReader, upright
from firstpass.cvat.server.client import CvatDown
from firstpass.cvat.server.client import cvat as client
from firstpass.cvat.server.selection import parse_frame
from firstpass.errors import FirstpassError
from firstpass.images import fetching as images
from firstpass.images.decoding import decode
from firstpass.images.sources import list_images
from fixtures.cvat_runs import jpeg


def refs(task: Task, *numbers: int, query: str = "") -> list[ImageRef]:
    return [ImageRef(f"cvat:task/{task.id}{query}#{n}", 0, "", frame=n) for n in numbers]


def reads(cvat: CvatDouble, task: Task) -> int:
    return cvat.requests[f"GET /api/tasks/{task.id}/data/"]


def test_a_frame_has_the_very_bytes_that_were_uploaded(cvat: CvatDouble, task: Task) -> None:
    assert task.frames
    assert [images.fetch(ref) for ref in refs(task, 0, 7)] == [task.frames[0].data, task.frames[7].data]


def test_announced_frames_come_in_data_chunks(cvat: CvatDouble, task: Task) -> None:
    """Chunks of three: 0–2, 3–5, 6–7."""
    assert task.frames
    wanted = refs(task, 0, 1, 2, 3, 5, 7)
    images.expect(wanted)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(images.fetch, wanted)) == [task.frames[ref.frame or 0].data for ref in wanted]
    assert reads(cvat, task) == 3
    assert cvat.requests[f"GET /api/tasks/{task.id}"] == 1
    assert frame_reader._reader()._held == 0


def test_a_frame_that_was_not_announced_or_is_read_again_comes_alone(cvat: CvatDouble, task: Task) -> None:
    assert task.frames
    images.expect(refs(task, 0, 1))
    for ref in refs(task, 0, 1, 1, 2):
        assert images.fetch(ref) == task.frames[ref.frame or 0].data
    assert reads(cvat, task) == 3


def test_what_waits_in_memory_is_bounded(cvat: CvatDouble, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_reader, "_HELD", 1)
    images.expect(refs(task, 0, 1, 2))
    assert len({images.fetch(ref) for ref in refs(task, 0, 1, 2)}) == 3


def test_compressed_quality_is_asked_for(cvat: CvatDouble, task: Task) -> None:
    (ref,) = refs(task, 3, query="?quality=compressed")
    assert images.fetch(ref) == (task.frames or [])[3].compressed(task.image_quality)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright(orientation: int) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (6, 5, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", exif=exif)
    out.seek(0)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(out)))
    assert (decode(upright(out.getvalue())) == expected).all()


def test_upright_leaves_alone_what_needs_no_turning_or_is_no_picture() -> None:
    for data in (jpeg(), jpeg(orientation=1), b"no picture", b""):
        assert upright(data) is data


def test_turned_frames_fit_the_sizes_that_cvat_shows(cvat: CvatDouble) -> None:
    task = cvat.state.add_task("turned", labels=["person"], frames=[jpeg(orientation=6)])
    (ref,) = list(list_images(f"cvat:task/{task.id}?policy=all"))
    height, width = decode(images.fetch(ref)).shape[:2]
    assert (width, height) == (ref.width, ref.height) == (48, 64)


def test_a_frame_that_is_gone_is_missing(cvat: CvatDouble, task: Task) -> None:
    (ref,) = refs(task, 8)
    with pytest.raises(MissingImage, match="is gone from CVAT"):
        images.fetch(ref)
    gone = [ImageRef("cvat:task/9#0", 0, "")]
    images.expect(gone)
    with pytest.raises(MissingImage):
        images.fetch(gone[0])


@pytest.mark.parametrize("uri", ["cvat:task/9", "cvat:task/9#", "cvat:task/9#x", "cvat:project/9#1", "cvat:task/9#-1"])
def test_addresses_of_no_frame(uri: str) -> None:
    with pytest.raises(FirstpassError):
        parse_frame(uri)


def test_one_frame_that_cvat_does_not_deliver_is_quarantined(cvat: CvatDouble, task: Task) -> None:
    cvat.faults.add("status", 500, method="GET", path="/data/", times=100)
    with pytest.raises(UnreadableImage, match="CVAT does not deliver it: 500"):
        images.fetch(refs(task, 0)[0])


def test_a_data_chunk_that_cannot_be_read_is_read_frame_by_frame(cvat: CvatDouble, task: Task) -> None:
    cvat.faults.add("status", 500, method="GET", path="/data/")
    cvat.faults.add("truncate", when="after", method="GET", path="/data/", skip=1)
    wanted = refs(task, *range(6))
    images.expect(wanted)
    assert [images.fetch(ref) for ref in wanted] == [frame.data for frame in (task.frames or [])[:6]]


def test_a_server_that_is_down_is_no_fault_of_the_frame(cvat: CvatDouble, task: Task) -> None:
    cvat.faults.add("status", 503, method="GET", path=".", times=1000)
    with pytest.raises(CvatDown):
        images.fetch(refs(task, 0)[0])


def test_short_troubles_are_waited_out(cvat: CvatDouble, task: Task) -> None:
    for fault in (("status", 502), ("drop", 0), ("status", 504)):
        cvat.faults.add(*fault, method="GET", path="/data/")  # type: ignore[arg-type]
    cvat.faults.add("status", 429, method="GET", path="/data/", retry_after="0")
    assert images.fetch(refs(task, 0)[0]) == (task.frames or [])[0].data


def test_pods_need_no_airflow_and_no_database() -> None:
    script = (
        "import sys, firstpass.cvat.frames.source as source; source.CVAT.fetch, source.CVAT.expect;"
        "print({'airflow', 'psycopg2', 'great_expectations', 'matplotlib', 'cvat_sdk'} & sys.modules.keys())"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert printed.stdout.strip() == "set()"


def test_large_frames_are_not_read(cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstpass.settings import settings

    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_BYTES", "2000")
    settings.cache_clear()
    large = Frame("000001.jpg", jpeg() + bytes(5000))
    task = cvat.state.add_task("large", labels=["person"], frames=[jpeg(), large])
    reader = FrameReader(client())
    wanted = refs(task, 0, 1)
    reader.expect(wanted)
    assert reader.fetch(wanted[0]) == jpeg()
    with pytest.raises(UnreadableImage, match="larger than FIRSTPASS_MAX_IMAGE_BYTES=2000"):
        reader.fetch(wanted[1])
    monkeypatch.undo()
    settings.cache_clear()
