"""Reading frames from CVAT: upright bytes, a whole data chunk at a time where that is fewer requests. Used in pods."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from functools import lru_cache
from threading import Lock

import numpy as np
from PIL import Image

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.cvat.server.client import Cvat, CvatDown, Gone, cvat
from firstpass.cvat.server.selection import parse_frame
from firstpass.errors import FirstpassError
from firstpass.images.decoding import decode
from firstpass.settings import settings

HELD = 256 * 2**20  # bytes of frames that wait for their turn, at most: beyond it frames are read one by one
_ORIENTATION = 0x0112
_HINTS = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}  # where a PNG may say how it is turned

Key = tuple[int, str, int]
"""Task, quality, number of the data chunk."""


class FrameReader:
    """Reads frames for the threads of one process.

    What was announced with `expect` is read in data chunks when two or more of a chunk's frames are wanted; each frame
    is then held until it is fetched, and HELD bytes in total: `held` are there now. Nothing is written to disk.
    """

    def __init__(self, server: Cvat) -> None:
        self._server = server
        self._lock = Lock()
        self._asking = Lock()
        self._chunk_sizes: dict[int, int] = {}
        self._wanted: dict[Key, set[int]] = defaultdict(set)
        self._loading: dict[Key, Future[dict[int, bytes]]] = {}
        self.held = 0

    def expect(self, refs: Iterable[ImageRef]) -> None:
        """Announce what will be fetched; what was not announced is read by itself. Whatever is wrong shows then."""
        unknown: set[int] = set()
        for task, quality, frame in (parse_frame(ref.uri) for ref in refs):
            try:
                size = 0 if task in unknown else self._chunk_size(task)
            except (CvatDown, FirstpassError):
                unknown.add(task)
                continue
            if size:
                with self._lock:
                    self._wanted[task, quality, frame // size].add(frame)

    def fetch(self, ref: ImageRef) -> bytes:
        """The encoded picture as CVAT shows it: turned upright where its EXIF data say so.

        A turned picture comes as an uncompressed PPM, any other with its original bytes. Raises MissingImage for a
        frame or task that is gone, UnreadableImage for one that CVAT does not deliver though it is well otherwise.
        """
        task, quality, frame = parse_frame(ref.uri)
        try:
            data = self._from_chunk(task, quality, frame) or self._alone(task, quality, frame)
        except Gone as error:
            raise MissingImage("was listed, but is gone from CVAT") from error
        except CvatDown as error:
            if error.status is None or not self._alive():
                raise
            raise UnreadableImage(f"CVAT does not deliver it: {error.status}") from error
        return upright(data)

    def _alone(self, task: int, quality: str, frame: int) -> bytes:
        limit = settings().max_image_bytes
        data = self._server.download(f"/api/tasks/{task}/data/", limit, type="frame", number=frame, quality=quality)
        if data is None:
            raise UnreadableImage(f"is larger than FIRSTPASS_MAX_IMAGE_BYTES={limit}")
        return data

    def _from_chunk(self, task: int, quality: str, frame: int) -> bytes | None:
        """The frame out of its data chunk; None where it is better read alone."""
        key = (task, quality, frame // self._chunk_size(task))
        with self._lock:
            future, mine = self._loading.get(key), False
            if future is None and self.held < HELD and len(self._wanted.get(key, ())) > 1:
                future, mine = self._loading.setdefault(key, Future()), True
            self._wanted.get(key, set()).discard(frame)
            wanted = {frame, *self._wanted.get(key, ())}
        if future is None:
            return None
        if mine:
            self._load(key, wanted, future)
        frames = future.result()
        with self._lock:
            data = frames.pop(frame, None)
            self.held -= len(data or b"")
            if not frames:
                self._loading.pop(key, None)
        return data

    def _load(self, key: Key, wanted: set[int], future: Future[dict[int, bytes]]) -> None:
        """Read a data chunk for everybody who waits. One that cannot be read is left to its frames, one by one."""
        task, quality, number = key
        try:
            data = self._server.download(f"/api/tasks/{task}/data/", HELD, type="chunk", number=number, quality=quality)
            frames = _unpack(data, number * self._chunk_size(task), wanted) if data else {}
        except (CvatDown, FirstpassError, zipfile.BadZipFile):
            frames = {}
        except BaseException as error:
            future.set_exception(error)
            raise
        with self._lock:
            self.held += sum(map(len, frames.values()))
        future.set_result(frames)

    def _chunk_size(self, task: int) -> int:
        with self._asking:  # one request per task, however many threads want to know
            if task not in self._chunk_sizes:
                self._chunk_sizes[task] = self._server.get(f"/api/tasks/{task}").get("data_chunk_size") or 1
            return self._chunk_sizes[task]

    def _alive(self) -> bool:
        try:
            self._server.get("/api/server/about")
        except (CvatDown, FirstpassError):
            return False
        return True


def fetch(ref: ImageRef) -> bytes:
    """`FrameReader.fetch` with this process's connection."""
    return reader().fetch(ref)


def expect(refs: Iterable[ImageRef]) -> None:
    """`FrameReader.expect` with this process's connection."""
    reader().expect(refs)


def upright(data: bytes) -> bytes:
    """The picture turned as its EXIF orientation says, as PPM; the same bytes where there is nothing to turn.

    Raises UnreadableImage for a picture that is to be turned but cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "PNG" and not _HINTS & image.info.keys() and b"eXIf" not in data:
                return data  # Pillow would decode all of it to be sure
            orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return data
    if orientation not in range(2, 9):
        return data
    pixels = np.ascontiguousarray(decode(data, upright=True))
    height, width = pixels.shape[:2]
    return b"".join((b"P6 %d %d 255\n" % (width, height), pixels.data))


def _unpack(data: bytes, first: int, wanted: set[int]) -> dict[int, bytes]:
    """The wanted frames of a data chunk; what is too large or not there is left out, and looked at by itself later."""
    limit = settings().max_image_bytes
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        return {
            frame: archive.read(members[frame - first])
            for frame in sorted(wanted)
            if frame - first < len(members) and members[frame - first].file_size <= limit
        }


@lru_cache(maxsize=1)
def reader() -> FrameReader:
    """The reader of this process, made when first asked for."""
    return FrameReader(cvat())
