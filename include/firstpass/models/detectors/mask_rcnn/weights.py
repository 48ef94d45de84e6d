"""Mask R-CNN weights from their HDF5 file: plain arrays by layer name, every shape checked, nothing else looked at.

The file is data from outside. Only datasets that lie in the file itself are read (no link to another file, no external
or virtual storage), only as many numbers as the layer has, and nothing of a model's configuration is ever built or run.
"""

# ruff: noqa: TID253 - this module is itself imported only when weights are to be read
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn.layers import Sizes, batch_norm_of, kernel_shapes

_SAVE_AGAIN = "save the trained network's weights again with save_weights(), and copy the whole file"
_MOST_NUMBERS = 500_000_000  # ten times what the deeper backbone has: sizes out of a file must not fill the memory
_DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)  # whichever h5py raises for what it cannot make out
_EPSILON = 1e-3  # Keras' default for batch normalisation, which the training library keeps


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's weights as the network uses them: the batch normalisation that follows it is folded in."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


def read_sizes(path: Path) -> Sizes:
    """What the shapes of the weights in `path` say about the network; every layer is there and of its shape.

    Does not read the weights themselves. Raises FirstpassError as `read_layers` does.
    """
    with _opened(path) as file:
        sizes = file.sizes()
        for name, shape in kernel_shapes(sizes).items():
            file.check(name, shape)
        return sizes


def read_layers(path: Path) -> tuple[Sizes, dict[str, Layer]]:
    """The network's sizes, and its layers by name.

    Raises FirstpassError naming the file for what is no HDF5 file, is cut off, or is a whole model with Lambda layers;
    naming the layer too for one that is missing, has another shape (both are given) or cannot be read.
    """
    with _opened(path) as file:
        sizes = file.sizes()
        return sizes, {name: file.layer(name, shape) for name, shape in kernel_shapes(sizes).items()}


@contextmanager
def _opened(path: Path) -> Iterator[_WeightsFile]:
    if not h5py.is_hdf5(path):
        raise FirstpassError(f"{path}: is not an HDF5 file", _SAVE_AGAIN)
    try:
        with h5py.File(path, "r") as file:
            yield _WeightsFile(path, file)
    except _DAMAGE as error:
        raise FirstpassError(f"{path}: truncated or damaged: {error}", _SAVE_AGAIN) from error


class _WeightsFile:
    """One open file of weights, as Keras 2 lays them out: a group a layer, named in attributes."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        _refuse_code(path, file)
        if "layer_names" not in file.attrs and isinstance(self._own(file, "model_weights"), h5py.Group):
            file = file["model_weights"]
        if "layer_names" not in file.attrs:
            raise FirstpassError(f"{path}: names no layers, so it is not the weights of a Keras 2 model", _SAVE_AGAIN)
        self._root = file

    def sizes(self) -> Sizes:
        """The free sizes of the architecture, each from the layer that has it."""
        deep = any(
            isinstance(self._own(self._root, f"res4{block}_branch2a"), h5py.Group) for block in "ghijklmnopqrstuvw"
        )
        shapes = {name: self._dataset(name, "kernel").shape for name in Sizes.SOURCES}
        for name, shape in shapes.items():
            if len(shape) != Sizes.SOURCES[name]:
                raise FirstpassError(
                    f"{self._path}: layer {name!r}: kernel has the shape {shape}, "
                    f"{Sizes.SOURCES[name]} dimensions are wanted",
                    "use the weights of a Mask R-CNN of the Matterport design",
                )
        sizes = Sizes.from_shapes("resnet101" if deep else "resnet50", shapes)
        if (numbers := sum(prod(shape) for shape in kernel_shapes(sizes).values())) > _MOST_NUMBERS:
            raise FirstpassError(
                f"{self._path}: a network of {sizes} has {numbers} weights, {_MOST_NUMBERS} are the most",
                "use the weights of a Mask R-CNN of the Matterport design",
            )
        return sizes

    def check(self, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
        """The datasets of layer `name`, whose kernel must have this shape, and of the batch normalisation behind it."""
        outputs = (shape[-2] if name == "mrcnn_mask_deconv" else shape[-1],)
        datasets = {"kernel": self._shaped(name, "kernel", shape), "bias": self._shaped(name, "bias", outputs)}
        if norm := batch_norm_of(name):
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            datasets |= {part: self._shaped(norm, part, outputs) for part in parts}
        return datasets

    def layer(self, name: str, shape: tuple[int, ...]) -> Layer:
        """The layer `name`, the batch normalisation behind it folded into its kernel and bias."""
        weights = {part: np.asarray(dataset[()], np.float64) for part, dataset in self.check(name, shape).items()}
        kernel, bias = weights["kernel"], weights["bias"]
        if "gamma" in weights:
            scale = weights["gamma"] / np.sqrt(weights["moving_variance"] + _EPSILON)
            kernel, bias = kernel * scale, (bias - weights["moving_mean"]) * scale + weights["beta"]
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise FirstpassError(
                f"{self._path}: layer {name!r}: the weights are not finite numbers",
                "use weights from before training diverged",
            )
        return Layer(kernel.astype(np.float32), bias.astype(np.float32))

    def _shaped(self, layer: str, part: str, shape: tuple[int, ...]) -> Any:
        dataset = self._dataset(layer, part)
        if dataset.shape != shape or dataset.dtype.kind != "f":
            raise FirstpassError(
                f"{self._path}: layer {layer!r}: {part} is {dataset.dtype} of the shape {dataset.shape}, "
                f"floats of the shape {shape} are wanted",
                "use the weights of a Mask R-CNN of the Matterport design, with the same backbone throughout",
            )
        return dataset

    def _dataset(self, layer: str, part: str) -> Any:
        """The dataset of one weight. The region proposal network is a model within the model: its layers lie there."""
        group = self._own(self._root, layer)
        if group is None and layer.startswith("rpn_"):
            group = self._own(self._root, "rpn_model")
        if isinstance(group, h5py.Group):
            for name in _texts(group.attrs.get("weight_names", ())):
                *owners, leaf = name.split("/")
                nested = group.name.endswith("/rpn_model")
                if leaf.split(":")[0] == part and (
                    not nested or any(re.fullmatch(rf"{layer}(_\d+)?", o) for o in owners)
                ):
                    dataset = self._own(group, name)
                    if isinstance(dataset, h5py.Dataset) and not dataset.is_virtual and not dataset.external:
                        return dataset
        raise FirstpassError(
            f"{self._path}: layer {layer!r} has no {part}",
            "use the weights of a Mask R-CNN of the Matterport design with a ResNet-50 or ResNet-101 backbone",
        )

    def _own(self, group: Any, path: str) -> Any:
        """What lies at `path` in the file itself; None for nothing and for links to elsewhere."""
        for name in path.strip("/").split("/"):
            link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
            if not isinstance(link, h5py.HardLink):
                return None
            group = group[name]
        return group


def _refuse_code(path: Path, file: Any) -> None:
    """A whole model carries its configuration; one with Lambda layers carries Python code in it."""
    for config in _texts(file.attrs.get("model_config", ())):
        if re.search(r'"class_name"\s*:\s*"Lambda"', config):
            raise FirstpassError(
                f"{path}: is a whole model with Lambda layers, which hold code; code from a model file is never run",
                "save the weights alone, with save_weights()",
            )


def _texts(value: Any) -> list[str]:
    """An attribute's text or texts, whichever way h5py gives them: bytes, str, an array of either."""
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in np.atleast_1d(value).tolist()]
