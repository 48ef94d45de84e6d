"""Reading graphs from their files: protobuf only, checked before TensorFlow gets to see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from firstpass.errors import FirstpassError

FROZEN_NAME = "frozen_inference_graph.pb"
UINT8 = 4  # DT_UINT8 in TensorFlow's types.proto
EXPORT_AGAIN = (
    "export the model again with export_inference_graph.py --input_type image_tensor, and copy the whole file"
)


def frozen_path(folder: Path) -> Path:
    """The frozen graph in a model's folder: the usual name, or the only .pb that there is.

    Raises FirstpassError when there is none or more than one.
    """
    if (folder / FROZEN_NAME).is_file():
        return folder / FROZEN_NAME
    found = sorted(path for path in folder.glob("*.pb") if path.name != "saved_model.pb")
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "no .pb file"
        raise FirstpassError(f"{folder}: a frozen graph is wanted, found {names}", f"leave one graph, {FROZEN_NAME}")
    return found[0]


def read_frozen(path: Path) -> Any:
    """The GraphDef in `path`, with the TF Object Detection API's input and outputs present.

    Raises FirstpassError naming the file for text, for a truncated file and for a missing node.
    """
    from tensorflow.core.framework.graph_pb2 import GraphDef

    graph_def = parse(path, GraphDef())
    nodes = {node.name: node for node in graph_def.node}
    if not nodes:
        raise FirstpassError(f"{path}: holds no graph", EXPORT_AGAIN)
    for name in ("image_tensor", "detection_boxes", "detection_scores", "detection_classes", "num_detections"):
        if name not in nodes:
            raise FirstpassError(f"{path}: the graph has no node {name!r}", EXPORT_AGAIN)
    if nodes["image_tensor"].attr["dtype"].type != UINT8:
        raise FirstpassError(f"{path}: node 'image_tensor' does not take uint8 images", EXPORT_AGAIN)
    return graph_def


def parse(path: Path, message: Message) -> Any:
    """`message` with the file's content. Raises FirstpassError for text and for what protobuf cannot read."""
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
