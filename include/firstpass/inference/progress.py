"""How far a chunk is, for whoever watches."""

from __future__ import annotations

import json
import time

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk


class Progress:
    """{"done", "total", "seconds"} at the chunk's progress_uri, renewed at most once per second (on S3 every ten)."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._started = self._shown = time.monotonic()
        self._every = 10.0 if storage.is_s3(chunk.progress_uri) else 1.0

    def show(self, done: int) -> None:
        """Tell that so many images are done; the last one is always told."""
        now, total = time.monotonic(), len(self._chunk.images)
        if now - self._shown >= self._every or done == total:
            self._shown = now
            body = {"done": done, "total": total, "seconds": round(now - self._started, 3)}
            storage.write(self._chunk.progress_uri, json.dumps(body).encode())
