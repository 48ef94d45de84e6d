"""A chunk that never finished: the rows that it has, and why the other images have none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome
from firstpass.images.limits import limits
from firstpass.inference.attempts import MOST_KILLERS, blamed, killer_reason
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.memory_limit import limit_of
from firstpass.inference.result_rows import ResultRow
from firstpass.warehouse.chunk_results import one_batch


def unfinished(chunk: Chunk, reason: str, engine: str) -> tuple[pa.RecordBatch, dict[str, Any]]:
    """A row per image in the schema of a result, in the manifest's order, and what stands for the done-marker.

    What checkpoints have is taken from there; the rest is `failed`: for `reason`, or for having killed the process.
    engine: the run's.
    """
    checkpoints = Checkpoints(chunk)
    finished = checkpoints.resume()
    died = blamed(chunk)
    missing = checkpoints.missing()
    checkpoints.add(
        missing,
        [
            ResultRow(chunk.images[p], Outcome.FAILED, killer_reason(died[p]), died[p][-1].sha256)
            if p in died
            else _failed(chunk.images[p], reason)
            for p in missing
        ],
        save=False,
    )
    killers = [
        {"sha256": died[p][-1].sha256, "deaths": len(died[p])} for p in missing if p in died and died[p][-1].sha256
    ]
    marker = {
        "finished": finished,
        "killers": killers if len(died) <= MOST_KILLERS else [],  # more are the machine's fault
        "limits": limits(limit_of(engine)),
    }
    return one_batch(checkpoints.table()), marker


def _failed(ref: ImageRef, reason: str) -> ResultRow:
    return ResultRow(ref, Outcome.FAILED, reason, ref.sha256, ref.width, ref.height)
