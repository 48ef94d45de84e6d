"""Which detections become drafts, and what tells two sets of drafts apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.contracts.thresholds import Thresholds

SCORES = st.floats(0, 1, width=32)
THRESHOLDS = st.builds(Thresholds, SCORES, st.dictionaries(st.integers(1, 3), SCORES, max_size=3))
FOUND = st.lists(st.tuples(st.integers(1, 4), SCORES), max_size=8)


def test_one_score_counts_for_every_class_unless_one_has_its_own():
    assert Thresholds(0.5).reached([1, 2, 1, 2], [0.9, 0.9, 0.3, 0.3]).tolist() == [True, True, False, False]
    assert Thresholds(0.5, {2: 0.2}).reached([1, 2, 1, 2], [0.9, 0.9, 0.3, 0.3]).tolist() == [True, True, False, True]
    assert Thresholds(0.2, {2: 0.95}).reached([1, 2, 1, 2], [0.9, 0.9, 0.3, 0.3]).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_a_score_counts_from_the_one_asked_for_on_as_it_is_kept():
    below = np.nextafter(np.float32(0.7), np.float32(0))
    for kept in (np.array([0.7, below], np.float32), [float(np.float32(0.7)), float(below)], (0.7, below)):
        assert Thresholds(0.7).reached([1, 1], kept).tolist() == [True, False]
        assert Thresholds(0.0, {1: 0.7}).reached(np.array([1, 1], np.int32), kept).tolist() == [True, False]


def test_a_score_in_double_precision_is_compared_as_it_would_be_kept():
    """As the warehouse does, whose scores are real."""
    assert Thresholds(0.7).reached([1, 1], [0.69999998, 0.69999994]).tolist() == [True, False]


def test_what_is_not_a_number_is_no_draft():
    assert Thresholds(0.0).reached([1, 2], [np.nan, 0.0]).tolist() == [False, True]
    assert Thresholds(0.5, {1: 0.0}).reached([1], [np.nan]).tolist() == [False]


def test_of_no_detections_none_is_a_draft():
    for ids, scores in (([], []), (np.empty(0, np.int32), np.empty(0, np.float32))):
        reached = Thresholds(0.5, {1: 0.2}).reached(ids, scores)
        assert (reached.shape, reached.dtype) == ((0,), np.bool_)


@given(THRESHOLDS, FOUND)
def test_drafts_are_those_that_reach_what_their_class_asks_for(thresholds, found):
    reached = thresholds.reached([class_id for class_id, _ in found], [score for _, score in found])
    assert reached.tolist() == [
        score >= thresholds.by_class.get(class_id, thresholds.default) for class_id, score in found
    ]


@given(THRESHOLDS, FOUND)
def test_no_draft_scores_less_than_the_lowest(thresholds, found):
    reached = thresholds.reached([class_id for class_id, _ in found], [score for _, score in found])
    assert all(score >= thresholds.lowest for (_, score), draft in zip(found, reached, strict=True) if draft)


@pytest.mark.parametrize(
    ("thresholds", "lowest"),
    [(Thresholds(0.4), 0.4), (Thresholds(0.4, {1: 0.6}), 0.4), (Thresholds(0.4, {1: 0.6, 2: 0.3, 3: 0.35}), 0.3)],
)
def test_the_lowest_is_that_of_all_classes(thresholds, lowest):
    assert thresholds.lowest == lowest


SOME = Thresholds(0.4, {2: 0.5, 17: 0.25})


def test_the_ledgers_of_release_0_1_0_have_the_digests_of_revision_1():
    """A shape is found again by it: a release that hashed otherwise would send every draft again."""
    assert SOME.digest(1) == "d290e1bdc588"


def test_whatever_changes_the_drafts_changes_the_digest():
    others = [
        Thresholds(0.41, {2: 0.5, 17: 0.25}),
        Thresholds(0.4, {2: 0.5, 17: 0.26}),
        Thresholds(0.4, {2: 0.5}),
        Thresholds(0.4),
    ]
    digests = {each.digest(revision) for each in (SOME, *others) for revision in (1, 2, 3)}
    assert len(digests) == 15
    assert {len(digest) for digest in digests} == {12}


def test_the_order_of_the_classes_does_not():
    other_order = Thresholds(0.4, {17: 0.25, 2: 0.5})
    assert [other_order.digest(1), other_order.digest(2)] == [SOME.digest(1), SOME.digest(2)]
