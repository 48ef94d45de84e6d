"""Reading graphs from their files: protobuf only, checked before TensorFlow gets to see them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod import graph_bounds, graph_safety
from firstpass.models.detectors.tfod.graph_view import GraphView, attribute, node_of
from firstpass.models.detectors.tfod.outputs import MASKS, REQUIRED

FROZEN_NAME = "frozen_inference_graph.pb"
SAVED_NAME = "saved_model.pb"
SERVE, SIGNATURE = "serve", "serving_default"
_LARGEST = 2**31 - 1  # bytes; protobuf reads no more
UINT8 = 4  # TensorFlow's types.proto
EXPORT_AGAIN = (
    "export the model again (the TF Object Detection API's exporter, input type image_tensor) and copy all of it"
)


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A graph that takes uint8 images [N, height, width, 3] and gives the TF Object Detection API's outputs.

    image: the tensor to feed. outputs: output name → tensor to fetch; `detection_masks` only where there are some.
    one_a_batch: the graph takes a single image a call. restore: node and file name tensor that fill its variables from
    `variables`, None for a graph that has everything in it.
    """

    path: Path
    graph_def: Any
    image: str
    outputs: dict[str, str]
    one_a_batch: bool = False
    restore: tuple[str, str] | None = None

    @property
    def variables(self) -> Path:
        """What the variables' files have in common at the start of their names."""
        return self.path.parent / "variables" / "variables"


def read_frozen(folder: Path) -> GraphFile:
    """The frozen graph in `folder`: under its usual name, or the only .pb that there is.

    Raises FirstpassError naming file and node: no file or two, text, truncated, an input or an output missing or of
    another kind, an operation that is not allowed.
    """
    from tensorflow.core.framework.graph_pb2 import GraphDef

    path = _frozen_path(folder)
    graph_def = _parse(path, GraphDef())
    nodes = {node.name: node for node in graph_def.node}
    if not nodes:
        raise FirstpassError(f"{path}: holds no graph", EXPORT_AGAIN)
    for name in ("image_tensor", *REQUIRED):
        if name not in nodes:
            raise FirstpassError(f"{path}: the graph has no node {name!r}", EXPORT_AGAIN)
    graph_safety.check_frozen(graph_def, path)
    graph_bounds.check_bounds(graph_def, path.stat().st_size, path)
    image = nodes["image_tensor"]
    one = _check_image(path, "image_tensor", attribute(image, "dtype").type, attribute(image, "shape").shape)
    names = [*REQUIRED, *([MASKS] if MASKS in nodes else [])]
    return GraphFile(path, graph_def, "image_tensor:0", {name: f"{name}:0" for name in names}, one)


def read_saved(folder: Path) -> GraphFile:
    """The serving signature of the SavedModel in `folder`, or in `folder`/saved_model.

    Nothing else of it is looked at: no Keras objects, no assets, no initialisers. Raises FirstpassError naming file,
    signature and node, as `read_frozen` does.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = next((p for p in (folder / SAVED_NAME, folder / "saved_model" / SAVED_NAME) if p.is_file()), None)
    if path is None:
        raise FirstpassError(f"{folder}: no {SAVED_NAME}", EXPORT_AGAIN)
    saved = _parse(path, SavedModel())
    meta = next((graph for graph in saved.meta_graphs if SERVE in graph.meta_info_def.tags), None)
    if meta is None:
        raise FirstpassError(f"{path}: has no graph with the tag {SERVE!r}", EXPORT_AGAIN)
    if SIGNATURE not in meta.signature_def:
        there = ", ".join(sorted(meta.signature_def)) or "none"
        raise FirstpassError(f"{path}: has no signature {SIGNATURE!r}; signatures: {there}", EXPORT_AGAIN)
    signature = meta.signature_def[SIGNATURE]
    image, one = _signature_image(path, signature)
    missing = [name for name in REQUIRED if name not in signature.outputs]
    if missing:
        raise FirstpassError(f"{path}: signature {SIGNATURE!r} has no output {missing[0]!r}", EXPORT_AGAIN)
    graph_bounds.check_bounds(meta.graph_def, path.stat().st_size, path)
    graph_safety.check_meta_graph(meta, path)
    names = [*REQUIRED, *([MASKS] if MASKS in signature.outputs else [])]
    outputs = {name: str(signature.outputs[name].name) for name in names}
    return _served(path, meta, image, outputs, one)


def _served(path: Path, meta: Any, image: str, outputs: dict[str, str], one: bool) -> GraphFile:
    """The part of the graph that the signature and the restoring of its variables need."""
    view = GraphView(meta.graph_def)
    for tensor in (image, *outputs.values()):
        if node_of(tensor) not in view.nodes:
            raise FirstpassError(
                f"{path}: signature {SIGNATURE!r} names {tensor!r}, which is not in the graph", EXPORT_AGAIN
            )
    ends = [node_of(tensor) for tensor in (image, *outputs.values())]
    restore = None
    if meta.saver_def.restore_op_name and any(node.op.startswith("Var") for node in meta.graph_def.node):
        restore = (meta.saver_def.restore_op_name, meta.saver_def.filename_tensor_name)
        ends += [node_of(name) for name in restore]
    return GraphFile(path, view.part(ends), image, outputs, one, restore)


def _signature_image(path: Path, signature: Any) -> tuple[str, bool]:
    if len(signature.inputs) != 1:
        names = ", ".join(sorted(signature.inputs)) or "none"
        raise FirstpassError(
            f"{path}: signature {SIGNATURE!r} wants one input, the images; it has {names}", EXPORT_AGAIN
        )
    ((name, tensor),) = signature.inputs.items()
    return tensor.name, _check_image(path, name, tensor.dtype, tensor.tensor_shape)


def _check_image(path: Path, name: str, dtype: int, shape: Any) -> bool:
    """Whether the input takes one image a call. Raises FirstpassError for what are not uint8 images of any size."""
    if dtype != UINT8:
        raise FirstpassError(f"{path}: input {name!r} does not take uint8 images", EXPORT_AGAIN)
    if shape.unknown_rank or not shape.dim:
        return False
    sizes = [dim.size for dim in shape.dim]
    if len(sizes) != 4 or sizes[1:3] != [-1, -1] or sizes[3] not in (-1, 3) or sizes[0] not in (-1, 1):
        raise FirstpassError(
            f"{path}: input {name!r} takes the shape {sizes}, not [-1, -1, -1, 3]: images of any size", EXPORT_AGAIN
        )
    return bool(sizes[0] == 1)


def _frozen_path(folder: Path) -> Path:
    if (folder / FROZEN_NAME).is_file():
        return folder / FROZEN_NAME
    found = sorted(path for path in folder.glob("*.pb") if path.name != SAVED_NAME)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "no .pb file"
        raise FirstpassError(f"{folder}: a frozen graph is wanted, found {names}", f"leave one graph, {FROZEN_NAME}")
    return found[0]


def _parse(path: Path, message: Message) -> Any:
    """`message` with the file's content. Raises FirstpassError for text and for what protobuf cannot read."""
    if (size := path.stat().st_size) > _LARGEST:
        raise FirstpassError(f"{path}: has {size} bytes, a graph has {_LARGEST} at most", EXPORT_AGAIN)
    data = path.read_bytes()
    if _is_text(data[:4096]):
        start = data[:40].decode(errors="replace").splitlines()[0]
        raise FirstpassError(f"{path}: is text, not a binary graph; it starts with {start!r}", EXPORT_AGAIN)
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise FirstpassError(f"{path}: truncated or damaged after export ({len(data)} bytes)", EXPORT_AGAIN) from error
    return message


def _is_text(head: bytes) -> bool:
    """A binary graph has control characters within its first node; a text graph or a pointer file has none."""
    return bool(head) and all(byte >= 32 or byte in b"\t\r\n" for byte in head)
