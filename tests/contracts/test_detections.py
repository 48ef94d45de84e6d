"""What a network found in one image, and which of it is kept."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firstpass.contracts.detections import Detections

SQUARE = np.array([[0, 0], [4, 0], [4, 4.5]], np.float32)


def found(*scores: float, class_id: int = 1, polygons=None) -> Detections:
    n = len(scores)
    boxes = np.arange(4 * n, dtype=np.float32).reshape(n, 4)
    return Detections(np.full(n, class_id, np.int32), np.array(scores, np.float32), boxes, polygons)


@st.composite
def detections(draw) -> Detections:
    """Any detections, each with its number in box, polygons and name."""
    n = draw(st.integers(0, 8))
    number = np.arange(n)
    return Detections(
        draw(arrays(np.int32, n, elements=st.integers(1, 3))),
        draw(arrays(np.float32, n, elements=st.floats(0, 1, width=32))),
        np.repeat(number[:, None], 4, axis=1).astype(np.float32),
        draw(st.sampled_from([None, tuple(((SQUARE + i, SQUARE),) for i in number)])),
        draw(st.sampled_from([(), tuple(f"name {i}" for i in number)])),
    )


def test_no_detections_have_the_shapes_of_some():
    none = Detections.none("is gone")
    assert (len(none), none.error, none.polygons, none.names) == (0, "is gone", None, ())
    assert (none.boxes.shape, none.boxes.dtype, none.class_ids.dtype, none.scores.dtype) == ((0, 4), "f4", "i4", "f4")
    assert len(none.class_ids) == len(none.boxes) == 0
    assert Detections.none().error is None
    assert len(none.at_least(0.0)) == 0


def test_scores_are_compared_as_they_are_kept():
    assert len(found(0.7, 0.1, 0.6999).at_least(0.7)) == 1
    assert len(found(0.7, 0.1, 0.6999).at_least(np.float64(0.7))) == 1
    assert len(found(*np.linspace(0, 1, 101)).at_least(0.3)) == 71


def test_what_is_not_a_number_is_dropped():
    detections = found(np.nan, 0.9, 0.8, np.inf)
    detections.boxes[2, 1] = np.nan
    assert detections.at_least(0.0).scores.tolist() == [np.float32(0.9)]


@given(detections(), st.data())
def test_what_is_kept_stays_together_and_in_order(some, data):
    mask = data.draw(arrays(np.bool_, len(some)))
    kept = some.keep(mask)
    numbers = np.flatnonzero(mask).tolist()
    assert kept.boxes[:, 0].tolist() == numbers
    assert kept.class_ids.tolist() == some.class_ids[mask].tolist()
    assert kept.scores.tolist() == some.scores[mask].tolist()
    assert kept.names == tuple(f"name {i}" for i in numbers if some.names)
    if some.polygons is None:
        assert kept.polygons is None
    else:
        assert [parts[0][0][0, 0] for parts in kept.polygons] == numbers


@given(detections(), st.floats(0, 1, width=32))
def test_those_at_least_are_the_ones_that_reach_the_score(some, wanted):
    kept = some.at_least(wanted)
    reached = [i for i, score in enumerate(some.scores.tolist()) if score >= wanted]
    assert kept.boxes[:, 0].tolist() == reached
    assert kept.at_least(wanted).boxes[:, 0].tolist() == reached, "a second look drops nothing more"


@given(detections(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_keeps_more(some, one, other):
    low, high = sorted((one, other))
    assert set(some.at_least(high).boxes[:, 0]) <= set(some.at_least(low).boxes[:, 0])
