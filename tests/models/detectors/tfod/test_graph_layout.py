"""Cancelled transpositions change the speed of a graph and not one bit of its answer."""

from collections import Counter

import numpy as np

from firstpass.models.detectors.tfod.graph_file import read_frozen
from firstpass.models.detectors.tfod.graph_layout import streamline
from firstpass.models.detectors.tfod.session import GraphSession
from fixtures import graphs
from fixtures.detecting import noise


def streamlined(folder):
    file = read_frozen(folder)
    return file, streamline(file.graph_def, {"image_tensor", *graphs.OUTPUTS})


def needed(graph_def):
    from firstpass.models.detectors.tfod.graph_view import GraphView

    return Counter(node.op for node in GraphView(graph_def).part(graphs.OUTPUTS).node)


def test_transpositions_cancel_and_every_bit_stays(tmp_path):
    file, graph_def = streamlined(graphs.frozen(tmp_path, graphs.converted))
    before, after = needed(file.graph_def), needed(graph_def)
    assert (before["Transpose"], after["Transpose"]) == (8, 2)  # the two around the reshaping, which sees the order
    assert after["BiasAdd"] == before["Conv2D"] - 1  # the head has no bias
    assert (before["StridedSlice"] - after["StridedSlice"], after["ReverseV2"]) == (1, 1)
    outputs = [
        GraphSession(graph, file.path).callable(["image_tensor"], graphs.OUTPUTS)(noise(50, 70)[np.newaxis])
        for graph in (file.graph_def, graph_def)
    ]
    assert outputs[0][3].item() > 5
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_channels_are_normalised_by_the_row(tmp_path):
    """Whatever the width: the constant is repeated as often as the picture asks for."""
    file, graph_def = streamlined(graphs.frozen(tmp_path, graphs.normalised))
    before, after = needed(file.graph_def), needed(graph_def)
    assert (before["Tile"], after["Tile"]) == (0, 2)
    assert (before["RealDiv"], after["RealDiv"]) == (1, 0)
    sides = [
        GraphSession(graph, file.path).callable(["image_tensor"], ["normalised"])
        for graph in (file.graph_def, graph_def)
    ]
    for height, width in ((50, 70), (31, 9), (5, 1)):
        one, other = (run(noise(height, width)[np.newaxis])[0] for run in sides)
        assert one.shape == (1, height // 2 + 3, width // 2 + 4, 3)
        np.testing.assert_array_equal(one, other)


def test_a_graph_with_loops_stays_as_it_is(tmp_path):
    file, graph_def = streamlined(graphs.frozen(tmp_path, graphs.looped()))
    assert graph_def is file.graph_def


def test_the_graph_that_was_read_is_not_changed(tmp_path):
    folder = graphs.frozen(tmp_path, graphs.converted)
    file, _ = streamlined(folder)
    assert file.graph_def == read_frozen(folder).graph_def
