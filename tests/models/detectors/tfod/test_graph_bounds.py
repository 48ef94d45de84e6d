"""Graphs that would crash TensorFlow or fill the memory, by what stands in their file."""

from __future__ import annotations

import pytest
from tensorflow.core.framework.graph_pb2 import GraphDef

from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod import graph_bounds
from firstpass.models.detectors.tfod.graph_bounds import check_bounds
from firstpass.models.detectors.tfod.graph_file import read_frozen
from fixtures import hostile_models
from fixtures.graphs import frozen, looped


@pytest.mark.parametrize(
    ("build", "arguments", "said"),
    [
        ("chained", [20_001], "comes after 20000 others in a row, which is too deep for TensorFlow"),
        ("self_calling", [], "the function 'again' calls itself, without end"),
        ("circular", [], "waits for itself, in a circle of nodes"),
        ("inflating", [10**9], "node 'big' stands for 3815 MiB, in a file of 0.00"),
        ("filled_by_constant", [10**10], "node 'Fill' stands for 38147 MiB, in a file of 0.00"),
    ],
)
def test_what_would_end_the_process_is_told_by_name_instead(tmp_path, build, arguments, said):
    getattr(hostile_models, build)(tmp_path / "frozen_inference_graph.pb", *arguments)
    with pytest.raises(FirstpassError) as caught:
        read_frozen(tmp_path)
    assert caught.value.problem.startswith(f"{tmp_path / 'frozen_inference_graph.pb'}: ")
    assert said in caught.value.problem


def test_long_chains_large_constants_and_loops_of_honest_graphs_pass(tmp_path):
    hostile_models.chained(tmp_path / "frozen_inference_graph.pb", 10_000)
    read_frozen(tmp_path)
    hostile_models.inflating(tmp_path / "frozen_inference_graph.pb", 10**7)
    read_frozen(tmp_path)
    read_frozen(frozen(tmp_path / "loop", looped()))


def test_the_node_that_is_named_is_in_the_circle(tmp_path):
    hostile_models.circular(tmp_path / "frozen_inference_graph.pb")
    with pytest.raises(FirstpassError, match=r"node 'link_[01]' waits for itself"):
        read_frozen(tmp_path)


def test_many_small_constants_count_together(tmp_path):
    graph = GraphDef()
    for number in range(100):
        tensor = graph.node.add(name=f"c{number}", op="Const").attr["value"].tensor
        tensor.dtype = 1
        tensor.float_val[:] = [1.0]
        tensor.tensor_shape.dim.add(size=10**6)
    with pytest.raises(FirstpassError, match="node 'c16' stands for 4 MiB"):
        check_bounds(graph, graph.ByteSize(), tmp_path)


def calling(*calls: tuple[str, list[str]]) -> GraphDef:
    """Functions by name, and the functions that each calls; the graph calls the first."""
    graph = GraphDef()
    graph.node.add(name="start", op=calls[0][0])
    for name, others in calls:
        function = graph.library.function.add()
        function.signature.name = name
        for number, other in enumerate(others):
            function.node_def.add(name=f"call_{number}", op="PartitionedCall").attr["f"].func.name = other
    return graph


def test_a_circle_of_functions_is_found_however_long(tmp_path):
    circle = calling(("a", ["b"]), ("b", ["c", "d"]), ("c", []), ("d", ["b"]))
    with pytest.raises(FirstpassError, match="the function 'b' calls itself"):
        check_bounds(circle, 10**6, tmp_path)
    check_bounds(calling(("a", ["b", "c"]), ("b", ["c"]), ("c", [])), 10**6, tmp_path)


def test_functions_that_double_what_they_call_are_counted_as_they_would_be_put_in_place(tmp_path):
    doubling = [(f"f{i}", [f"f{i + 1}"] * 2) for i in range(30)]
    with pytest.raises(FirstpassError, match="calls others, and these others, too often"):
        check_bounds(calling(*doubling, ("f30", [])), 10**6, tmp_path)


def test_calls_that_go_too_deep_are_refused(tmp_path):
    deep = [(f"f{i}", [f"f{i + 1}"]) for i in range(graph_bounds.DEEPEST_CALL + 1)]
    with pytest.raises(FirstpassError, match="too often"):
        check_bounds(calling(*deep), 10**6, tmp_path)


def test_a_graph_of_too_many_nodes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(graph_bounds, "MOST_NODES", 30)
    check_bounds(calling(*[(f"f{i}", []) for i in range(29)]), 10**6, tmp_path)
    with pytest.raises(FirstpassError, match="the graph has 41 nodes, 30 are the most"):
        check_bounds(calling(("f", ["g"] * 40)), 10**6, tmp_path)
