"""Rows in an order of their own, with only some of them in memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstpass.chunks import sorting
from firstpass.chunks.sorting import rows_of_groups


@given(
    order=st.lists(st.integers(0, 60), unique=True, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    parts=st.lists(st.integers(0, 61), max_size=5),
    bucket=st.integers(1, 20),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_group_has_its_rows_in_its_order(monkeypatch, order, cuts, parts, bucket):
    """Whatever parts they come in, and however few fit into memory; rows of no group are left out."""
    monkeypatch.setattr(sorting, "BUCKET", bucket)
    groups = [group for group in np.split(np.array(order, np.int32), sorted(cuts)) if len(group)]
    edges = [0, *sorted(parts), 61]
    table = pa.table({"n": list(range(61)), "text": [f"row {n}" for n in range(61)]})
    pieces = [table.slice(a, b - a) for a, b in pairwise(edges)]
    found = [each.to_pydict() for each in rows_of_groups(iter(pieces), groups)]
    assert found == [{"n": group.tolist(), "text": [f"row {n}" for n in group]} for group in groups]


def test_no_group_has_no_rows():
    assert list(rows_of_groups(iter([]), [])) == []
