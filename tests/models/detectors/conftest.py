import json
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import h5py
import numpy as np
import pytest
from PIL import Image

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.model_version import ModelVersion

REFERENCE = Path(__file__).with_name("mask_rcnn_reference")


def write_weights(path, layers):
    """Weights as Keras 2 saves them. layers: [(layer, [(weight name, array), …]), …]."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.encode() for layer, _ in layers])
        for layer, weights in layers:
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array([name.encode() for name, _ in weights]) if weights else []
            for name, array in weights:
                group.create_dataset(name, data=array)
    return path


def recipe_layers():
    """The reference weights, 179 MB, from the 0.7 MB that describe them: kernels are seeded noise with given scales."""
    recipe = np.load(REFERENCE / "recipe.npz")
    return [
        (layer, [(name, weight(recipe[name], leaf, kind, shape)) for name, leaf, kind, shape in weights])
        for layer, weights in json.loads(str(recipe["index"]))
    ]


def weight(stored, leaf, kind, shape):
    if kind == "plain":
        return stored
    return np.random.RandomState(crc32(leaf.encode())).randint(-127, 128, shape).astype(np.float32) * stored


def version(options=None):
    return ModelVersion(
        name="shapes",
        version="0" * 12,
        kind="mask_rcnn",
        files=(),
        classes=ClassTable(()),
        source="",
        decided_at="2026-01-01T00:00:00+00:00",
        admitted=True,
        threshold=0.1,
        options=options,
    )


@pytest.fixture(scope="session")
def mask_rcnn_version():
    """Makes a version with the given options."""
    return version


@pytest.fixture(scope="session")
def reference_folder(tmp_path_factory):
    """A model's folder with the reference weights in it; do not write there."""
    folder = tmp_path_factory.mktemp("mask_rcnn")
    write_weights(folder / "weights.h5", recipe_layers())
    return folder


@pytest.fixture(scope="session")
def reference():
    """The reference case: the image, the options it was run with, and what the training library made of it."""
    with np.load(REFERENCE / "reference_outputs.npz") as outputs:
        arrays = dict(outputs)
    config = json.loads((REFERENCE / "config.json").read_text())
    height, width, count = arrays.pop("masks_shape")
    masks = np.unpackbits(arrays.pop("masks_packed"), count=height * width * count).reshape(height, width, count)
    return SimpleNamespace(
        image=np.asarray(Image.open(REFERENCE / "input.png").convert("RGB")),
        options={
            key.lower(): config[key]
            for key in (
                "IMAGE_MIN_DIM",
                "IMAGE_MAX_DIM",
                "IMAGE_RESIZE_MODE",
                "RPN_ANCHOR_SCALES",
                "RPN_ANCHOR_RATIOS",
                "MEAN_PIXEL",
                "POST_NMS_ROIS_INFERENCE",
                "PRE_NMS_LIMIT",
                "RPN_NMS_THRESHOLD",
                "DETECTION_MAX_INSTANCES",
                "DETECTION_MIN_CONFIDENCE",
                "DETECTION_NMS_THRESHOLD",
            )
        },
        masks=masks.astype(bool),
        **arrays,
    )
