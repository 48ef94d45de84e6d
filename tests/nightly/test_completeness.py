"""How a run is to be closed, and what to say of one that is not complete."""

from __future__ import annotations

import pytest

from firstpass.nightly.completeness import state_of
from firstpass.warehouse.merge import fail_chunk, merge_catalogue, merge_chunk
from fixtures.made_up_runs import catalogue, row, unreadable


@pytest.mark.parametrize(
    ("inferred", "failed", "state"),
    [
        ([row("file:///a")], 0, "success"),
        ([row("file:///a", "empty", 0)], 1, "partial"),
        ([row("file:///a")], 1, "partial"),
        ([unreadable("file:///a")], 0, "success"),
        ([unreadable("file:///a")], 1, "failed"),
        ([], 0, "success"),
        ([], 1, "failed"),
    ],
)
def test_a_run_is_complete_partial_or_failed(warehouse, night, inferred, failed, state):
    run = night("a run")
    merge_catalogue(warehouse, run.spec, catalogue([row("file:///known", "known")]))
    if inferred:
        merge_chunk(warehouse, run.spec, run.chunk(0, inferred))
    if failed:
        fail_chunk(warehouse, run.spec, run.chunk(1, [row("file:///lost")], write=False), "the node died")
    found, error = state_of(warehouse, "a run")
    assert found == state
    assert (error is None) == (state == "success")
    if error:
        assert "1 failed: file:///lost (the node died)" in error.problem
        assert "come first" in error.fix
