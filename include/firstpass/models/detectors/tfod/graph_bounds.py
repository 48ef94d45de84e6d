"""Graphs that would crash TensorFlow, or fill the memory, by what stands in their file: refused before it sees them.

TensorFlow follows functions and chains of nodes by recursion, and ends the process where they are endless or too long.
What only shows when a graph runs (a loop that never ends, a size that is computed) is left to the limits that the
process has in which a model is admitted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod.graph_view import attribute, node_of

MOST_NODES = 500_000  # the largest exports have some 40,000
LONGEST_CHAIN = 20_000  # the deepest networks have some 2,000
DEEPEST_CALL = 100
LARGEST = 2**30  # bytes that one constant or one Fill may stand for
EXPANSION = 20  # times the file's size that all of them together may stand for
SMALL = 64 * 2**20  # bytes that they may stand for, however small the file

_BACK = "NextIteration"  # closes TensorFlow 1's loops, the only circles that a graph may have
_FIX = "export the model again, from a source that you trust"


def check_bounds(graph_def: Any, size: int, path: Path) -> None:
    """The number of nodes, their chains, the functions that call each other, and what constants stand for.

    size: of the file, in bytes. Raises FirstpassError naming the file, and the node or function.
    """
    bodies = {"": graph_def.node} | {f.signature.name: f.node_def for f in graph_def.library.function}
    if (count := sum(map(len, bodies.values()))) > MOST_NODES:
        raise FirstpassError(f"{path}: the graph has {count} nodes, {MOST_NODES} are the most", _FIX)
    for nodes in bodies.values():
        _check_chains(nodes, path)
    _check_calls(bodies, path)
    _check_constants(bodies.values(), size, path)


def _check_chains(nodes: Any, path: Path) -> None:
    """Every node after those that it reads: what remains is in a circle; how many stand in a row is counted on the way.

    Names of a function's inputs, which are no nodes, are not followed.
    """
    indices = {node.name: index for index, node in enumerate(nodes)}
    readers: list[list[int]] = [[] for _ in nodes]
    waiting = [0] * len(nodes)
    for index, node in enumerate(nodes):
        for name in node.input:
            source = indices.get(node_of(name))
            if source is not None and nodes[source].op != _BACK:
                readers[source].append(index)
                waiting[index] += 1
    ready = deque(index for index, count in enumerate(waiting) if not count)
    length = [1] * len(nodes)
    while ready:
        index = ready.popleft()
        if length[index] > LONGEST_CHAIN:
            raise FirstpassError(
                f"{path}: node {nodes[index].name!r} comes after {LONGEST_CHAIN} others in a row, "
                "which is too deep for TensorFlow",
                _FIX,
            )
        for reader in readers[index]:
            length[reader] = max(length[reader], length[index] + 1)
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    left = {index for index, count in enumerate(waiting) if count}
    if left:
        name = nodes[_in_circle(left, readers)].name
        raise FirstpassError(f"{path}: node {name!r} waits for itself, in a circle of nodes", _FIX)


def _in_circle(left: set[int], readers: list[list[int]]) -> int:
    """One of the nodes in a circle. left: what waits for a circle, or is in one."""
    sources = {reader: index for index in left for reader in readers[index] if reader in left}
    seen: set[int] = set()
    index = next(iter(left))
    while index not in seen:
        seen.add(index)
        index = sources[index]
    return index


def _check_calls(bodies: dict[str, Any], path: Path) -> None:
    """No function leads to itself, and a graph with functions put in place of calls has no more nodes than it may."""
    calls = {name: list(_called(nodes, bodies)) for name, nodes in bodies.items()}
    nodes_of: dict[str, int] = {}  # of a function, with all that it calls
    for root in bodies:
        on_way = {root: iter(calls[root])} if root not in nodes_of else {}
        while on_way:
            name, others = next(reversed(on_way.items()))
            called = next(others, None)
            if called is None:
                nodes_of[name] = len(bodies[name]) + sum(nodes_of[other] for other in calls[name])
                del on_way[name]
            elif called in on_way:
                raise FirstpassError(f"{path}: the function {called!r} calls itself, without end", _FIX)
            elif called not in nodes_of:
                on_way[called] = iter(calls[called])
            if len(on_way) > DEEPEST_CALL or nodes_of.get(name, 0) > MOST_NODES:
                raise FirstpassError(f"{path}: the function {name!r} calls others, and these others, too often", _FIX)


def _called(nodes: Any, bodies: dict[str, Any]) -> Iterator[str]:
    """The functions that nodes call, each time that they do."""
    for node in nodes:
        yield from (name for name in (node.op, *mentioned(node)) if name and name in bodies)


def mentioned(node: Any) -> Iterator[str]:
    """The functions that attributes of `node` name."""
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def _check_constants(bodies: Iterable[Any], size: int, path: Path) -> None:
    """A constant may say a value once and stand for a billion; so may a Fill whose size is a constant."""
    total = 0
    for nodes in bodies:
        constants = {node.name: attribute(node, "value").tensor for node in nodes if node.op == "Const"}
        for node in nodes:
            if node.op == "Const":
                stands_for = _bytes(constants[node.name])
            elif node.op == "Fill" and (shape := _values(constants.get(node_of(node.input[0])))):
                stands_for = 4 * prod(shape)
            else:
                continue
            total += stands_for
            if stands_for > LARGEST or total > EXPANSION * size + SMALL:
                raise FirstpassError(
                    f"{path}: node {node.name!r} stands for {stands_for / 2**20:.0f} MiB, in a file of "
                    f"{size / 2**20:.3g} MiB",
                    _FIX,
                )


def _bytes(tensor: Any) -> int:
    """What a constant takes in memory; of text no more than its file has can come of it."""
    from tensorflow import dtypes

    try:
        width = dtypes.as_dtype(tensor.dtype).size
    except TypeError:
        return 0  # TensorFlow itself refuses it
    return int(width * prod(max(0, dim.size) for dim in tensor.tensor_shape.dim))


def _values(tensor: Any | None) -> list[int]:
    """The numbers of a constant shape; none where they are not given in a usual way."""
    if tensor is None or _bytes(tensor) > 1024:
        return []
    from tensorflow import make_ndarray

    try:
        return [int(value) for value in make_ndarray(tensor).ravel()]
    except (TypeError, ValueError):
        return []
