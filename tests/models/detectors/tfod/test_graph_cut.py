"""A graph that is divided behind its resizing finds the same as the whole one."""

import pytest
import tensorflow as tf

from firstpass.contracts.detector import UnfitImage
from firstpass.models.detectors.tfod.graph_cut import find_cut
from firstpass.models.detectors.tfod.graph_file import read_frozen
from fixtures import graphs
from fixtures.detecting import SHAPES, assert_same, detect, exported, load, noise

tf1 = tf.compat.v1


def longer_side(image):
    """The API's keep_aspect_ratio_resizer, which gives nothing for a picture that is all too thin."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.cast(tf.round(size * (56 / tf.reduce_max(size))), tf.int32)
    small = tf1.image.resize_bilinear(image[tf.newaxis], size)[0]
    return small, tf.shape(small)


DIVIDED = {
    "letterbox": graphs.letterboxed,
    "loop, scaled before": graphs.looped(),
    "loop, scaled after": graphs.looped(scaled_before=False),
    "loop that keeps the aspect": graphs.looped(longer_side),
}


@pytest.mark.parametrize("kind", DIVIDED)
def test_the_divided_graph_equals_the_whole(tmp_path, kind):
    folder = graphs.frozen(tmp_path, DIVIDED[kind])
    detector, whole = load(folder), exported(read_frozen(folder))
    for shape in SHAPES[:2] + SHAPES[-1:]:
        image = noise(*shape)
        prepared = detector.prepare(image)
        assert prepared.pixels.shape[0] <= 64  # what is handed on is the small picture
        found = detector.predict([prepared])[0]
        assert len(found) > 5
        assert_same(found, whole(image))


@pytest.mark.parametrize("kind", ["letterbox", "loop, scaled before", "loop, scaled after"])
@pytest.mark.parametrize("shape", SHAPES[2:5])
def test_extreme_shapes_too(tmp_path, kind, shape):
    folder = graphs.frozen(tmp_path, DIVIDED[kind])
    assert_same(detect(load(folder), noise(*shape))[0], exported(read_frozen(folder))(noise(*shape)))


def test_a_shape_that_the_graph_itself_does_not_take_is_the_images_fault(tmp_path):
    detector = load(graphs.frozen(tmp_path, DIVIDED["loop that keeps the aspect"]))
    with pytest.raises(UnfitImage, match="2000×1 pixels"):
        detector.prepare(noise(1, 2000))


def test_a_fixed_size_loop_is_not_run_any_more(tmp_path):
    file = read_frozen(graphs.frozen(tmp_path, graphs.looped()))
    cut = find_cut(file.graph_def, file.image, list(file.outputs.values()))
    assert cut.front[0] == "front/resized"


def crops_by_the_original():
    """Its boxes depend on the image's own size behind the resizing: to divide it would be wrong."""
    image = graphs.image_tensor()
    small = tf1.image.resize_bilinear(tf.cast(image, tf.float32), [48, 48])
    graphs.head(tf.nn.conv2d(small, graphs.kernel(3, 3, 3, 8), 4, "SAME") / tf.cast(tf.shape(image)[1], tf.float32))


def no_resizing():
    graphs.head(tf.nn.conv2d(tf.cast(graphs.image_tensor(), tf.float32), graphs.kernel(3, 3, 3, 8), 4, "SAME"))


@pytest.mark.parametrize("build", [crops_by_the_original, no_resizing])
def test_a_graph_of_another_pattern_runs_whole(tmp_path, build):
    folder = graphs.frozen(tmp_path, build)
    detector, whole = load(folder), exported(read_frozen(folder))
    image = noise(40, 60)
    assert detector.prepare(image).pixels is image
    assert_same(detect(detector, image)[0], whole(image))
