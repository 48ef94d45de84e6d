"""SavedModels: the serving signature by hand, and nothing else of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from firstpass.errors import FirstpassError
from firstpass.models import kinds
from fixtures import graphs
from fixtures.detecting import detect, load, noise

ANY, ONE = [None, None, None, 3], [1, None, None, 3]


class Network(tf.Module):
    """A small network with variables, in the form that the API's second version exports."""

    def __init__(self, shape=ONE, dtype=tf.uint8, answer=lambda found: found, argument="input_tensor"):
        super().__init__()
        self.kernel = tf.Variable(graphs.kernel(3, 3, 3, 7), name="ClassPredictor/kernel")
        self.answer = answer
        signature = tf.TensorSpec(shape, dtype, argument)
        self.serve = tf.function(self._detect, input_signature=[signature])

    def _detect(self, images):
        small = tf.image.resize(tf.cast(images, tf.float32) / 255.0, [32, 32])
        found = tf.reshape(tf.nn.conv2d(small, self.kernel, 4, "SAME"), [tf.shape(small)[0], -1, 7])
        boxes = tf.sigmoid(found[..., :4]) * [0.3, 0.3, 1, 1]
        kept = tf.image.combined_non_max_suppression(boxes[:, :, None], tf.sigmoid(found[..., 4:]), 9, 9, 0.5, 0.2)
        names = ("detection_boxes", "detection_scores", "detection_classes")
        outputs = dict(zip(names, (kept[0], kept[1], kept[2] + 1), strict=True))
        return self.answer(outputs | {"num_detections": tf.cast(kept[3], tf.float32)})


def saved(folder, **options) -> Path:
    network = Network(**options)
    tf.saved_model.save(network, str(folder / "saved_model"), {"serving_default": network.serve})
    return folder


def load_saved(folder):
    return load(folder, "tfod_saved_model")


@pytest.mark.parametrize("shape", [ONE, ANY])
def test_finds_what_tensorflows_own_loader_finds(tmp_path, shape):
    folder = saved(tmp_path, shape=shape)
    own = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    images = [noise(40, 60) for _ in range(2)] + [noise(40, 60)[::-1].copy()]
    for found, image in zip(detect(load_saved(folder), *images), images, strict=True):
        expected = {name: value.numpy()[0] for name, value in own(tf.constant(image[np.newaxis])).items()}
        assert len(found) == expected["num_detections"] > 3
        np.testing.assert_allclose(found.scores, expected["detection_scores"][: len(found)], atol=1e-6)
        np.testing.assert_array_equal(found.class_ids, expected["detection_classes"][: len(found)].astype(int))
        boxes = expected["detection_boxes"][: len(found), [1, 0, 3, 2]] * [60, 40, 60, 40]
        np.testing.assert_allclose(found.boxes, boxes, atol=1e-4)


def test_masks_are_found_in_the_signature(tmp_path):
    def masked(found):
        return found | {"detection_masks": tf.ones([1, 9, 33, 33])}

    folder = saved(tmp_path, answer=masked)
    assert kinds.inspect("tfod_saved_model", folder).has_masks
    (found,) = detect(load_saved(folder), noise(40, 60))
    assert len(found.polygons) == len(found)


def test_a_graph_of_the_first_api_is_divided_too(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graphs.looped()()
        tensors = {name: session.graph.get_tensor_by_name(f"{name}:0") for name in ("image_tensor", *graphs.OUTPUTS)}
        tf.compat.v1.saved_model.simple_save(
            session, str(tmp_path / "saved_model"), {"inputs": tensors.pop("image_tensor")}, tensors
        )
    detector = load_saved(tmp_path)
    assert detector.prepare(noise(100, 100)).pixels.shape == (48, 56, 3)
    assert len(detect(detector, noise(100, 100))[0]) > 5


def refusal(folder):
    with pytest.raises(FirstpassError) as caught:
        load_saved(folder)
    assert caught.value.fix
    return caught.value.problem


def rewrite(folder, change):
    path = folder / "saved_model" / "saved_model.pb"
    model = SavedModel.FromString(path.read_bytes())
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())


def test_no_serving_signature(tmp_path):
    network = Network()
    tf.saved_model.save(network, str(tmp_path / "saved_model"), {"other": network.serve})
    assert "has no signature 'serving_default'; signatures: __saved_model_init_op, other" in refusal(tmp_path)


def test_variables_are_missing_or_truncated(tmp_path):
    folder = saved(tmp_path)
    data = next((folder / "saved_model" / "variables").glob("*.data*"))
    data.write_bytes(data.read_bytes()[:100])
    assert f"{folder / 'saved_model' / 'variables' / 'variables'}.*" in refusal(folder)
    shutil.rmtree(folder / "saved_model" / "variables")
    assert f"{folder / 'saved_model' / 'variables' / 'variables'}.*" in refusal(folder)


def test_what_the_signature_runs_may_not_reach_out(tmp_path):
    def reading(found):
        length = tf.strings.length(tf.io.read_file("/etc/passwd"))
        return found | {"num_detections": found["num_detections"] + 0 * tf.cast(length, tf.float32)}

    assert "is of operation 'ReadFile'" in refusal(saved(tmp_path, answer=reading))


def test_the_savers_operations_are_allowed_to_the_saver_only(tmp_path):
    def restoring(found):
        value = tf.raw_ops.RestoreV2(
            prefix="/elsewhere", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )
        return found | {"num_detections": found["num_detections"] + value[0]}

    assert "is of operation 'RestoreV2'" in refusal(saved(tmp_path, answer=restoring))


def test_variables_are_restored_from_nowhere_else(tmp_path):
    folder = saved(tmp_path)

    def lead_elsewhere(meta):
        node = meta.graph_def.node.add(name="elsewhere", op="Const")
        node.attr["dtype"].type = 7
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("gs://bucket/variables"))
        restore = next(node for node in meta.graph_def.node if node.name == meta.saver_def.restore_op_name)
        restore.input[0] = "elsewhere"

    rewrite(folder, lead_elsewhere)
    assert "restores from elsewhere than the model's variables" in refusal(folder)


def test_a_file_of_its_own_inside_the_restoring_function(tmp_path):
    folder = saved(tmp_path)

    def lead_elsewhere(meta):
        for function in meta.graph_def.library.function:
            for node in function.node_def:
                if node.op == "RestoreV2":
                    node.input[0] = "RestoreV2/tensor_names:output:0"

    rewrite(folder, lead_elsewhere)
    assert "restores from elsewhere than the model's variables" in refusal(folder)
