"""The design in numbers, held against what is published of it."""

from math import prod

import pytest

from firstpass.models.detectors.mask_rcnn.layers import Sizes, batch_norm_of, blocks, kernel_shapes

SIZES = Sizes("resnet50", classes=4, anchors=3, pyramid=256, rpn=512, hidden=1024, pool=7, mask=128)


def test_the_sizes_of_a_network_are_read_from_five_kernels():
    shapes = {
        "mrcnn_class_logits": (1000, 4),
        "rpn_class_raw": (1, 1, 512, 6),
        "rpn_conv_shared": (3, 3, 256, 512),
        "mrcnn_class_conv1": (7, 7, 256, 1024),
        "mrcnn_mask_conv1": (3, 3, 256, 128),
    }
    assert {name: len(shape) for name, shape in shapes.items()} == Sizes.SOURCES
    assert Sizes.from_shapes("resnet50", shapes) == SIZES
    made = kernel_shapes(SIZES)
    assert Sizes.from_shapes("resnet50", {name: made[name] for name in Sizes.SOURCES}) == SIZES


@pytest.mark.parametrize(("backbone", "weights"), [("resnet50", 23_454_912), ("resnet101", 42_394_816)])
def test_the_backbones_have_as_many_weights_as_everybody_elses(backbone, weights):
    """All convolutions of the published ResNets."""
    shapes = kernel_shapes(Sizes(backbone, 4, 3, 256, 512, 1024, 7, 128))
    assert sum(prod(shape) for name, shape in shapes.items() if name.startswith(("conv1", "res"))) == weights


def test_the_blocks_of_each_stage():
    assert {stage: len(letters) for stage, letters in blocks("resnet50").items()} == {2: 3, 3: 4, 4: 6, 5: 3}
    assert {stage: len(letters) for stage, letters in blocks("resnet101").items()} == {2: 3, 3: 4, 4: 23, 5: 3}
    assert all(letters == "abcdefghijklmnopqrstuvw"[: len(letters)] for letters in blocks("resnet101").values())


def test_a_block_and_the_pyramid_beside_it():
    shapes = kernel_shapes(SIZES)
    assert shapes["conv1"] == (7, 7, 3, 64)
    assert {name: shape for name, shape in shapes.items() if name.startswith(("res2a", "res2b"))} == {
        "res2a_branch1": (1, 1, 64, 256),
        "res2a_branch2a": (1, 1, 64, 64),
        "res2a_branch2b": (3, 3, 64, 64),
        "res2a_branch2c": (1, 1, 64, 256),
        "res2b_branch2a": (1, 1, 256, 64),
        "res2b_branch2b": (3, 3, 64, 64),
        "res2b_branch2c": (1, 1, 64, 256),
    }
    assert (shapes["res3a_branch1"], shapes["res5a_branch1"]) == ((1, 1, 256, 512), (1, 1, 1024, 2048))
    assert {name: shape for name, shape in shapes.items() if name.startswith("fpn")} == {
        "fpn_c2p2": (1, 1, 256, 256), "fpn_p2": (3, 3, 256, 256), "fpn_c3p3": (1, 1, 512, 256),
        "fpn_p3": (3, 3, 256, 256), "fpn_c4p4": (1, 1, 1024, 256), "fpn_p4": (3, 3, 256, 256),
        "fpn_c5p5": (1, 1, 2048, 256), "fpn_p5": (3, 3, 256, 256),
    }  # fmt: skip


def test_the_heads():
    shapes = kernel_shapes(SIZES)
    assert {name: shape for name, shape in shapes.items() if name.startswith(("rpn", "mrcnn"))} == {
        "rpn_conv_shared": (3, 3, 256, 512),
        "rpn_class_raw": (1, 1, 512, 6),
        "rpn_bbox_pred": (1, 1, 512, 12),
        "mrcnn_class_conv1": (7, 7, 256, 1024),
        "mrcnn_class_conv2": (1, 1, 1024, 1024),
        "mrcnn_class_logits": (1024, 4),
        "mrcnn_bbox_fc": (1024, 16),
        "mrcnn_mask_conv1": (3, 3, 256, 128),
        "mrcnn_mask_conv2": (3, 3, 128, 128),
        "mrcnn_mask_conv3": (3, 3, 128, 128),
        "mrcnn_mask_conv4": (3, 3, 128, 128),
        "mrcnn_mask_deconv": (2, 2, 128, 128),
        "mrcnn_mask": (1, 1, 128, 4),
    }


@pytest.mark.parametrize(
    ("layer", "norm"),
    [
        ("conv1", "bn_conv1"),
        ("res4q_branch2b", "bn4q_branch2b"),
        ("res2a_branch1", "bn2a_branch1"),
        ("mrcnn_class_conv1", "mrcnn_class_bn1"),
        ("mrcnn_mask_conv4", "mrcnn_mask_bn4"),
        ("mrcnn_class_logits", None),
        ("mrcnn_mask_deconv", None),
        ("mrcnn_mask", None),
        ("fpn_c2p2", None),
        ("rpn_conv_shared", None),
    ],
)
def test_which_layers_are_normalised(layer, norm):
    assert batch_norm_of(layer) == norm
