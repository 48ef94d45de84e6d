"""A chunk that killed its process, by taking more memory than there was, is tried again in smaller batches."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from firstpass import storage
from firstpass.chunks.manifest import Chunk

log = logging.getLogger("firstpass")


@contextmanager
def attempt(chunk: Chunk) -> Iterator[int]:
    """The batch size of this attempt: the manifest's, or half of the last attempt's if that one was killed.

    An attempt leaves word of itself in <output>.parts/attempt.json and takes it back however it ends, unless it is
    killed (out of memory, a lost node). In other batches a score may differ in its last bits.
    """
    uri = storage.join(chunk.parts_uri, "attempt.json")
    batch_size = _after(uri, chunk)
    storage.write(uri, json.dumps({"chunk": chunk.checksum, "batch_size": batch_size}).encode())
    try:
        yield batch_size
    except BaseException:
        storage.delete(uri)
        raise


def _after(uri: str, chunk: Chunk) -> int:
    try:
        last = json.loads(storage.read(uri))
    except (FileNotFoundError, ValueError):
        return chunk.batch_size
    if last.get("chunk") != chunk.checksum:
        return chunk.batch_size
    batch_size = max(1, min(int(last["batch_size"]), chunk.batch_size) // 2)
    log.warning("chunk %d was killed before it ended: it goes on in batches of %d", chunk.index, batch_size)
    return batch_size
