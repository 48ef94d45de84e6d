"""Mask R-CNN weights from their HDF5 file: plain arrays by layer name, every shape checked, nothing else looked at.

The file is data from outside. Only datasets that lie in the file itself are read (no link to another file, no external
or virtual storage), only as many numbers as the layer has, and nothing of a model's configuration is ever built or run.
Sizes and storage are known from the file's own tables: what is out of proportion is refused before any of it is read.
"""

# ruff: noqa: TID253 - this module is itself imported only when weights are to be read
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
_WIDEST = 8  # bytes of a number
_EXPANSION = 20  # times the file's size; trained weights hardly shrink, and pruned ones to a tenth
_MOST_CHUNKS = 100_000
_SLACK = 1024  # bytes that packing may add to a chunk
_EPSILON = 1e-3  # Keras' default for batch normalisation, which the training library keeps


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's weights as the network uses them: the batch normalisation that follows it is folded in."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


class Layers(Mapping[str, Layer]):
    """The network's layers by name, each read when it is asked for: the file is open as long as this is in use."""

    def __init__(self, file: _WeightsFile) -> None:
        self._file = file
        with _explained(file.path):
            self.sizes = file.sizes()
        self._shapes = kernel_shapes(self.sizes)

    def __getitem__(self, name: str) -> Layer:
        with _explained(self._file.path):
            return self._file.layer(name, self._shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def check(self) -> None:
        """Every layer is there and of its shape, and all of them are in proportion to the file. Reads none of them."""
        with _explained(self._file.path):
            found = [self._file.check(name, shape) for name, shape in self._shapes.items()]
            self._file.check_storage([dataset for datasets in found for dataset in datasets.values()])


def read_sizes(path: Path) -> Sizes:
    """What the shapes of the weights in `path` say about the network; every layer is there and of its shape.

    Does not read the weights themselves. Raises FirstpassError as `open_layers` does.
    """
    with open_layers(path) as layers:
        return layers.sizes


@contextmanager
def open_layers(path: Path) -> Iterator[Layers]:
    """The network's sizes and layers. A layer takes memory only when and while it is used.

    Raises FirstpassError naming the file for what is no HDF5 file, is cut off, or is a whole model with Lambda layers;
    naming the layer too for one that is missing, has another shape (both are given), is stored in more or far less room
    than its numbers take, or cannot be read.
    """
    with _opened(path) as file:
        layers = Layers(file)
        layers.check()
        yield layers


@contextmanager
def _opened(path: Path) -> Iterator[_WeightsFile]:
    if not h5py.is_hdf5(path):
        raise FirstpassError(f"{path}: is not an HDF5 file", _SAVE_AGAIN)
    with _explained(path):
        file = h5py.File(path, "r")
    with file:
        with _explained(path):
            weights = _WeightsFile(path, file)
        yield weights


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise FirstpassError(f"{path}: truncated or damaged: {error}", _SAVE_AGAIN) from error


class _WeightsFile:
    """One open file of weights, as Keras 2 lays them out: a group a layer, named in attributes."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
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
                    f"{self.path}: layer {name!r}: kernel has the shape {shape}, "
                    f"{Sizes.SOURCES[name]} dimensions are wanted",
                    "use the weights of a Mask R-CNN of the Matterport design",
                )
        sizes = Sizes.from_shapes("resnet101" if deep else "resnet50", shapes)
        if (numbers := sum(prod(shape) for shape in kernel_shapes(sizes).values())) > _MOST_NUMBERS:
            raise FirstpassError(
                f"{self.path}: a network of {sizes} has {numbers} weights, {_MOST_NUMBERS} are the most",
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

    def check_storage(self, datasets: list[Any]) -> None:
        """What is stored is as large as what it stands for, but for honest compression. Reads only the file's tables.

        HDF5 reads zeros where nothing was written, however large the shape; and it unpacks a chunk as a whole, however
        little of it is wanted.
        """
        size = self.path.stat().st_size
        if (total := sum(dataset.nbytes for dataset in datasets)) > _EXPANSION * size:
            raise FirstpassError(
                f"{self.path}: has {total / 1e6:.0f} MB of weights in a file of {size / 1e6:.1f} MB: out of proportion",
                _SAVE_AGAIN,
            )
        for dataset in datasets:
            if wrong := _storage_fault(dataset):
                raise FirstpassError(f"{self.path}: {dataset.name} {wrong}", _SAVE_AGAIN)

    def layer(self, name: str, shape: tuple[int, ...]) -> Layer:
        """The layer `name`, the batch normalisation behind it folded into its kernel and bias.

        Computed in float64, a few numbers at a time; no more than the layer itself is in memory, in float32.
        """
        datasets = self.check(name, shape)
        kernel = np.empty(shape, np.float32)
        datasets.pop("kernel").read_direct(kernel)
        weights = {part: np.asarray(dataset[()], np.float64) for part, dataset in datasets.items()}
        bias = weights["bias"]
        if "gamma" in weights:
            scale = weights["gamma"] / np.sqrt(weights["moving_variance"] + _EPSILON)
            np.multiply(kernel, scale, out=kernel, casting="same_kind")
            bias = (bias - weights["moving_mean"]) * scale + weights["beta"]
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise FirstpassError(
                f"{self.path}: layer {name!r}: the weights are not finite numbers",
                "use weights from before training diverged",
            )
        return Layer(kernel, bias.astype(np.float32))

    def _shaped(self, layer: str, part: str, shape: tuple[int, ...]) -> Any:
        dataset = self._dataset(layer, part)
        if dataset.shape != shape or dataset.dtype.kind != "f" or dataset.dtype.itemsize > _WIDEST:
            raise FirstpassError(
                f"{self.path}: layer {layer!r}: {part} is {dataset.dtype} of the shape {dataset.shape}, "
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
            f"{self.path}: layer {layer!r} has no {part}",
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


def _storage_fault(dataset: Any) -> str | None:
    """What is wrong with how a dataset is stored, as the end of a sentence."""
    stored = dataset.id.get_storage_size()
    if dataset.chunks is None:
        return None if stored == dataset.nbytes else f"has {stored} bytes of {dataset.nbytes}: it was never filled"
    if any(chunk > side for chunk, side in zip(dataset.chunks, dataset.shape, strict=True)):
        return f"of shape {dataset.shape} is stored in chunks of {dataset.chunks}, larger than itself"
    if not stored:
        return "was never filled"
    chunk = prod(dataset.chunks) * dataset.dtype.itemsize
    number = dataset.id.get_num_chunks()
    if number != prod(-(-side // part) for side, part in zip(dataset.shape, dataset.chunks, strict=True)):
        return f"has {number} chunks of {dataset.chunks}, too few for its shape {dataset.shape}"
    if number > _MOST_CHUNKS:
        return f"is stored in {number} chunks, {_MOST_CHUNKS} are the most"
    if any(dataset.id.get_chunk_info(index).size > chunk + _SLACK for index in range(number)):
        return f"has chunks that take more room in the file than their {chunk} bytes"
    return None


def _texts(value: Any) -> list[str]:
    """An attribute's text or texts, whichever way h5py gives them: bytes, str, an array of either."""
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in np.atleast_1d(value).tolist()]
