"""The Matterport design in numbers: which layers a Mask R-CNN has, and the shape of each one's kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

_STAGES = {2: (64, 256), 3: (128, 512), 4: (256, 1024), 5: (512, 2048)}  # inner and outer channels
_BLOCKS = {
    "resnet50": {2: "abc", 3: "abcd", 4: "abcdef", 5: "abc"},
    "resnet101": {2: "abc", 3: "abcd", 4: "abcdefghijklmnopqrstuvw", 5: "abc"},
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """What differs from one trained network to the next.

    classes: background included. anchors: at one place of a feature map, as many as there are ratios. pool: side of the
    region that the classifier sees, in steps of a feature map.
    """

    backbone: str
    classes: int
    anchors: int
    pyramid: int
    rpn: int
    hidden: int
    pool: int
    mask: int

    SOURCES: ClassVar[Mapping[str, int]] = {
        "mrcnn_class_logits": 2,
        "rpn_class_raw": 4,
        "rpn_conv_shared": 4,
        "mrcnn_class_conv1": 4,
        "mrcnn_mask_conv1": 4,
    }
    """The layers that `from_shapes` looks at, and how many dimensions their kernels have."""

    @classmethod
    def from_shapes(cls, backbone: str, shapes: Mapping[str, tuple[int, ...]]) -> Sizes:
        """The sizes of the network whose SOURCES have kernels of these shapes."""
        return cls(
            backbone=backbone,
            classes=shapes["mrcnn_class_logits"][-1],
            anchors=shapes["rpn_class_raw"][-1] // 2,
            pyramid=shapes["rpn_conv_shared"][2],
            rpn=shapes["rpn_conv_shared"][3],
            hidden=shapes["mrcnn_class_conv1"][3],
            pool=shapes["mrcnn_class_conv1"][0],
            mask=shapes["mrcnn_mask_conv1"][3],
        )


def blocks(backbone: str) -> Mapping[int, str]:
    """The residual blocks of each stage, a letter each."""
    return _BLOCKS[backbone]


def batch_norm_of(layer: str) -> str | None:
    """The batch normalisation that follows a layer, if one does."""
    if layer == "conv1":
        return "bn_conv1"
    if layer.startswith("res"):
        return "bn" + layer.removeprefix("res")
    if re.fullmatch(r"mrcnn_(class|mask)_conv\d", layer):
        return layer.replace("_conv", "_bn")
    return None


def kernel_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The kernel's shape of every layer that has one, by name."""
    return dict(_backbone(sizes)) | dict(_heads(sizes))


def _backbone(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "conv1", (7, 7, 3, 64)
    before = 64
    for stage, (inner, outer) in _STAGES.items():
        for block in blocks(sizes.backbone)[stage]:
            name = f"res{stage}{block}_branch"
            if block == "a":
                yield f"{name}1", (1, 1, before, outer)
            yield f"{name}2a", (1, 1, before, inner)
            yield f"{name}2b", (3, 3, inner, inner)
            yield f"{name}2c", (1, 1, inner, outer)
            before = outer
        yield f"fpn_c{stage}p{stage}", (1, 1, outer, sizes.pyramid)
        yield f"fpn_p{stage}", (3, 3, sizes.pyramid, sizes.pyramid)


def _heads(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "rpn_conv_shared", (3, 3, sizes.pyramid, sizes.rpn)
    yield "rpn_class_raw", (1, 1, sizes.rpn, 2 * sizes.anchors)
    yield "rpn_bbox_pred", (1, 1, sizes.rpn, 4 * sizes.anchors)
    yield "mrcnn_class_conv1", (sizes.pool, sizes.pool, sizes.pyramid, sizes.hidden)
    yield "mrcnn_class_conv2", (1, 1, sizes.hidden, sizes.hidden)
    yield "mrcnn_class_logits", (sizes.hidden, sizes.classes)
    yield "mrcnn_bbox_fc", (sizes.hidden, 4 * sizes.classes)
    for number, before in enumerate((sizes.pyramid, sizes.mask, sizes.mask, sizes.mask), start=1):
        yield f"mrcnn_mask_conv{number}", (3, 3, before, sizes.mask)
    yield "mrcnn_mask_deconv", (2, 2, sizes.mask, sizes.mask)
    yield "mrcnn_mask", (1, 1, sizes.mask, sizes.classes)
