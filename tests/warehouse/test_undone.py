"""What a run leaves undone: what counts, what does not, and what is said."""

from __future__ import annotations

import pytest

from firstpass.images.fetching import DENIED, UNREAD
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.undone import Undone, undone
from fixtures.made_up_runs import catalogue, row, unreadable


def gone(uri: str, reason: str = "was listed, but is gone"):
    return row(uri, "missing", 0, reason=reason)


def test_every_outcome_is_counted_as_what_it_is(warehouse, night):
    run = night()
    known = [row("file:///known", "known"), row("file:///copy", "duplicate")]
    folders = [unreadable("file:///shut/", "this folder could not be listed"), gone("file:///removed/")]
    merge_catalogue(warehouse, run.spec, catalogue([*known, *folders, unreadable("file:///io", f"{UNREAD}: no")]))
    rows = [row("file:///ok"), row("file:///empty", "empty", 0), unreadable("file:///torn")]
    rows += [gone("file:///denied", DENIED), gone("file:///gone")]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    fail_chunk(warehouse, run.spec, run.chunk(1, [row(f"file:///x{n}") for n in range(3)], write=False), "it burnt")
    left = undone(warehouse, "a run")
    first = (("file:///denied", DENIED), ("file:///io", f"{UNREAD}: no"), ("file:///shut/", folders[0]["reason"]))
    assert left == Undone(failed=3, unread=2, unlisted=1, gone=1, inferred=2, known=1, first=first)
    assert (left.images, left.state) == (5, "partial")
    assert left.sentence == (
        "3 images failed, 2 images could not be read, 1 folder could not be listed."
        f" First: file:///denied: {DENIED}; file:///io: {UNREAD}: no; file:///shut/: {folders[0]['reason']}"
    )


def test_a_run_without_outcomes_leaves_nothing_undone(warehouse):
    assert undone(warehouse, "nope") == Undone()


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (Undone(), "success"),
        (Undone(known=9), "success"),
        (Undone(inferred=9, gone=1), "success"),
        (Undone(inferred=9, failed=1), "partial"),
        (Undone(inferred=9, unread=1), "partial"),
        (Undone(inferred=9, unlisted=1), "partial"),
        (Undone(known=9, unlisted=1), "partial"),
        (Undone(unlisted=1), "failed"),
        (Undone(known=9, failed=1), "failed"),
        (Undone(known=9, unread=1), "partial"),
        (Undone(known=9, gone=1), "success"),
        (Undone(unread=1), "failed"),
        (Undone(gone=1), "failed"),
    ],
)
def test_a_run_is_whole_or_in_part_or_came_to_nothing(left, state):
    assert left.state == state
    assert (left.error is None) is (state == "success")


def test_an_error_says_which_and_what_to_do():
    part = Undone(inferred=1, failed=1, gone=1, first=(("/a", "burnt"),)).error
    assert part.problem == "the run is not complete: 1 image failed. First: /a: burnt"
    nothing = Undone(failed=2, gone=1, first=(("/a", "burnt"),)).error
    assert nothing.problem.endswith("inferred: 2 images failed, 1 image vanished before it was read. First: /a: burnt")
    assert "run again" in nothing.fix
