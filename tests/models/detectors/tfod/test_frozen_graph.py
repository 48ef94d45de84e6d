"""Frozen graphs: what comes out of them, and what is said of those that are none."""

import math

import cv2
import numpy as np
import pytest
import tensorflow as tf

from firstpass.errors import FirstpassError
from firstpass.models import kinds
from firstpass.models.detectors.tfod.graph_file import read_frozen
from firstpass.settings import home
from fixtures import graphs
from fixtures.detecting import assert_same, detect, exported, load, noise

BOXES = [[0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 1.0], [0.3, 0.3, 0.4, 0.4]]


def frozen(tmp_path, *args, **options):
    return load(graphs.frozen(tmp_path, graphs.fixed_answer(*args, **options)))


@pytest.fixture(scope="module")
def default_model():
    return next(home().glob("include/models/nanodet-coco/*/frozen_inference_graph.pb")).parent


@pytest.fixture(scope="module")
def default_detector(default_model):
    return load(default_model)


def sample(name):
    return cv2.imread(str(home() / "include" / "samples" / name), cv2.IMREAD_COLOR_RGB)


def test_boxes_are_in_pixels_of_the_image_in_descending_order_of_score(tmp_path):
    (found,) = detect(frozen(tmp_path, BOXES, [0.3, 0.9, 0.5], [3, 1, 2]), noise(100, 200))
    np.testing.assert_allclose(found.scores, [0.9, 0.5, 0.3])
    assert found.class_ids.tolist() == [1, 2, 3]
    np.testing.assert_allclose(found.boxes, [[0, 0, 200, 100], [60, 30, 80, 40], [40, 10, 120, 50]], rtol=1e-6)
    assert found.polygons is None
    assert found.class_ids.dtype == np.int32
    assert found.boxes.dtype == np.float32


def test_boxes_are_clipped_to_the_image(tmp_path):
    (found,) = detect(frozen(tmp_path, [[-0.5, 0.5, 0.5, 1.5]], [1], [1]), noise(10, 20))
    assert found.boxes.tolist() == [[10, 0, 20, 5]]


def test_padding_behind_num_detections_is_cut(tmp_path):
    (found,) = detect(frozen(tmp_path, BOXES, [0.9, 0.8, 0.0], [1, 1, 1], count=2), noise(9, 9))
    np.testing.assert_allclose(found.scores, [0.9, 0.8])


def test_rows_that_are_not_finite_numbers_are_dropped(tmp_path):
    boxes = [[math.nan, 0, 1, 1], [0, 0, 1, 1], [0, 0, math.inf, 1], [0, 0, 0.5, 0.5]]
    (found,) = detect(frozen(tmp_path, boxes, [0.9, math.nan, 0.7, 0.6], [1, 2, 3, 4]), noise(10, 10))
    assert found.class_ids.tolist() == [4]


def test_masks_become_polygons_where_their_boxes_are(tmp_path):
    masks = np.zeros((2, 15, 15))
    masks[0] = 1
    masks[1, :, :7] = 1
    boxes, scores, classes = [[0.1, 0.1, 0.3, 0.5], [0.5, 0.5, 1.0, 1.0]], [0.4, 0.8], [1, 2]
    (found,) = detect(frozen(tmp_path, boxes, scores, classes, masks=masks), noise(100, 100))
    (half,), (full,) = found.polygons
    assert found.class_ids.tolist() == [2, 1]
    assert full.min(axis=0) == pytest.approx([10, 10], abs=1)
    assert full.max(axis=0) == pytest.approx([50, 30], abs=1)
    assert half.min(axis=0) == pytest.approx([50, 50], abs=1)
    assert half.max(axis=0) == pytest.approx([73.3, 100], abs=1.5)


def test_a_box_without_an_area_has_no_polygon(tmp_path):
    found = detect(frozen(tmp_path, [[0.5, 0.5, 0.5, 0.7]], [1], [1], masks=np.ones((1, 3, 3))), noise(10, 10))
    assert found[0].polygons == ((),)


@pytest.mark.parametrize(
    ("photo", "name", "box"),
    [("chelsea.png", "cat", [0, 0, 441, 296]), ("horse.png", "horse", [16, 6, 396, 315])],
)
def test_the_default_model_finds_what_is_there(default_detector, default_model, photo, name, box):
    (found,) = detect(default_detector, sample(photo))
    names = (default_model / "classes.csv").read_text().splitlines()[1:]
    assert names[found.class_ids[0] - 1] == name
    assert found.scores[0] > 0.4
    assert found.boxes[0] == pytest.approx(box, abs=3)


@pytest.mark.parametrize("size", [(1280, 960), (960, 1280), (640, 427), (2000, 1), (1, 2000), (1, 1), (416, 416)])
def test_the_default_model_divided_equals_the_whole(default_detector, default_model, size):
    whole = exported(read_frozen(default_model))
    for photo in ("astronaut.png", "camera.png"):
        image = cv2.resize(sample(photo), size)
        assert_same(detect(default_detector, image)[0], whole(image))


def test_a_batch_gives_what_its_images_give_alone(default_detector):
    images = [cv2.resize(sample(name), (640, 480)) for name in ("astronaut.png", "coffee.png", "horse.png")]
    for together, image in zip(detect(default_detector, *images), images, strict=True):
        assert_same(together, detect(default_detector, image)[0])


def test_images_that_the_graph_resizes_alike_may_share_a_batch(default_detector):
    large, small = cv2.resize(sample("coffee.png"), (1280, 960)), cv2.resize(sample("coffee.png"), (640, 480))
    of_large, of_small = detect(default_detector, large, small)
    assert_same(of_large, detect(default_detector, large)[0])
    assert_same(of_small, detect(default_detector, small)[0])


def test_inspection_reads_the_default_model_without_running_it(default_model):
    found = kinds.inspect("tfod_frozen_graph", default_model)
    assert (found.class_count, found.has_masks) == (80, False)


def test_inspection_says_that_there_are_masks(tmp_path):
    answer = graphs.fixed_answer([[0, 0, 1, 1]], [1], [1], masks=np.ones((1, 3, 3)))
    found = kinds.inspect("tfod_frozen_graph", graphs.frozen(tmp_path, answer))
    assert (found.class_count, found.has_masks) == (None, True)


def refusal(folder):
    with pytest.raises(FirstpassError) as caught:
        load(folder)
    assert caught.value.fix
    return caught.value.problem


def test_text_is_no_graph(tmp_path):
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_text('node {\n  name: "image_tensor"\n}\n')
    assert refusal(tmp_path) == f"{path}: is text, not a binary graph; it starts with 'node {{'"


def test_a_truncated_graph_is_named(tmp_path, default_model):
    path = tmp_path / "frozen_inference_graph.pb"
    whole = (default_model / path.name).read_bytes()
    path.write_bytes(whole[:100_000])
    assert f"{path}: truncated or damaged" in refusal(tmp_path)


def test_a_graph_cut_between_two_nodes_lacks_its_outputs(tmp_path):
    graphs.frozen(tmp_path, graphs.image_tensor)
    assert "the graph has no node 'detection_boxes'" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"\x08\x01"])
def test_what_holds_no_graph_is_refused(tmp_path, content):
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_bytes(content)
    assert str(path) in refusal(tmp_path)


def test_a_graph_without_image_tensor_is_refused(tmp_path):
    def build():
        tf.identity(graphs.tf1.placeholder(tf.string, [None], "encoded_image_string_tensor"), name="detection_boxes")

    assert "the graph has no node 'image_tensor'" in refusal(graphs.frozen(tmp_path, build))


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [((None, None, None, 3), tf.float32, "does not take uint8"), ((None, 300, 300, 3), tf.uint8, "[-1, 300, 300, 3]")],
)
def test_an_input_that_is_not_any_photo_is_refused(tmp_path, shape, dtype, words):
    def build():
        image = graphs.image_tensor(shape, dtype)
        for name in graphs.OUTPUTS:
            tf.identity(image, name=name)

    assert words in refusal(graphs.frozen(tmp_path, build))


def test_a_folder_has_one_graph(tmp_path):
    assert "found no .pb file" in refusal(tmp_path)
    for name in ("a.pb", "b.pb"):
        (tmp_path / name).write_bytes(b"\x00")
    assert "found a.pb, b.pb" in refusal(tmp_path)
