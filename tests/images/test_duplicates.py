"""Copies are told from their originals, however many batches lie between."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from firstpass.images.catalogue import CATALOGUE
from firstpass.images.duplicates import DuplicateSearch, same_as_before


def digests(keys) -> np.ndarray:
    raw = b"".join(blake2b(str(key).encode(), digest_size=16).digest() for key in keys)
    return np.frombuffer(raw, np.uint64).reshape(-1, 2)


@given(st.lists(st.integers(0, 9), max_size=40))
def test_each_but_the_first_is_like_the_first(keys):
    rows, firsts = same_as_before(digests(keys))
    expected = [(row, keys.index(key)) for row, key in enumerate(keys) if keys.index(key) < row]
    assert list(zip(rows.tolist(), firsts.tolist(), strict=True)) == expected


def test_half_a_digest_in_common_is_no_copy():
    same_high = np.array([[7, 1], [7, 2], [7, 1], [8, 1], [7, 2]], np.uint64)
    assert [each.tolist() for each in same_as_before(same_high)] == [[2, 4], [0, 1]]
    same_low = np.array([[7, 1], [8, 1], [9, 1], [8, 1]], np.uint64)
    assert [each.tolist() for each in same_as_before(same_low)] == [[3], [1]]


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8))
def test_batches_come_back_in_order_with_their_copies_apart(batches):
    uris = iter(f"s3://b/{n:03d}" for n in range(100))
    first: dict[int, str] = {}
    wanted, given_ = [], []
    for batch in batches:
        rows = [(next(uris), content) for content in batch]
        given_.append(rows)
        for uri, content in rows:
            wanted.append((uri, f"has the same content as {first[content]}" if content in first else None))
            first.setdefault(content, uri)
    with DuplicateSearch(CATALOGUE) as search:
        for rows in given_:
            made = [{"uri": uri, "etag": "e", "size": 1, "sha256": f"{content:064x}"} for uri, content in rows]
            search.add(pa.RecordBatch.from_pylist(made, CATALOGUE))
        found = list(search.found())
    assert [(uri, None) for left, _ in found for uri in left["uri"].to_pylist()] == [w for w in wanted if not w[1]]
    copies = [(row["uri"], row["reason"]) for _, each in found for row in each.to_pylist()]
    assert copies == [each for each in wanted if each[1]]
    assert {outcome for _, each in found for outcome in each["outcome"].to_pylist()} <= {"duplicate"}
    assert len(found) == sum(bool(rows) for rows in given_)
