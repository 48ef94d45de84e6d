"""A graph as data: built by hand, never run."""

import numpy as np
import pytest
from tensorflow.core.framework.graph_pb2 import GraphDef

from firstpass.models.detectors.tfod.graph_view import GraphView, add_constant, add_node, attribute, node_of


def graph(**nodes):
    """`name=(op, input, …)`: a graph of these nodes."""
    made = GraphDef()
    for name, (op, *inputs) in nodes.items():
        add_node(made, name, op, inputs)
    return GraphView(made)


def names(nodes):
    return [node.name for node in nodes]


@pytest.mark.parametrize("tensor", ["a/b", "a/b:0", "a/b:12", "^a/b"])
def test_a_tensor_is_of_its_node(tensor):
    assert node_of(tensor) == "a/b"


def test_an_attribute_that_is_not_there_is_empty_and_is_not_added():
    node = add_node(GraphDef(), "a", "Cast", DstT=1)
    assert attribute(node, "DstT").type == 1
    assert attribute(node, "SrcT").type == 0
    assert list(node.attr) == ["DstT"]


def test_who_reads_whom():
    view = graph(a=("Placeholder",), b=("Relu", "a:0", "a:1"), c=("NoOp", "^a"), d=("Add", "b", "gone"))
    assert {name: names(readers) for name, readers in view.readers.items()} == {
        "a": ["b", "c"], "b": ["d"], "c": [], "d": [],
    }  # fmt: skip


def test_a_source_is_looked_for_through_identities():
    view = graph(
        a=("Placeholder",), i=("Identity", "a"), j=("Identity", "i:0"), b=("Add", "j", "a:1"), c=("Relu", "gone")
    )
    assert view.source(view.nodes["b"]).name == "a"
    assert view.source(view.nodes["b"], 1).name == "a"
    assert view.source(view.nodes["b"], 2) is None
    assert view.source(view.nodes["c"]) is None
    assert view.source(view.nodes["a"]) is None


def test_what_a_node_depends_on():
    view = graph(a=("Placeholder",), b=("Relu", "a"), c=("Add", "b", "^a"), d=("Relu", "c"), e=("NoOp",))
    assert view.ancestors(["d"]) == {"a", "b", "c", "d"}
    assert view.ancestors(["d", "e", "gone"]) == {"a", "b", "c", "d", "e"}
    assert view.ancestors(["d"], stop={"b"}) == {"a", "b", "c", "d"}, "there is another way to a"
    assert view.ancestors(["d"], stop={"c"}) == {"c", "d"}
    loop = graph(a=("Merge", "b"), b=("NextIteration", "a"))
    assert loop.ancestors(["a"]) == {"a", "b"}


def test_a_part_is_in_the_same_order_with_the_whole_library():
    view = graph(z=("Placeholder",), a=("Relu", "z"), other=("NoOp",))
    view.graph_def.library.function.add().signature.name = "f"
    view.graph_def.versions.producer = 7
    part = view.part(["a"])
    assert names(part.node) == ["z", "a"]
    assert part.library.function[0].signature.name == "f"
    assert part.versions.producer == 7
    assert len(view.graph_def.node) == 3


def test_constants_are_seen_through_casts_and_nothing_computed_is_one():
    view = graph(a=("Placeholder",), b=("Relu", "a"))
    for value in (np.array([[1, 2]], np.int32), np.float32(0.5), np.array([1.5], np.float16)):
        name = add_constant(view.graph_def, f"c{value.dtype}", value)
        add_node(view.graph_def, f"cast {name}", "Cast", [name])
        add_node(view.graph_def, f"same {name}", "Identity", [f"cast {name}:0"])
        again = GraphView(view.graph_def)
        found = again.constant(again.nodes[f"same {name}"])
        np.testing.assert_array_equal(found, value)
        assert found.dtype == value.dtype
    add_node(view.graph_def, "odd", "Cast", ["gone"])
    again = GraphView(view.graph_def)
    assert all(again.constant(again.nodes[name]) is None for name in ("a", "b", "odd"))
    assert again.constant(None) is None


def test_every_node_comes_once_and_after_those_that_it_reads():
    view = graph(
        d=("Add", "c", "b"),
        c=("Relu", "b"),
        b=("Relu", "a:0", "^e"),
        a=("Placeholder",),
        e=("NoOp",),
        f=("Relu", "gone"),
    )
    order = names(view.in_order())
    assert sorted(order) == sorted(view.nodes)
    for node in view.graph_def.node:
        for name in map(node_of, node.input):
            assert name == "gone" or order.index(name) < order.index(node.name)


def test_a_deep_graph_is_walked_without_recursion():
    deep = {"n0": ("Placeholder",)} | {f"n{i}": ("Relu", f"n{i - 1}") for i in range(1, 5000)}
    view = graph(**dict(reversed(deep.items())))
    assert names(view.in_order()) == list(deep)


def test_nodes_are_added_at_the_end():
    made = GraphDef()
    node = add_node(made, "a", "Cast", ["x", "^y"], SrcT=4, DstT=1)
    assert (node.op, list(node.input), node.attr["SrcT"].type, node.attr["DstT"].type) == ("Cast", ["x", "^y"], 4, 1)
    assert add_constant(made, "b", np.array([1.5], np.float32)) == "b"
    assert names(made.node) == ["a", "b"]
    assert (made.node[1].op, made.node[1].attr["dtype"].type) == ("Const", 1)
