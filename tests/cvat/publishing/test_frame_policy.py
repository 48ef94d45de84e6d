"""Which frames are left alone: made of shapes and ledger entries by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firstpass.cvat.publishing.frame_policy import PERSON, left_alone, person_groups, touched, unedited
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.server.snapshot import SeenShape, Snapshot

MACHINE = "another machine's shapes are on it"


def seen(*shapes: SeenShape, tracked: tuple[int, ...] = ()) -> Snapshot:
    return Snapshot({shape.id: shape for shape in shapes}, frozenset(tracked))


def drawn(number: int, frame: int, source: str = "manual", group: int = 0, fingerprint: int = 0) -> SeenShape:
    return SeenShape(number, frame, source, fingerprint, group)


def entry(frame: int, *shapes: LedgerShape, state: LedgerState = LedgerState.PUBLISHED) -> LedgerEntry:
    return LedgerEntry(frame, "toy@1", "s", "a run", state, list(shapes))


def ours(number: int | None, fingerprint: int = 0, removing: bool = False) -> LedgerShape:
    return LedgerShape(1, fingerprint, number, removing=removing)


def test_frames_where_somebody_drew_are_a_persons() -> None:
    snapshot = seen(drawn(1, 0), drawn(2, 1, "semi-auto"), drawn(3, 2, "file"), drawn(4, 3, "auto"), tracked=(5,))
    assert left_alone(snapshot, [], "new") == {0: PERSON, 1: PERSON, 2: PERSON, 5: PERSON}


def test_shapes_of_ours_that_lie_as_we_sent_them_keep_no_frame() -> None:
    snapshot = seen(drawn(1, 0, "auto", fingerprint=7), drawn(2, 0, "auto", fingerprint=8))
    entries = [entry(0, ours(1, 7), ours(2, 8))]
    assert left_alone(snapshot, entries, "new") == {}
    assert left_alone(snapshot, entries, "empty") == {}
    said_otherwise = seen(drawn(1, 0, "file", fingerprint=7))
    assert left_alone(said_otherwise, [entry(0, ours(1, 7))], "new") == {}, "that it is ours, the ledger knows"


def test_one_edited_or_deleted_shape_of_ours_makes_the_frame_a_persons() -> None:
    edited = seen(drawn(1, 0, "auto", fingerprint=7), drawn(2, 0, "auto", fingerprint=9))
    deleted = seen(drawn(1, 0, "auto", fingerprint=7))
    for snapshot in (edited, deleted):
        for policy in ("new", "empty"):
            assert left_alone(snapshot, [entry(0, ours(1, 7), ours(2, 8))], policy) == {0: PERSON}


def test_a_shape_of_ours_that_a_person_edited_counts_whatever_its_source_is_now() -> None:
    snapshot = seen(drawn(1, 0, "manual", fingerprint=9))
    assert left_alone(snapshot, [entry(0, ours(1, 7))], "new") == {0: PERSON}


def test_what_never_arrived_was_not_deleted_by_anybody() -> None:
    assert left_alone(seen(), [entry(0, ours(None, 7))], "new") == {}


def test_another_machines_shapes_keep_a_frame_from_the_policy_empty_alone() -> None:
    snapshot = seen(drawn(1, 0, "auto"), drawn(2, 1, "auto"), drawn(3, 1), drawn(4, 2), drawn(5, 2, "auto"))
    assert left_alone(snapshot, [], "empty") == {0: MACHINE, 1: PERSON, 2: PERSON}
    assert left_alone(snapshot, [], "new") == {1: PERSON, 2: PERSON}


def test_the_policy_all_leaves_nothing_alone() -> None:
    snapshot = seen(drawn(1, 0), tracked=(5,))
    assert left_alone(snapshot, [entry(3, ours(9, 7))], "all") == {}


def test_what_we_are_taking_away_ourselves_is_nobodys_deletion() -> None:
    removing = entry(0, ours(1, 7, removing=True), ours(2, 8), state=LedgerState.REMOVING)
    assert not touched(removing, seen(drawn(2, 0, fingerprint=8)))
    assert touched(removing, seen(drawn(1, 0, fingerprint=7))), "the other one was not to go"
    kept = entry(0, ours(1, 7, removing=True), state=LedgerState.KEPT)
    assert touched(kept, seen()), "a mark of another time says nothing"


def test_unedited_is_what_is_there_and_equal() -> None:
    snapshot = seen(drawn(1, 0, fingerprint=7))
    assert unedited(ours(1, 7), snapshot)
    assert not unedited(ours(1, 8), snapshot)
    assert not unedited(ours(2, 7), snapshot)
    assert not unedited(ours(None, 7), snapshot)


def test_a_frames_highest_group_of_a_person_is_found_in_whatever_order() -> None:
    shapes = [drawn(1, 0, group=3), drawn(2, 0, group=8), drawn(3, 0, group=5), drawn(4, 1), drawn(5, 1, "auto", 9)]
    assert person_groups(seen(*shapes)) == person_groups(seen(*reversed(shapes))) == {0: 8, 1: 0}
    assert person_groups(seen(drawn(5, 1, "auto", 9))) == {}


shapes_on_frames = st.lists(
    st.builds(
        drawn, st.integers(1, 30), st.integers(0, 4), st.sampled_from(["manual", "auto", "semi-auto"]), st.just(0),
        st.integers(0, 2),
    ),
    max_size=12,
    unique_by=lambda shape: shape.id,
)  # fmt: skip
entries_on_frames = st.lists(
    st.builds(
        lambda frame, shapes, state: entry(frame, *shapes, state=state),
        st.integers(0, 4),
        st.lists(st.builds(ours, st.integers(1, 30) | st.none(), st.integers(0, 2), st.booleans()), max_size=3),
        st.sampled_from(LedgerState),
    ),
    max_size=4,
)


@given(shapes_on_frames, entries_on_frames, st.frozensets(st.integers(0, 4)))
def test_each_policy_leaves_alone_what_the_laxer_one_does(shapes, entries, tracked) -> None:
    snapshot = seen(*shapes, tracked=tuple(tracked))
    assert left_alone(snapshot, entries, "all") == {}
    new, empty = left_alone(snapshot, entries, "new"), left_alone(snapshot, entries, "empty")
    assert new.items() <= empty.items()
    assert set(new.values()) <= {PERSON}
    assert set(empty.values()) <= {PERSON, MACHINE}
    assert tracked <= new.keys()


@given(shapes_on_frames, entries_on_frames)
def test_the_order_of_what_lies_in_a_task_does_not_matter(shapes, entries) -> None:
    forwards, backwards = seen(*shapes), seen(*reversed(shapes))
    for policy in ("new", "empty"):
        assert left_alone(forwards, entries, policy) == left_alone(backwards, entries[::-1], policy)
