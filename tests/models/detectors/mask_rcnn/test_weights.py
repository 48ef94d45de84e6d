"""Weights files: what is read, and what each bad one is told."""

import os
import zlib

import h5py
import numpy as np
import pytest

from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn.layers import Sizes
from firstpass.models.detectors.mask_rcnn.weights import open_layers, read_sizes
from fixtures.mask_rcnn import SIZES, add_weights, blank, replaced


@pytest.fixture
def weights(tmp_path):
    return blank(tmp_path / "weights.h5")


def refusal(path):
    with pytest.raises(FirstpassError) as error:
        read_sizes(path)
    assert str(path) in error.value.problem
    assert error.value.fix
    return error.value.problem


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
@pytest.mark.parametrize("classes", [2, 81])
def test_backbone_and_class_count_come_from_the_file(tmp_path, backbone, classes):
    sizes = Sizes(backbone, classes, anchors=5, pyramid=256, rpn=512, hidden=1024, pool=7, mask=256)
    assert read_sizes(blank(tmp_path / "weights.h5", sizes)) == sizes


def test_weights_of_a_training_that_diverged_are_refused(weights):
    with h5py.File(weights, "a") as file:
        file["mrcnn_class_logits/mrcnn_class_logits/bias:0"][1] = np.nan
    with (
        open_layers(weights) as layers,
        pytest.raises(FirstpassError, match="layer 'mrcnn_class_logits': the weights are not finite numbers"),
    ):
        layers["mrcnn_class_logits"]


def test_names_may_be_bytes_or_text(tmp_path):
    assert read_sizes(blank(tmp_path / "text.h5", text=str)) == SIZES


def test_weights_inside_of_a_whole_model_without_code_are_read(tmp_path):
    path = blank(tmp_path / "weights.h5", root="model_weights")
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = '{"class_name": "Functional", "config": {"layers": [{"class_name": "Conv2D"}]}}'
    assert read_sizes(path) == SIZES


def test_numbered_names_inside_of_wrapped_layers_are_found(weights):
    with h5py.File(weights, "a") as file:
        for group, old, new in (
            ("rpn_model", "rpn_class_raw", "rpn_class_raw_1"),
            ("mrcnn_mask_conv1", "mrcnn_mask_conv1", "time_distributed_7"),
        ):
            file[group].move(old, new)
            names = [name.decode().replace(f"{old}/", f"{new}/") for name in file[group].attrs["weight_names"]]
            file[group].attrs["weight_names"] = names
    assert read_sizes(weights) == SIZES


def test_batch_normalisation_is_folded_into_the_layer_before_it(weights):
    random = np.random.default_rng(0)
    values = {part: random.uniform(0.5, 2, 64) for part in ("gamma", "beta", "moving_mean", "moving_variance")}
    kernel, bias = random.normal(size=(7, 7, 3, 64)), random.normal(size=64)
    with h5py.File(weights, "a") as file:
        file["conv1/conv1/kernel:0"][:], file["conv1/conv1/bias:0"][:] = kernel, bias
        for part, value in values.items():
            file[f"bn_conv1/bn_conv1/{part}:0"][:] = value
    with open_layers(weights) as layers:
        layer = layers["conv1"]
    assert (layer.kernel.dtype, layer.bias.dtype) == (np.float32, np.float32)
    x = random.normal(size=(7, 7, 3))
    plain = np.tensordot(x, kernel, 3) + bias
    expected = (plain - values["moving_mean"]) / np.sqrt(values["moving_variance"] + 1e-3) * values["gamma"] + values[
        "beta"
    ]
    np.testing.assert_allclose(np.tensordot(x, layer.kernel, 3) + layer.bias, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "layer", ["conv1", "bn3b_branch2c", "res4f_branch2b", "fpn_p3", "mrcnn_bbox_fc", "mrcnn_mask_bn2"]
)
def test_a_missing_layer_is_named(weights, layer):
    with h5py.File(weights, "a") as file:
        del file[layer]
    assert repr(layer) in refusal(weights)


def test_a_missing_layer_of_the_deeper_backbone_is_named(tmp_path):
    path = blank(tmp_path / "weights.h5", Sizes("resnet101", 4, 3, 256, 512, 1024, 7, 256))
    with h5py.File(path, "a") as file:
        del file["res4q_branch2a"]
    assert "'res4q_branch2a'" in refusal(path)


def test_a_layer_of_another_shape_is_named_with_both_shapes(weights):
    with h5py.File(weights, "a") as file:
        del file["res3a_branch1/res3a_branch1/kernel:0"]
        file.create_dataset("res3a_branch1/res3a_branch1/kernel:0", (3, 3, 256, 512), "f4")
    problem = refusal(weights)
    assert "'res3a_branch1'" in problem
    assert "(3, 3, 256, 512)" in problem
    assert "(1, 1, 256, 512)" in problem


def test_whole_numbers_are_no_weights(weights):
    with h5py.File(weights, "a") as file:
        del file["fpn_p2/fpn_p2/bias:0"]
        file.create_dataset("fpn_p2/fpn_p2/bias:0", (256,), "i4")
    assert "int32" in refusal(weights)


def test_another_design_is_told_what_is_missing(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
        add_weights(file.create_group("block1_conv1"), "block1_conv1", {"kernel:0": (3, 3, 3, 64)})
    assert "'mrcnn_class_logits' has no kernel" in refusal(tmp_path / "other.h5")


def test_a_kernel_with_too_few_dimensions_is_named(weights):
    with h5py.File(weights, "a") as file:
        del file["mrcnn_class_conv1/mrcnn_class_conv1/kernel:0"]
        file.create_dataset("mrcnn_class_conv1/mrcnn_class_conv1/kernel:0", (12544, 1024), "f4")
    assert "'mrcnn_class_conv1'" in refusal(weights)


def test_sizes_that_would_fill_the_memory_are_refused(weights):
    with h5py.File(weights, "a") as file:
        del file["mrcnn_class_logits/mrcnn_class_logits/kernel:0"]
        file.create_dataset("mrcnn_class_logits/mrcnn_class_logits/kernel:0", (1024, 10**9), "f4")
    assert "classes=1000000000" in refusal(weights)


KERNEL = "mrcnn_class_conv1/mrcnn_class_conv1/kernel:0"
BIAS = "fpn_p2/fpn_p2/bias:0"


def test_weights_that_were_packed_honestly_are_read(weights):
    values = np.random.default_rng(0).normal(size=(2, 2, 256, 256)).astype(np.float32)
    replaced(
        weights,
        "mrcnn_mask_deconv/mrcnn_mask_deconv/kernel:0",
        data=values,
        chunks=(2, 2, 64, 100),
        compression="gzip",
        shuffle=True,
    )
    with open_layers(weights) as layers:
        np.testing.assert_array_equal(layers["mrcnn_mask_deconv"].kernel, values)


def test_shapes_out_of_proportion_to_the_file_are_refused(tmp_path):
    """As h5py makes them, datasets that nothing was written into take no room: 6.7 GB in 0.4 MB, and all are legal."""
    vast = blank(tmp_path / "weights.h5", Sizes("resnet50", 4, 3, 1024, 2048, 4096, 7, 1024))
    with h5py.File(vast) as whole, h5py.File(tmp_path / "empty.h5", "w") as file:
        file.attrs["layer_names"] = whole.attrs["layer_names"]
        whole.visititems(lambda name, item: _without_content(file, name, item))
    assert (tmp_path / "empty.h5").stat().st_size < 500_000
    problem = refusal(tmp_path / "empty.h5")
    assert "MB of weights in a file of 0.4 MB: out of proportion" in problem


def _without_content(file, name, item):
    if isinstance(item, h5py.Group):
        file.require_group(name).attrs.update(item.attrs)
    else:
        file.create_dataset(name, item.shape, item.dtype)


@pytest.mark.parametrize(
    ("name", "storage", "said"),
    [
        (BIAS, {"shape": (256,), "dtype": "f4"}, "has 0 bytes of 1024: it was never filled"),
        (BIAS, {"shape": (256,), "dtype": "f4", "chunks": (64,)}, "was never filled"),
        (
            BIAS,
            {"data": np.ones(256, "f4"), "chunks": (10**6,), "maxshape": (None,), "compression": "gzip"},
            "of shape (256,) is stored in chunks of (1000000,), larger than itself",
        ),
        (KERNEL, {"shape": (7, 7, 256, 1024), "dtype": "f4", "chunks": (1, 1, 8, 8)}, "was never filled"),
    ],
)
def test_storage_that_does_not_fit_its_numbers_is_refused_before_it_is_read(weights, name, storage, said):
    replaced(weights, name, **storage)
    assert refusal(weights).endswith(f"/{name} {said}")


def test_chunks_that_are_missing_or_swollen_are_refused(weights):
    replaced(weights, BIAS, shape=(256,), dtype="f4", chunks=(64,))
    with h5py.File(weights, "a") as file:
        file[BIAS][:64] = 1
    assert "has 1 chunks of (64,), too few for its shape (256,)" in refusal(weights)
    replaced(weights, BIAS, shape=(256,), dtype="f4", chunks=(256,), compression="gzip")
    with h5py.File(weights, "a") as file:
        file[BIAS].id.write_direct_chunk((0,), zlib.compress(np.random.default_rng(0).bytes(10**6)))
    assert "has chunks that take more room in the file than their 1024 bytes" in refusal(weights)


def test_numbers_wider_than_any_weight_are_refused(weights):
    replaced(weights, BIAS, data=np.ones(256, np.longdouble))
    assert "bias is float128 of the shape (256,)" in refusal(weights)


def test_a_whole_model_with_a_lambda_layer_is_refused(weights):
    with h5py.File(weights, "a") as file:
        file.attrs["model_config"] = '{"config": {"layers": [{"class_name":  "Lambda", "config": {"function": "…"}}]}}'
    assert "Lambda" in refusal(weights)


@pytest.mark.parametrize("content", [b"", b"kernel: 1\n", b"PK\x03\x04" + bytes(200)])
def test_what_is_no_hdf5_file_is_refused(tmp_path, content):
    (tmp_path / "weights.h5").write_bytes(content)
    assert "is not an HDF5 file" in refusal(tmp_path / "weights.h5")


def test_hdf5_without_layers_is_refused(tmp_path):
    h5py.File(tmp_path / "weights.h5", "w").close()
    assert "names no layers" in refusal(tmp_path / "weights.h5")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(weights, share):
    os.truncate(weights, int(weights.stat().st_size * share))
    assert "truncated or damaged" in refusal(weights)


def test_nothing_outside_of_the_file_is_read(weights, tmp_path):
    """A link to another file, a dataset in a raw file outside, one put together from other files: none is followed."""
    secret = tmp_path / "secret.h5"
    blank(secret)
    name = "fpn_p2/fpn_p2/bias:0"

    def linked(file):
        file[name] = h5py.ExternalLink(str(secret), name)

    def soft(file):
        file[name] = h5py.SoftLink("/fpn_p3/fpn_p3/bias:0")

    def external(file):
        file.create_dataset(name, (256,), "f4", external=[(str(secret), 0, 1024)])

    def virtual(file):
        layout = h5py.VirtualLayout((256,), "f4")
        layout[:] = h5py.VirtualSource(str(secret), name, (256,))
        file.create_virtual_dataset(name, layout)

    for put in (linked, soft, external, virtual):
        with h5py.File(weights, "a") as file:
            del file[name]
            put(file)
        assert "'fpn_p2' has no bias" in refusal(weights)


def test_damaged_files_never_give_anything_but_a_refusal(weights):
    random = np.random.default_rng(1)
    outcomes = []
    for _ in range(40):
        with weights.open("r+b") as file:
            head = file.read(60_000)
            for place in random.integers(0, len(head), 5):
                file.seek(place)
                file.write(bytes([random.integers(256)]))
        try:
            outcomes.append(read_sizes(weights))
        except FirstpassError as error:
            outcomes.append(error.problem)
        with weights.open("r+b") as file:
            file.write(head)
    assert all(outcome == SIZES or str(weights) in str(outcome) for outcome in outcomes)
    assert any(isinstance(outcome, str) for outcome in outcomes)
