"""The reference case: a public TF2 port of the training library ran these weights on this image."""

import numpy as np
import pytest

from firstpass.models.detectors.mask_rcnn import loading
from firstpass.models.detectors.mask_rcnn.anchors import normalised
from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.mask_rcnn.detector import MaskRcnnDetector
from firstpass.models.detectors.mask_rcnn.network import MaskRcnnNetwork
from firstpass.models.detectors.mask_rcnn.weights import open_layers


@pytest.fixture(scope="module")
def detector(reference_folder, reference, mask_rcnn_version):
    return loading.load(mask_rcnn_version(reference.options), reference_folder, 0.0)


@pytest.fixture(scope="module")
def reference_layers(reference_folder):
    with open_layers(reference_folder / "weights.h5") as layers:
        yield layers.sizes, layers


@pytest.fixture(scope="module")
def stages(detector, reference):
    inputs = detector.inputs([detector.prepare(reference.image)])
    return detector.network.stages(*inputs)


def pairs(rois, class_ids, reference):
    """Which of ours is each of the reference's: the nearest box of the same class; neighbours in score may swap."""
    distance = np.abs(rois[None].astype(int) - reference.rois[:, None]).max(axis=2)
    distance = np.where(class_ids[None] == reference.class_ids[:, None], distance, 10**6)
    nearest = distance.argmin(axis=1)
    assert len(set(nearest)) == len(rois) == len(reference.rois)
    return nearest


def full_masks(found, height, width):
    masks = np.zeros((height, width, len(found.rois)), bool)
    for i, ((y1, x1, y2, x2), mask) in enumerate(zip(found.rois, found.masks, strict=True)):
        masks[y1:y2, x1:x2, i] = mask
    return masks


def assert_same(found, reference):
    nearest = pairs(found.rois, found.class_ids, reference)
    assert np.abs(found.scores[nearest] - reference.scores).max() <= 1e-3
    assert np.abs(found.rois[nearest] - reference.rois).max() <= 1
    ours = full_masks(found, *reference.image.shape[:2])[:, :, nearest]
    both, either = (ours & reference.masks).sum(axis=(0, 1)), (ours | reference.masks).sum(axis=(0, 1))
    assert ((both > 0.99 * either) | (either == 0)).all()


def test_the_network_sees_the_very_pixels(detector, reference):
    prepared = detector.prepare(reference.image)
    assert prepared.context == tuple(reference.window)
    molded = prepared.pixels - np.array([123.7, 116.8, 103.9])
    np.testing.assert_allclose(molded, reference.molded_image, atol=1e-5)


def test_anchors_are_the_same(detector, reference):
    _, windows, anchors = detector.inputs([detector.prepare(reference.image)])
    np.testing.assert_array_equal(anchors, reference.anchors)
    np.testing.assert_array_equal(windows[0], normalised(reference.window.astype(float), 256, 256))


def test_every_stage_of_the_network_agrees(stages, reference):
    for level, expected in zip(stages.pyramid, ("p2", "p3", "p4", "p5"), strict=True):
        mean, deviation = vars(reference)[f"fpn_{expected}_mean_std"]
        assert np.mean(level) == pytest.approx(mean, abs=1e-4)
        assert np.std(level) == pytest.approx(deviation, abs=1e-4)
    np.testing.assert_allclose(stages.rpn_scores, reference.rpn_class[:, :, 1], atol=1e-3)
    np.testing.assert_allclose(stages.rpn_deltas, reference.rpn_bbox, atol=1e-3)
    # Proposals of nearly equal score may change places, with the processor's own order of additions: match them.
    distance = np.abs(stages.rois[0][None] - reference.rpn_rois[0][:, None]).max(axis=-1)
    ours = distance.argmin(axis=1)
    same = distance.min(axis=1) < 1e-3
    assert same.mean() >= 0.98
    np.testing.assert_allclose(
        np.asarray(stages.probabilities[0])[ours][same], reference.mrcnn_class[0][same], atol=1e-3
    )
    np.testing.assert_allclose(np.asarray(stages.deltas[0])[ours][same], reference.mrcnn_bbox[0][same], atol=1e-3)
    np.testing.assert_allclose(stages.detections, reference.detections, atol=1e-3)
    count = len(stages.masks)
    classes = reference.detections[0, :count, 4].astype(int)
    expected = reference.mrcnn_mask[0, np.arange(count), :, :, classes]
    np.testing.assert_allclose(stages.masks, expected, atol=1e-3)


def test_one_image_alone(detector, reference):
    (found,) = detector.instances([detector.prepare(reference.image)])
    assert_same(found, reference)


def test_in_a_batch_among_others(detector, reference):
    """Of other shapes and with other things to find: each image is as if it were alone, whatever stands beside it."""
    images = [reference.image[:100], reference.image, np.zeros((90, 200, 3), np.uint8)]
    prepared = [detector.prepare(image) for image in images]
    together = detector.instances(prepared)
    assert_same(together[1], reference)
    for image, found in zip(prepared, together, strict=True):
        (alone,) = detector.instances([image])
        np.testing.assert_array_equal(found.class_ids, alone.class_ids)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-3)
        assert np.abs(found.rois - alone.rois).max(initial=0) <= 1


def test_detections_keep_to_the_contract(detector, reference):
    prepared = detector.prepare(reference.image)
    (found,) = detector.predict([prepared])
    (instances,) = detector.instances([prepared])
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int32
    assert (np.diff(found.scores) <= 0).all()
    np.testing.assert_array_equal(found.boxes, instances.rois[:, [1, 0, 3, 2]])
    for box, parts, mask in zip(found.boxes, found.polygons, instances.masks, strict=True):
        assert bool(parts) == mask.any()
        for ring in (ring for part in parts for ring in part):
            assert (ring >= box[:2]).all()
            assert (ring < box[2:]).all()


def test_nothing_above_the_confidence_gives_no_detections(reference_layers, reference):
    config = Config.from_options(reference.options | {"detection_min_confidence": 1.0})
    strict = MaskRcnnDetector(MaskRcnnNetwork(*reference_layers, config), config)
    (found,) = strict.predict([strict.prepare(reference.image)])
    assert len(found) == 0
    assert found.polygons == ()
    assert found.boxes.shape == (0, 4)
