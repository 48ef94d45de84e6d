"""No code from a model file ever runs, and no graph reaches for files, the network or Python.

A graph is a program, and TensorFlow has operations that read and write files, open connections, call back into Python
or load other graphs. Their number grows with each release, so this is an allow-list: `graph_ops` names those that only
compute, and any other operation, a custom one included, is refused by name before TensorFlow sees the graph. Libraries
of custom operations are never loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod import graph_ops
from firstpass.models.detectors.tfod.graph_bounds import mentioned
from firstpass.models.detectors.tfod.graph_view import GraphView, node_of

FIX = "a detector's graph may only compute: export the model again without this operation, from a source that you trust"


def check_frozen(graph_def: Any, path: Path) -> None:
    """Every node of the graph and of its function library, whether anything reads it or not.

    Raises FirstpassError naming file, node and operation.
    """
    functions = {function.signature.name for function in graph_def.library.function}
    for node in _all_nodes(graph_def):
        _check(node, graph_ops.FROZEN | functions, path)


def check_meta_graph(meta_graph: Any, path: Path) -> None:
    """Every node of a SavedModel's graph and of its function library.

    What saves and restores the variables may touch files. So nodes that only `saver_def` leads to, and functions that
    only they call, may use the saver's operations too; and the restoring part may read from nowhere but the file name
    that the loader feeds. Raises FirstpassError naming file, node and operation.
    """
    graph_def, saver = meta_graph.graph_def, meta_graph.saver_def
    view = GraphView(graph_def)
    functions = {function.signature.name: function for function in graph_def.library.function}
    ends = [node_of(name) for name in (saver.save_tensor_name, saver.restore_op_name) if name]
    behind = view.ancestors(ends)
    of_saver = _called((view.nodes[name] for name in behind), functions)
    of_others = _called((node for name, node in view.nodes.items() if name not in behind), functions)
    serving, saving = graph_ops.SERVING | set(functions), graph_ops.SAVER | set(functions)
    for node in graph_def.node:
        _check(node, saving if node.name in behind else serving, path)
    for name, function in functions.items():
        allowed = saving if name in of_saver and name not in of_others else serving
        for node in function.node_def:
            _check(node, allowed, path)
    _check_restoring(view, functions, node_of(saver.filename_tensor_name), path)


def _check(node: Any, allowed: Collection[str], path: Path) -> None:
    if node.op not in allowed:
        raise FirstpassError(f"{path}: node {node.name!r} is of operation {node.op!r}, which is not allowed", FIX)


def _all_nodes(graph_def: Any) -> Iterator[Any]:
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def _called(nodes: Iterable[Any], functions: dict[str, Any]) -> set[str]:
    """The functions that `nodes` call, and those that these call in turn."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        for name in {node.op, *mentioned(node)} & set(functions):
            if name not in found:
                found.add(name)
                waiting.extend(functions[name].node_def)
    return found


def _check_restoring(view: GraphView, functions: dict[str, Any], fed: str, path: Path) -> None:
    """Each RestoreV2 reads from what is fed as the file name: directly, or as its function's argument."""
    for node in view.graph_def.node:
        called = [inner for name in _called([node], functions) for inner in functions[name].node_def]
        if node.op == "RestoreV2":
            sources = [view.source(node)]
        elif any(inner.op == "RestoreV2" for inner in called):
            sources = [view.source(node, index) for index in range(len(node.input)) if node.input[index][0] != "^"]
        else:
            continue
        if any(source is None or (source.name != fed and source.op != "VarHandleOp") for source in sources):
            raise FirstpassError(f"{path}: node {node.name!r} restores from elsewhere than the model's variables", FIX)
    for function in functions.values():
        arguments = {argument.name for argument in function.signature.input_arg}
        for node in function.node_def:
            if node.op == "RestoreV2" and node.input[0] not in arguments:
                place = f"node {node.name!r} of function {function.signature.name!r}"
                raise FirstpassError(f"{path}: {place} restores from elsewhere than the model's variables", FIX)
