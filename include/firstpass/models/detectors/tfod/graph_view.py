"""A TensorFlow graph as data: its nodes by name, who reads whom, and the constants in it. Nothing is ever run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


def node_of(tensor: str) -> str:
    """The node that gives a tensor: `^name`, `name` and `name:1` are all of node `name`."""
    return tensor.removeprefix("^").partition(":")[0]


def attribute(node: Any, key: str) -> Any:
    """The attribute's value, or an empty one. (Asking protobuf's map itself for a missing key would add it.)"""
    from tensorflow.core.framework.attr_value_pb2 import AttrValue

    return node.attr[key] if key in node.attr else AttrValue()


class GraphView:
    """Read-only looks at a GraphDef. Nodes and attributes are protobuf messages of TensorFlow's own."""

    def __init__(self, graph_def: Any) -> None:
        self.graph_def = graph_def
        self.nodes: dict[str, Any] = {node.name: node for node in graph_def.node}

    @cached_property
    def readers(self) -> dict[str, list[Any]]:
        """Node name → the nodes that read one of its outputs or wait for it."""
        found: dict[str, list[Any]] = {name: [] for name in self.nodes}
        for node in self.graph_def.node:
            for name in dict.fromkeys(map(node_of, node.input)):
                if name in found:
                    found[name].append(node)
        return found

    def source(self, node: Any, index: int = 0) -> Any | None:
        """The node that gives input `index` of `node`, looking through Identity; None where there is none."""
        if index >= len(node.input):
            return None
        found = self.nodes.get(node_of(node.input[index]))
        while found is not None and found.op == "Identity":
            found = self.nodes.get(node_of(found.input[0]))
        return found

    def ancestors(self, names: Iterable[str], stop: Collection[str] = ()) -> set[str]:
        """`names` and every node that they depend on, not looking behind the nodes in `stop`."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.nodes:
                continue
            found.add(name)
            if name not in stop:
                waiting.extend(map(node_of, self.nodes[name].input))
        return found

    def part(self, names: Iterable[str]) -> Any:
        """A GraphDef of `names` and what they depend on, with the whole function library."""
        wanted = self.ancestors(names)
        part = type(self.graph_def)(versions=self.graph_def.versions, library=self.graph_def.library)
        part.node.extend(node for name, node in self.nodes.items() if name in wanted)
        return part

    def constant(self, node: Any | None) -> NDArray[Any] | None:
        """The value of a Const, also one that is stored in half precision and cast; None for anything computed."""
        while node is not None and node.op in ("Identity", "Cast"):
            node = self.nodes.get(node_of(node.input[0]))
        if node is None or node.op != "Const":
            return None
        from tensorflow import make_ndarray

        return np.asarray(make_ndarray(node.attr["value"].tensor))

    def in_order(self) -> Iterator[Any]:
        """Every node after those that it reads. Only for graphs without TensorFlow 1's loops, which are cycles."""
        done: set[str] = set()
        for root in self.graph_def.node:
            path = [(root, iter(root.input))] if root.name not in done else []
            done.add(root.name)
            while path:
                node, inputs = path[-1]
                name = next((name for name in map(node_of, inputs) if name not in done and name in self.nodes), None)
                if name is None:
                    yield node
                    path.pop()
                else:
                    done.add(name)
                    path.append((self.nodes[name], iter(self.nodes[name].input)))


def add_node(graph_def: Any, name: str, op: str, inputs: Iterable[str] = (), **types: int) -> Any:
    """A new node at the end of `graph_def`; `types` are its attributes that are data types."""
    node = graph_def.node.add(name=name, op=op, input=inputs)
    for key, value in types.items():
        node.attr[key].type = value
    return node


def add_constant(graph_def: Any, name: str, value: NDArray[Any]) -> str:
    """A new Const at the end of `graph_def`; gives its name."""
    from tensorflow import make_tensor_proto

    tensor = make_tensor_proto(value)
    node = add_node(graph_def, name, "Const", dtype=tensor.dtype)
    node.attr["value"].tensor.CopyFrom(tensor)
    return name
