"""Where a detector's graph may be divided: the resizing in front, the network behind it.

The front runs once per image, in the threads that decode, and hands on the small picture; the back runs once per
batch. A division is taken only where it is proven on the graph itself: nothing behind it may depend on the image in
any other way. Where no known pattern is found the graph is run whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstpass.models.detectors.tfod.graph_view import GraphView, add_constant, add_node, attribute, node_of

FLOAT, UINT8 = 1, 4  # TensorFlow's types.proto
AFFINE = {"Add", "AddV2", "Mul", "RealDiv", "Sub"}
LOOP = "Preprocessor/map"
STACKED = (f"{LOOP}/TensorArrayStack/TensorArrayGatherV3", f"{LOOP}/TensorArrayStack_1/TensorArrayGatherV3")
RESIZED, SCALED = "front/resized", "front/scaled"
CPU = "/CPU:0"  # the front works beside the threads that decode, whatever runs the network


@dataclass(frozen=True, slots=True)
class Cut:
    """A division of a graph that takes `image_tensor` [N, height, width, 3].

    graph_def: the graph, with nodes added for the front.
    front: tensors to compute from one image; the first is the resized picture [1, h, w, 3].
    back: tensors to feed in their place, in the same order, and then `image_tensor` is needed no more.
    a_batch: for each, whether it has a batch axis; otherwise it is the same for all pictures of one shape.
    """

    graph_def: Any
    front: tuple[str, ...]
    back: tuple[str, ...]
    a_batch: tuple[bool, ...]


def find_cut(graph_def: Any, image: str, outputs: list[str]) -> Cut | None:
    """The division of the graph between tensor `image` and tensors `outputs`; None where it has to be run whole."""
    view = GraphView(graph_def)
    image = node_of(image)
    cut = _after_plain_resize(view, image) or _after_loop(view, image)
    if cut is None or image in view.ancestors(map(node_of, outputs), stop={node_of(name) for name in cut.back}):
        return None
    return cut


def _after_plain_resize(view: GraphView, image: str) -> Cut | None:
    """`image` → Cast → ResizeBilinear to a computed size, from which all else that depends on the size is computed.

    TensorFlow's kernel resizes the bytes themselves with the same arithmetic, so the large picture of floats is
    spared.
    """
    casts = [node for node in view.readers[image] if node.op == "Cast"]
    resizes = [node for cast in casts for node in view.readers[cast.name] if node.op == "ResizeBilinear"]
    if len(resizes) != 1 or attribute(casts[0], "DstT").type != FLOAT:
        return None
    size = resizes[0].input[1]
    graph_def = _copy(view)
    _add_resize(graph_def, image, size, like=resizes[0])
    return Cut(graph_def, (RESIZED, size), (resizes[0].name, size), (True, False))


def _after_loop(view: GraphView, image: str) -> Cut | None:
    """The TF Object Detection API's loop over the images of a batch: Preprocessor/map/while/….

    A loop that resizes to one fixed size is replaced; any other one runs as it is, on one image at a time.
    """
    back = tuple(name for name in STACKED if name in view.nodes)
    if STACKED[0] not in back:
        return None
    return _fixed_size(view, image, back) or Cut(view.graph_def, back, back, tuple(True for _ in back))


def _fixed_size(view: GraphView, image: str, back: tuple[str, ...]) -> Cut | None:
    """The loop only resizes, to a constant size, what a chain of scalings makes of `image`.

    The scalings stay in front of the resizing, although behind it they would cost less: the last bits of a float decide
    which of two equally sure detections comes first.
    """
    written = [_written(view, view.nodes[name]) for name in back]
    path = _path(
        view, written[0], ("Squeeze", "ResizeBilinear", "ExpandDims", "TensorArrayReadV3", "Enter", "TensorArrayV3")
    )
    if not path:
        return None
    resize, array = path[1], path[-1]
    scatter = next((node for node in view.readers[array.name] if node.op == "TensorArrayScatterV3"), None)
    scalings = _scalings(view, view.source(scatter, 2), image) if scatter is not None else None
    size = view.constant(view.source(resize, 1))
    shapes = [view.constant(node) for node in written[1:]]
    if scalings is None or size is None or any(shape is None for shape in shapes):
        return None
    graph_def = _copy(view)
    scaled = _add_scalings(graph_def, view, scalings, image)
    _add_resize(graph_def, scaled, add_constant(graph_def, "front/size", size), like=resize)
    known = [
        add_constant(graph_def, f"front/shape_{i}", shape[np.newaxis])
        for i, shape in enumerate(shapes)
        if shape is not None
    ]
    return Cut(graph_def, (RESIZED, *known), back, tuple(True for _ in back))


def _written(view: GraphView, gather: Any) -> Any | None:
    """The value that the loop writes into the array that `gather` reads when the loop is done."""
    array = view.source(gather)
    enters = [node for node in view.readers[array.name] if node.op == "Enter"] if array is not None else []
    writes = [node for enter in enters for node in view.readers[enter.name] if node.op == "TensorArrayWriteV3"]
    return view.source(writes[0], 2) if len(writes) == 1 else None


def _path(view: GraphView, node: Any | None, ops: Sequence[str]) -> list[Any]:
    """The nodes from `node` upwards along first inputs, if they are of exactly these operations; else nothing."""
    found = []
    for op in ops:
        if node is None or node.op != op:
            return []
        found.append(node)
        node = view.source(node)
    return found


def _scalings(view: GraphView, node: Any | None, image: str) -> list[Any] | None:
    """The additions and multiplications by constants between `image`, cast to float, and `node`, in that order."""
    chain: list[Any] = []
    while node is not None and node.op in AFFINE:
        computed = [
            operand for operand in (view.source(node, 0), view.source(node, 1)) if view.constant(operand) is None
        ]
        if len(computed) != 1:
            return None
        chain.insert(0, node)
        node = computed[0]
    start = _path(view, node, ("Cast", "Placeholder"))
    return chain if start and start[1].name == image and attribute(start[0], "DstT").type == FLOAT else None


def _copy(view: GraphView) -> Any:
    copy = type(view.graph_def)()
    copy.CopyFrom(view.graph_def)
    return copy


def _add_resize(graph_def: Any, pixels: str, size: str, like: Any) -> None:
    """RESIZED: `pixels`, the input itself or scaled floats, resized to `size` with the sampling of `like`."""
    kind = FLOAT if pixels.startswith(SCALED) else UINT8
    node = add_node(graph_def, RESIZED, "ResizeBilinear", [pixels, size], T=kind)
    node.device = CPU
    for key in ("align_corners", "half_pixel_centers"):
        node.attr[key].b = attribute(like, key).b


def _add_scalings(graph_def: Any, view: GraphView, scalings: list[Any], image: str) -> str:
    """The same scalings of `image`, cast to float, without the loop; gives the last one's name."""
    if not scalings:
        return image
    last = SCALED
    add_node(graph_def, last, "Cast", [image], SrcT=UINT8, DstT=FLOAT).device = CPU
    for number, scaling in enumerate(scalings):
        copy = graph_def.node.add()
        copy.CopyFrom(scaling)
        copy.name, copy.device = f"{SCALED}_{number}", CPU
        for index in range(len(copy.input)):
            if view.constant(view.source(scaling, index)) is None:
                copy.input[index] = last
        last = copy.name
    return last
