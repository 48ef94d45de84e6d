"""Under which name a kind's file is stored."""

from __future__ import annotations

import pytest

from firstpass.contracts.detector_kind import DetectorKind, single_file
from firstpass.contracts.network_profile import NetworkProfile


def kind(**fields) -> DetectorKind:
    return DetectorKind(
        name="made_up", title="a made-up model", weights="weights.bin", store_name=single_file("weights.bin"),
        inspect=lambda _: None, load=lambda *_: None, cost=NetworkProfile("x", 1, 1, 1.0, 0.5, "here"),
        threshold=0.5, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "stored"),
    [
        ("weights.h5", "weights.h5"),
        ("mask_rcnn_0030.H5", "weights.h5"),
        ("a.b.hdf5", "weights.h5"),
        ("sub/weights.h5", None),
        ("weights.h5.bak", None),
        ("h5", None),
        ("weights.pb", None),
    ],
)
def test_a_file_is_known_by_its_suffix_where_there_are_some(found, stored):
    assert single_file("weights.h5", ".h5", ".hdf5")(found) == stored


@pytest.mark.parametrize(
    ("found", "stored"), [("graph.pb", "graph.pb"), ("other.pb", None), ("sub/graph.pb", None), ("GRAPH.PB", None)]
)
def test_a_file_is_known_by_its_very_name_where_there_are_none(found, stored):
    assert single_file("graph.pb")(found) == stored


def test_what_a_kind_leaves_out_asks_for_nothing():
    plain = kind()
    assert plain.missing(["weights.bin"]) is None
    assert (plain.class_ids, plain.threshold_option, plain.extra) == ("rows", "", "")
    assert plain.revision == 1
    assert (plain.folders, plain.yields_to, plain.families, dict(plain.options)) == ((), (), (), {})
