"""Row numbers dealt into groups: each once, in whole batches of one shape, and evenly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firstpass.chunks.dealing import split

IMAGES = st.lists(st.tuples(st.floats(0.001, 100), st.integers(0, 5)), min_size=1, max_size=200)


@given(IMAGES, st.integers(1, 40), st.integers(1, 30))
def test_every_image_is_dealt_once(images, batch_size, chunks):
    seconds, shape = np.array([s for s, _ in images]), np.array([k for _, k in images])
    groups = split(seconds, shape, batch_size, chunks)
    assert 1 <= len(groups) <= chunks
    assert all(len(group) for group in groups)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(images)))
    totals = [seconds[group].sum() for group in groups]
    assert all(a >= b - 1e-6 for a, b in pairwise(totals))


def batches_of(shape: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Of each shape, `batch_size` images after each other."""
    rows = [np.flatnonzero(shape == each) for each in np.unique(shape)]
    return [of[at : at + batch_size] for of in rows for at in range(0, len(of), batch_size)]


@given(IMAGES, st.integers(1, 40), st.integers(1, 30))
def test_batches_of_one_shape_stay_whole_and_together(images, batch_size, chunks):
    seconds, shape = np.array([s for s, _ in images]), np.array([k for _, k in images])
    groups = split(seconds, shape, batch_size, chunks)
    assert len(groups) == min(chunks, len(batches_of(shape, batch_size)))
    owner = {row: number for number, group in enumerate(groups) for row in group.tolist()}
    for batch in batches_of(shape, batch_size):
        assert len({owner[row] for row in batch.tolist()}) == 1
    for group in groups:
        assert np.flatnonzero(np.diff(shape[group])).size == len(np.unique(shape[group])) - 1
        assert all(a < b for a, b in pairwise(group.tolist()) if shape[a] == shape[b])


@given(IMAGES, st.integers(1, 40), st.integers(1, 30))
def test_no_group_costs_more_than_another_by_more_than_its_last_batch(images, batch_size, chunks):
    seconds, shape = np.array([s for s, _ in images]), np.array([k for _, k in images])
    totals = [seconds[group].sum() for group in split(seconds, shape, batch_size, chunks)]
    dearest = max(seconds[batch].sum() for batch in batches_of(shape, batch_size))
    assert max(totals) - min(totals) <= dearest + 1e-6


@given(st.integers(1, 2000), st.integers(1, 16), st.integers(1, 50))
def test_equal_images_are_dealt_evenly(images, batch_size, chunks):
    groups = split(np.ones(images), np.zeros(images, np.int64), batch_size, chunks)
    lengths = [len(group) for group in groups]
    assert max(lengths) - min(lengths) <= batch_size


def test_of_equal_costs_the_first_batch_goes_first():
    seconds, shape = np.ones(6), np.array([0, 0, 1, 1, 2, 2])
    assert [group.tolist() for group in split(seconds, shape, 2, 3)] == [[0, 1], [2, 3], [4, 5]]
    assert [group.tolist() for group in split(seconds, shape, 1, 2)] == [[0, 2, 4], [1, 3, 5]]


def test_the_dearest_batch_goes_first_to_the_group_with_the_least():
    seconds, shape = np.array([1.0, 2.0, 4.0, 8.0, 9.0]), np.arange(5)
    assert [group.tolist() for group in split(seconds, shape, 1, 2)] == [[0, 1, 4], [2, 3]]
