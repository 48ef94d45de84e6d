"""Attempts at a chunk: counted, and one that was killed, by taking too much memory, is followed by smaller batches."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.waiting import waited

log = logging.getLogger("firstpass")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its number, from 1, and the images of a network call. killed: it did not come to an end."""

    number: int
    batch_size: int
    killed: bool = True


@contextmanager
def attempt(chunk: Chunk) -> Iterator[Attempt]:
    """This attempt. Its batches are the manifest's, or half of the last attempt's if that one was killed.

    An attempt leaves word of itself in <output>.parts/attempt.json as if it had been killed (out of memory, a lost
    node), and corrects it when it ends in another way. One that gave up waiting for storage cannot: so where this one
    had to wait for it too, the last does not count as killed. In other batches a score may differ in its last bits.
    """
    uri = storage.join(chunk.parts_uri, "attempt.json")
    now = _next(uri, chunk)
    _note(uri, chunk, now)
    try:
        yield now
    except BaseException:
        with suppress(Exception):  # what ended the attempt is what counts
            _note(uri, chunk, replace(now, killed=False))
        raise


def _note(uri: str, chunk: Chunk, now: Attempt) -> None:
    storage.write(uri, json.dumps({"chunk": chunk.checksum, **asdict(now)}).encode())


def _next(uri: str, chunk: Chunk) -> Attempt:
    try:
        note = json.loads(storage.read(uri))
        planned = note.pop("chunk")
        last = Attempt(**note)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return Attempt(1, chunk.batch_size)
    if planned != chunk.checksum:
        return Attempt(1, chunk.batch_size)
    batch_size = min(last.batch_size, chunk.batch_size)
    if last.killed and waited():
        log.info("chunk %d: storage was away; the last attempt may not have been killed", chunk.index)
    elif last.killed:
        batch_size = max(1, batch_size // 2)
        log.warning("chunk %d was killed before it ended: it continues in batches of %d", chunk.index, batch_size)
    return Attempt(last.number + 1, batch_size)
