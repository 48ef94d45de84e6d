"""Images into groups of near-equal cost, by numbers alone: what planning deals out is row numbers."""

from __future__ import annotations

from heapq import heapreplace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]


def split(seconds: NDArray[np.float64], shape: NDArray[np.int64], batch_size: int, chunks: int) -> list[Rows]:
    """Deal images to `chunks` groups of near-equal cost. Returns the row numbers of each, the costliest group first.

    seconds: what each image costs [n]. shape: [n], equal numbers for images that can share a batch. Batches of one
    shape are dealt whole, the costliest first, each to the group that has the least so far; so every group gets its
    share of every shape, and stays balanced even where the costs are wrong. Within a group, images of a shape are
    neighbours. Groups that would be empty are left out.
    """
    order = np.argsort(shape, kind="stable").astype(np.int32)
    starts = _batch_starts(shape[order], batch_size)
    cost = np.add.reduceat(seconds[order], starts)
    owner, totals = _deal(cost, min(chunks, len(starts)))
    rank = np.empty(len(totals), np.int32)
    rank[np.lexsort((np.arange(len(totals)), -totals))] = np.arange(len(totals))
    owner_of_image = np.repeat(rank[owner], np.diff(starts, append=len(order)))
    by_group = np.argsort(owner_of_image, kind="stable")
    ends = np.cumsum(np.bincount(owner_of_image, minlength=len(totals)))
    return np.split(order[by_group], ends[:-1])


def _deal(cost: NDArray[np.float64], groups: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Longest first, to the group with the least so far. Returns each batch's group and each group's total."""
    heap = [(0.0, group) for group in range(groups)]
    owner = np.empty(len(cost), np.int64)
    for batch in np.lexsort((np.arange(len(cost)), -cost)):
        total, group = heap[0]
        owner[batch] = group
        heapreplace(heap, (total + float(cost[batch]), group))
    totals = np.zeros(groups)
    for total, group in heap:
        totals[group] = total
    return owner, totals


def _batch_starts(shape: NDArray[np.int64], batch_size: int) -> NDArray[np.int64]:
    """Where a new batch begins in rows sorted by shape: at each new shape and every `batch_size` rows of one."""
    edges = [0, *(np.flatnonzero(shape[1:] != shape[:-1]) + 1).tolist(), len(shape)]
    return np.concatenate([np.arange(start, end, batch_size) for start, end in pairwise(edges)])
