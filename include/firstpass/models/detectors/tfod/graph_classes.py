"""How many classes a detector's graph tells apart, read from its shapes and never guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from firstpass.models.detectors.tfod.graph_view import attribute

BOX_CODE = 4  # numbers that encode one box
CLASS_HEAD = re.compile(r"(^|/)ClassPredictor(_dense)?/bias(es)?$")
BOX_HEAD = re.compile(r"(^|/)(BoxEncodingPredictor|BoxPredictor)(_dense)?/bias(es)?$")
SUPPRESSION = re.compile(r"(.*)MultiClassNonMaxSuppression/.*NonMaxSuppressionV\d$")


def class_count(graph_def: Any) -> int | None:
    """The classes that the network emits, background left out; None where the graph does not say.

    Read from the scores that go into CombinedNonMaxSuppression; else from the class predictors of the TF Object
    Detection API: those of SSD hold one slot per anchor and class, that of Faster R-CNN one per class. One slot is the
    background's, unless the graph suppresses as many classes as there are slots.
    """
    combined = _combined_scores(graph_def)
    if combined is not None:
        return combined
    slots = _slots(dict(_parameters(graph_def)))
    if slots is None:
        return None
    return slots if _suppressions(graph_def) == slots else slots - 1


def _combined_scores(graph_def: Any) -> int | None:
    """The last dimension of [N, boxes, classes], by TensorFlow's own inference of shapes; nothing is run."""
    nodes = [node for node in graph_def.node if node.op == "CombinedNonMaxSuppression"]
    if len(nodes) != 1:
        return None
    from firstpass.models.detectors.tfod.session import tf

    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        shape = graph.get_operation_by_name(nodes[0].name).inputs[1].shape
    return int(shape[-1]) if shape.rank == 3 and shape[-1] is not None else None


def _parameters(graph_def: Any) -> Iterator[tuple[str, int]]:
    """Name and length of each bias, be it a constant or a variable."""
    for node in graph_def.node:
        if node.op == "Const":
            shape = attribute(node, "value").tensor.tensor_shape
        elif node.op in ("VarHandleOp", "VariableV2"):
            shape = attribute(node, "shape").shape
        else:
            continue
        if len(shape.dim) == 1:
            yield attribute(node, "shared_name").s.decode() or node.name, shape.dim[0].size


def _slots(biases: dict[str, int]) -> int | None:
    """Slots a class predictor has for one box; all heads have to agree."""
    heads = [name for name in sorted(biases) if CLASS_HEAD.search(name)]
    second = [name for name in heads if "FirstStage" not in name]
    if len(second) < len(heads):
        sizes = {biases[name] for name in second}
        return sizes.pop() if len(sizes) == 1 else None
    boxes = [name for name in sorted(biases) if BOX_HEAD.search(name)]
    if not heads or len(heads) != len(boxes):
        return None
    slots = {BOX_CODE * biases[head] / biases[box] for head, box in zip(heads, boxes, strict=True)}
    found = slots.pop()
    return int(found) if not slots and found.is_integer() else None


def _suppressions(graph_def: Any) -> int:
    """How many classes one of the API's loops suppresses one by one, in the graph or in one of its functions."""
    loops: Counter[tuple[int, str]] = Counter()
    for number, body in enumerate((graph_def.node, *(function.node_def for function in graph_def.library.function))):
        loops.update((number, found[1]) for node in body if (found := SUPPRESSION.match(node.name)))
    return max(loops.values(), default=0)
