"""Reading frames: upright, in data chunks where that is fewer requests, never the whole task at a time."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from doubles.cvat import CvatDouble, Frame, Task
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.cvat.frames import frame_reader
from firstpass.cvat.frames.frame_reader import FrameReader, upright
from firstpass.cvat.server.client import CvatDown, Gone
from firstpass.cvat.server.client import cvat as client
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
    assert frame_reader.reader().held == 0


def test_a_frame_that_was_not_announced_or_is_read_again_comes_alone(cvat: CvatDouble, task: Task) -> None:
    assert task.frames
    images.expect(refs(task, 0, 1))
    for ref in refs(task, 0, 1, 1, 2):
        assert images.fetch(ref) == task.frames[ref.frame or 0].data
    assert reads(cvat, task) == 3


def test_what_waits_in_memory_is_bounded(cvat: CvatDouble, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_reader, "HELD", 1)
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


XMP = '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def png(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name.replace("__", ":").replace("_", "." if name.startswith("XML") else " "), text)
    out = io.BytesIO()
    Image.new("RGB", (4, 2), (200, 0, 0)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


@pytest.mark.parametrize("orientation", [0, 9, 100])
def test_an_orientation_that_there_is_not_turns_nothing(orientation: int) -> None:
    data = jpeg(orientation=orientation)
    assert upright(data) is data


def test_a_png_may_say_in_other_places_how_it_is_turned() -> None:
    assert decode(upright(png(XML__com_adobe_xmp=XMP))).shape == (4, 2, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes()
    profile = f"\nexif\n{len(raw):8}\n{raw.hex()}\n"
    assert decode(upright(png(Raw_profile_type_exif=profile))).shape == (4, 2, 3)


def test_a_png_that_says_nothing_is_not_decoded_to_be_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Decoded(BaseException):
        """No Exception, which `upright` would take for a damaged picture."""

    def load(_: object) -> None:
        raise Decoded

    data = png(comment="hello")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    assert upright(data) is data
    with pytest.raises(Decoded):
        upright(png(XML__com_adobe_xmp=XMP))


def test_upright_leaves_alone_what_needs_no_turning_or_is_no_picture() -> None:
    for data in (jpeg(), jpeg(orientation=1), b"no picture", b""):
        assert upright(data) is data


def test_turned_frames_fit_the_sizes_that_cvat_shows(cvat: CvatDouble) -> None:
    task = cvat.state.add_task("turned", labels=["person"], frames=[jpeg(orientation=6)])
    (ref,) = list(list_images(f"cvat:task/{task.id}?policy=all"))
    height, width = decode(images.fetch(ref)).shape[:2]
    assert (width, height) == (ref.width, ref.height) == (48, 64)


class Server:
    """A task of frames in data chunks, whose answers a test chooses; `asked` is what it was asked for."""

    def __init__(self, frames: list[bytes], chunk_size: int = 3) -> None:
        self.frames, self.chunk_size = frames, chunk_size
        self.asked: list[str] = []
        self.broken: dict[str, Exception] = {}

    def get(self, path: str) -> dict[str, int | None]:
        self._asked(path)
        return {"data_chunk_size": self.chunk_size}

    def download(self, path: str, limit: int, type: str, number: int, quality: str) -> bytes | None:  # noqa: A002
        self._asked(f"{type} {number}")
        if type == "frame":
            return self.frames[number]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for n, data in enumerate(self.frames[number * self.chunk_size : (number + 1) * self.chunk_size]):
                archive.writestr(f"{n}.jpg", data)
        return out.getvalue()

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        if what in self.broken:
            raise self.broken[what]


def reader_of(server: Server) -> FrameReader:
    return FrameReader(server)  # type: ignore[arg-type]


def numbered(*frames: int, task: int = 12) -> list[ImageRef]:
    return [ImageRef(f"cvat:task/{task}#{n}", 0, "") for n in frames]


PICTURES = [b"picture %d" % n for n in range(8)]


def test_two_frames_of_a_chunk_are_worth_reading_it_one_is_not() -> None:
    server = Server(PICTURES)
    reader = reader_of(server)
    wanted = numbered(0, 2, 4)
    reader.expect(wanted)
    assert [reader.fetch(ref) for ref in wanted] == [PICTURES[0], PICTURES[2], PICTURES[4]]
    assert server.asked == ["/api/tasks/12", "chunk 0", "frame 4"]


def test_frames_are_held_until_they_are_fetched() -> None:
    reader = reader_of(Server(PICTURES))
    wanted = numbered(0, 2)
    reader.expect(wanted)
    reader.fetch(wanted[0])
    assert reader.held == len(PICTURES[2])
    reader.fetch(wanted[1])
    assert reader.held == 0


def test_beyond_what_may_be_held_frames_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_reader, "HELD", len(PICTURES[0]))
    server = Server(PICTURES)
    reader = reader_of(server)
    wanted = numbered(0, 1, 3, 4)
    reader.expect(wanted)
    for ref in (wanted[0], wanted[2], wanted[1], wanted[3]):
        reader.fetch(ref)
    assert server.asked[1:] == ["chunk 0", "frame 3", "frame 4"], "one frame waits when the second chunk is due"


@pytest.mark.parametrize(
    "error",
    [CvatDown("away", 503), CvatDown("breaks off"), FirstpassError("refused", "x"), Gone("no such chunk", "x")],
    ids=repr,
)
def test_a_chunk_that_cannot_be_had_is_left_to_its_frames(error: Exception) -> None:
    server = Server(PICTURES)
    server.broken["chunk 0"] = error
    reader = reader_of(server)
    wanted = numbered(0, 1)
    reader.expect(wanted)
    assert [reader.fetch(ref) for ref in wanted] == PICTURES[:2]
    assert server.asked[1:] == ["chunk 0", "frame 0", "frame 1"]


def test_any_other_error_over_a_chunk_is_told_to_everybody_who_waits_for_it() -> None:
    server = Server(PICTURES)
    server.broken["chunk 0"] = MemoryError()
    reader = reader_of(server)
    wanted = numbered(0, 1)
    reader.expect(wanted)
    for ref in wanted:
        with pytest.raises(MemoryError):
            reader.fetch(ref)


def test_a_chunk_with_fewer_frames_than_it_should_have(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(PICTURES[:7])
    reader = reader_of(server)
    wanted = numbered(6, 7)
    reader.expect(wanted)
    assert reader.fetch(wanted[0]) == PICTURES[6]
    server.frames = PICTURES
    assert reader.fetch(wanted[1]) == PICTURES[7]
    assert server.asked[1:] == ["chunk 2", "frame 7"]


def test_a_task_without_data_chunks_is_read_frame_by_frame() -> None:
    server = Server(PICTURES, chunk_size=0)
    reader = reader_of(server)
    wanted = numbered(0, 1)
    reader.expect(wanted)
    assert [reader.fetch(ref) for ref in wanted] == PICTURES[:2]
    assert server.asked == ["/api/tasks/12", "frame 0", "frame 1"]


@pytest.mark.parametrize(
    "error", [CvatDown("away"), Gone("no such task", "x"), FirstpassError("not allowed", "x")], ids=repr
)
def test_a_task_that_cannot_be_asked_about_is_asked_once_and_shows_when_it_is_fetched(error: Exception) -> None:
    server = Server(PICTURES)
    server.broken["/api/tasks/9"] = error
    reader = reader_of(server)
    reader.expect([*numbered(0, 1, 2, task=9), *numbered(0, 1)])
    assert server.asked == ["/api/tasks/9", "/api/tasks/12"]
    with pytest.raises(MissingImage if isinstance(error, Gone) else type(error)):
        reader.fetch(numbered(0, task=9)[0])


@pytest.mark.parametrize(
    ("broken", "raised"),
    [
        ({"frame 0": CvatDown("answers 500", 500)}, UnreadableImage),
        ({"frame 0": CvatDown("does not answer")}, CvatDown),
        ({"frame 0": CvatDown("answers 500", 500), "/api/server/about": CvatDown("away", 503)}, CvatDown),
        ({"frame 0": CvatDown("answers 500", 500), "/api/server/about": FirstpassError("refused", "x")}, CvatDown),
        ({"frame 0": Gone("no such frame", "x")}, MissingImage),
        ({"frame 0": FirstpassError("not allowed", "x")}, FirstpassError),
    ],
    ids=str,
)
def test_a_frame_is_blamed_only_where_cvat_is_well_otherwise(
    broken: dict[str, Exception], raised: type[Exception]
) -> None:
    server = Server(PICTURES)
    server.broken = broken
    with pytest.raises(raised) as caught:
        reader_of(server).fetch(numbered(0)[0])
    assert type(caught.value) is raised
    if raised is CvatDown:
        assert caught.value is broken["frame 0"]


def test_a_frame_that_is_gone_is_missing(cvat: CvatDouble, task: Task) -> None:
    (ref,) = refs(task, 8)
    with pytest.raises(MissingImage, match="is gone from CVAT"):
        images.fetch(ref)
    gone = [ImageRef("cvat:task/9#0", 0, "")]
    images.expect(gone)
    with pytest.raises(MissingImage):
        images.fetch(gone[0])


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


def test_a_frame_of_just_the_size_that_is_allowed_comes_in_its_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    from firstpass.settings import settings

    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_BYTES", "1024")
    settings.cache_clear()
    server = Server([bytes(1024), bytes(1025)])
    reader = reader_of(server)
    wanted = numbered(0, 1)
    reader.expect(wanted)
    for ref in wanted:
        reader.fetch(ref)
    assert server.asked[1:] == ["chunk 0", "frame 1"]
    monkeypatch.undo()
    settings.cache_clear()


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
    assert reads(cvat, task) == 1
    with pytest.raises(UnreadableImage, match="larger than FIRSTPASS_MAX_IMAGE_BYTES=2000"):
        reader.fetch(wanted[1])
    monkeypatch.undo()
    settings.cache_clear()
