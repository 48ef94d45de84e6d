"""Which images of a chunk are in flight, and where: what is left to read when the process that ran them is dead."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import IntEnum

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef

_AHEAD = 64  # images that one copy in object storage announces
_SHA256 = 64


class Flight(IntEnum):
    """Where an image is. On the board it is the digit of its number, so that people can read it too."""

    UNTOUCHED = 0
    BEGUN = 1  # being fetched, or waiting for a thread that decodes
    DECODING = 2
    DECODED = 3  # waits for the network
    INFERRING = 4
    DONE = 5
    SUSPECT = 6  # was in flight when a process died: runs alone
    ALONE = 7  # the only one in flight


class FlightBoard:
    """One byte per image in a file that outlives the process: beside the checkpoints, or `scratch`.

    A mark costs a system call and no wait for a disk: the page cache survives a killed process, and a killed container.
    Where the checkpoints lie in object storage, the board is `scratch`, a file that a supervisor keeps open, and a copy
    goes to storage whenever images are begun that the last copy does not announce. `copied` says that such a copy is
    all that is left. Marks come from many threads.
    """

    def __init__(self, chunk: Chunk, scratch: int | None = None) -> None:
        self._uri = storage.join(chunk.parts_uri, "in_flight")
        self._remote = storage.is_s3(self._uri)
        self._seal = chunk.checksum.encode()
        self._positions = {image.uri: position for position, image in enumerate(chunk.images)}
        self._order: Sequence[int] = ()
        self._announced: set[int] = set()
        self._size = len(chunk.images)
        self.copied = False
        self._file = self._in_scratch(scratch) if self._remote else self._in_place()

    @classmethod
    def left(cls, chunk: Chunk) -> tuple[list[Flight], str | None] | None:
        """States, and the content that ran alone, as storage has them; None where there is no board of this plan."""
        board = cls.__new__(cls)
        board._uri = storage.join(chunk.parts_uri, "in_flight")
        board._seal, board._size = chunk.checksum.encode(), len(chunk.images)
        content = board._kept()
        if not board._valid(content):
            return None
        return board._states(content), board._sha256(content)

    def close(self) -> None:
        """Done with it; the file stays."""
        os.close(self._file)

    def states(self) -> list[Flight]:
        """Of each image, in the manifest's order."""
        return self._states(self._content())

    def _states(self, content: bytes) -> list[Flight]:
        return [Flight(digit - 48) for digit in content[self._head :]]

    def reset(self, states: Sequence[Flight]) -> None:
        """These from now on."""
        self._put(len(self._seal), b" " * _SHA256 + bytes(48 + state for state in states))

    @property
    def sha256(self) -> str | None:
        """Of the image that runs alone, once its bytes are read."""
        return self._sha256(self._content())

    def _sha256(self, content: bytes) -> str | None:
        return content[len(self._seal) : self._head].decode(errors="replace").strip() or None

    def plan(self, positions: Sequence[int]) -> None:
        """Images are begun in this order: what the next copy in object storage announces."""
        self._order = positions
        self._announced = set()

    def alone(self, position: int) -> None:
        """This image runs now, and no other."""
        self._mark(position, Flight.ALONE)
        self._put(len(self._seal), b" " * _SHA256)
        self._publish(())

    def done(self, position: int) -> None:
        """It has its row."""
        self._mark(position, Flight.DONE)

    # What readers and the network report.

    def begun(self, ref: ImageRef) -> None:
        """It is about to be fetched."""
        position = self._positions[ref.uri]
        if self._remote and self._order and position not in self._announced:
            start = self._order.index(position)
            self._announced = set(self._order[start : start + _AHEAD])
            self._publish(self._announced)
        self._move(position, Flight.BEGUN)

    def decoding(self, ref: ImageRef) -> None:
        """A thread decodes it."""
        self._move(self._positions[ref.uri], Flight.DECODING)

    def hashed(self, ref: ImageRef, sha256: str) -> None:
        """These are its bytes."""
        if self._state(self._positions[ref.uri]) is Flight.ALONE:
            self._put(len(self._seal), sha256.encode())
            self._publish(())

    def decoded(self, ref: ImageRef) -> None:
        """It waits for the network."""
        self._move(self._positions[ref.uri], Flight.DECODED)

    def inferring(self, refs: Iterable[ImageRef]) -> None:
        """The network has them."""
        for ref in refs:
            self._move(self._positions[ref.uri], Flight.INFERRING)

    def inferred(self, refs: Iterable[ImageRef]) -> None:
        """They are through."""
        for ref in refs:
            self._move(self._positions[ref.uri], Flight.DONE)

    def _move(self, position: int, state: Flight) -> None:
        """One that runs alone stays so until it is done: wherever it dies, it is to blame."""
        if self._state(position) is not Flight.ALONE:
            self._mark(position, state)

    def _state(self, position: int) -> Flight:
        return Flight(os.pread(self._file, 1, self._head + position)[0] - 48)

    def _mark(self, position: int, state: Flight) -> None:
        self._put(self._head + position, b"%d" % state)

    def _put(self, offset: int, data: bytes) -> None:
        with suppress(OSError):  # a full disk: what must be stored says so itself
            os.pwrite(self._file, data, offset)

    def _publish(self, announced: Iterable[int]) -> None:
        if self._remote:
            content = bytearray(self._content())
            for position in announced:
                if content[self._head + position] == 48 + Flight.UNTOUCHED:
                    content[self._head + position] = 48 + Flight.BEGUN
            storage.write(self._uri, bytes(content))

    def _in_scratch(self, scratch: int | None) -> int:
        file = os.memfd_create("firstpass-in-flight") if scratch is None else os.dup(scratch)
        if not self._valid(os.pread(file, self._head + self._size, 0)):
            kept = self._kept()
            self.copied = self._valid(kept)
            os.ftruncate(file, 0)
            os.pwrite(file, kept if self.copied else self._blank(), 0)
        return file

    def _in_place(self) -> int:
        if not self._valid(self._kept()):
            storage.write(self._uri, self._blank())
        return os.open(storage.local_path(self._uri), os.O_RDWR | os.O_CLOEXEC)

    def _kept(self) -> bytes:
        try:
            return storage.read(self._uri)
        except FileNotFoundError:
            return b""

    @property
    def _head(self) -> int:
        return len(self._seal) + _SHA256

    def _content(self) -> bytes:
        return os.pread(self._file, self._head + self._size, 0)

    def _valid(self, content: bytes) -> bool:
        states = content[self._head :]
        return content.startswith(self._seal) and len(states) == self._size and not states.strip(b"01234567")

    def _blank(self) -> bytes:
        return self._seal + b" " * _SHA256 + b"0" * self._size
