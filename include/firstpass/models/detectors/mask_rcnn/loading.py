"""From a folder with weights to the detector over them."""

from __future__ import annotations

from pathlib import Path

from firstpass.contracts.detector import Detector, WeightsInspection
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError


def load(version: ModelVersion, folder: Path, floor: float) -> Detector:
    """The detector over the weights in `folder`, with the version's options.

    The network gives nothing below its detection_min_confidence, which is the floor unless model.yaml fixes it.

    Raises FirstpassError naming the file, and the layer, for weights that are damaged, incomplete, of another shape or
    a whole model with code in it; naming the key for options that do not go with the weights.
    """
    from firstpass.models.detectors.mask_rcnn.config import Config
    from firstpass.models.detectors.mask_rcnn.detector import MaskRcnnDetector
    from firstpass.models.detectors.mask_rcnn.network import MaskRcnnNetwork
    from firstpass.models.detectors.mask_rcnn.weights import open_layers

    config = Config.from_options({"detection_min_confidence": floor} | (version.options or {}))
    path = weights_path(folder)
    with open_layers(path) as layers:
        if layers.sizes.anchors != len(config.rpn_anchor_ratios):
            raise FirstpassError(
                f"{path}: the network was trained with {layers.sizes.anchors} anchor ratios, rpn_anchor_ratios has "
                f"{len(config.rpn_anchor_ratios)}: {list(config.rpn_anchor_ratios)}",
                "write the training configuration's RPN_ANCHOR_RATIOS into model.yaml as rpn_anchor_ratios",
            )
        return MaskRcnnDetector(MaskRcnnNetwork(layers.sizes, layers, config), config)


def inspect(folder: Path) -> WeightsInspection:
    """What the weights say about themselves, every layer present and of its shape. Raises FirstpassError as `load`."""
    from firstpass.models.detectors.mask_rcnn.weights import read_sizes

    return WeightsInspection(class_count=read_sizes(weights_path(folder)).classes - 1, has_masks=True)


def weights_path(folder: Path) -> Path:
    """The one `.h5` or `.hdf5` file in a model's folder. Raises FirstpassError where there is none or more than one."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".h5", ".hdf5"})
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "no .h5 file"
        raise FirstpassError(f"{folder}: one file of weights is wanted, found {names}", "leave one file of weights")
    return found[0]
