"""Mask R-CNN of the Matterport design: the `.h5` weights that its training leaves, in an inference network of our own.

Modules, from the file to the detections: `layers` and `weights` (what the file must hold, and reading it), `config`
(what the weights cannot say), `images` and `anchors` (into the network and out), `boxes` and `network` (the graph),
`detector`.
"""

from __future__ import annotations

from pathlib import Path

from firstpass.errors import FirstpassError
from firstpass.models.detectors.base import Detector, Inspection
from firstpass.models.version import ModelVersion


def load(version: ModelVersion, folder: Path) -> Detector:
    """The detector over the weights in `folder`, with the version's options.

    Raises FirstpassError naming the file, and the layer, for weights that are damaged, incomplete, of another shape or
    a whole model with code in it; naming the key for options that do not go with the weights.
    """
    from firstpass.models.detectors.mask_rcnn.config import Config
    from firstpass.models.detectors.mask_rcnn.detector import MaskRCNN
    from firstpass.models.detectors.mask_rcnn.network import Network
    from firstpass.models.detectors.mask_rcnn.weights import read_layers

    config = Config.from_options(version.options)
    path = weights_path(folder)
    sizes, weights = read_layers(path)
    if sizes.anchors != len(config.rpn_anchor_ratios):
        raise FirstpassError(
            f"{path}: the network was trained with {sizes.anchors} anchor ratios, rpn_anchor_ratios has "
            f"{len(config.rpn_anchor_ratios)}: {list(config.rpn_anchor_ratios)}",
            "write the training configuration's RPN_ANCHOR_RATIOS into model.yaml as rpn_anchor_ratios",
        )
    return MaskRCNN(Network(sizes, weights, config), config)


def inspect(folder: Path) -> Inspection:
    """What the weights say about themselves, every layer present and of its shape. Raises FirstpassError as `load`."""
    from firstpass.models.detectors.mask_rcnn.weights import read_sizes

    return Inspection(class_count=read_sizes(weights_path(folder)).classes - 1, has_masks=True)


def weights_path(folder: Path) -> Path:
    """The one `.h5` or `.hdf5` file in a model's folder. Raises FirstpassError where there is none or more than one."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".h5", ".hdf5"})
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "no .h5 file"
        raise FirstpassError(f"{folder}: one file of weights is wanted, found {names}", "leave one file of weights")
    return found[0]
