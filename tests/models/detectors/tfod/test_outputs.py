"""What a graph's arrays mean: detections in the image's pixels, and what no sound network would answer."""

import numpy as np
import pytest

from firstpass.models.detectors.tfod.outputs import detections, faults

BOXES = [[0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 1.0], [0.3, 0.3, 0.4, 0.4]]


def outputs(boxes, scores, classes, masks=None, count=None):
    """The answer to one image, as the second of a batch whose first image has nothing of it."""

    def batched(value):
        value = np.asarray(value, np.float32)
        return np.stack([np.zeros_like(value), value])

    answer = {
        "detection_boxes": batched(np.reshape(boxes, (-1, 4))),
        "detection_scores": batched(scores),
        "detection_classes": batched(classes),
        "num_detections": np.array([0, len(scores) if count is None else count], np.float32),
    }
    return answer | ({} if masks is None else {"detection_masks": batched(masks)})


def found(*answer, width=200, height=100, **options):
    return detections(outputs(*answer, **options), 1, width, height)


def alone(answer):
    """The same as the only image of its batch."""
    return {name: value[1:] for name, value in answer.items()}


def test_boxes_are_in_pixels_of_the_image_in_descending_order_of_score():
    one = found(BOXES, [0.3, 0.9, 0.5], [3, 1, 2])
    np.testing.assert_allclose(one.scores, [0.9, 0.5, 0.3])
    assert one.class_ids.tolist() == [1, 2, 3]
    np.testing.assert_allclose(one.boxes, [[0, 0, 200, 100], [60, 30, 80, 40], [40, 10, 120, 50]], rtol=1e-6)
    assert one.polygons is None
    assert (one.class_ids.dtype, one.scores.dtype, one.boxes.dtype) == (np.int32, np.float32, np.float32)


def test_each_image_of_a_batch_has_its_own():
    answer = outputs(BOXES, [0.3, 0.9, 0.5], [3, 1, 2])
    assert len(detections(answer, 0, 200, 100)) == 0
    assert len(detections(answer, 1, 200, 100)) == 3


def test_equal_scores_keep_the_networks_order():
    assert found(BOXES, [0.5, 0.5, 0.5], [3, 1, 2]).class_ids.tolist() == [3, 1, 2]


def test_boxes_are_clipped_to_the_image():
    assert found([[-0.5, 0.5, 0.5, 1.5]], [1], [1], width=20, height=10).boxes.tolist() == [[10, 0, 20, 5]]


def test_padding_behind_num_detections_is_cut():
    np.testing.assert_allclose(found(BOXES, [0.9, 0.8, 0.7], [1, 1, 1], count=2).scores, [0.9, 0.8])
    assert len(found(BOXES, [0.9, 0.8, 0.7], [1, 1, 1], count=0)) == 0


def test_rows_that_are_not_finite_numbers_are_dropped():
    boxes = [[np.nan, 0, 1, 1], [0, 0, 1, 1], [0, 0, np.inf, 1], [0, 0, 0.5, 0.5]]
    assert found(boxes, [0.9, np.nan, 0.7, 0.6], [1, 2, 3, 4]).class_ids.tolist() == [4]


def test_classes_that_come_as_floats_are_rounded():
    assert found(BOXES, [0.9, 0.8, 0.7], [2.9999, 1.0001, 3]).class_ids.tolist() == [3, 1, 3]


def test_masks_become_polygons_where_their_boxes_are():
    masks = np.zeros((2, 15, 15))
    masks[0] = 1
    masks[1, :, :7] = 1
    boxes, scores, classes = [[0.1, 0.1, 0.3, 0.5], [0.5, 0.5, 1.0, 1.0]], [0.4, 0.8], [1, 2]
    one = found(boxes, scores, classes, masks=masks, width=100, height=100)
    ((half,),), ((full,),) = one.polygons
    assert one.class_ids.tolist() == [2, 1]
    assert full.min(axis=0) == pytest.approx([10, 10], abs=1)
    assert full.max(axis=0) == pytest.approx([50, 30], abs=1)
    assert half.min(axis=0) == pytest.approx([50, 50], abs=1)
    assert half.max(axis=0) == pytest.approx([73.3, 100], abs=1.5)


def test_masks_belong_to_the_boxes_as_the_graph_gives_them():
    """One that reaches beyond the image is cut there, not squeezed into what is left of its box."""
    mask = np.zeros((1, 15, 15))
    mask[0, :, 8:] = 1
    one = found([[0.0, -0.5, 1.0, 0.5]], [1], [1], masks=mask, width=101, height=101)
    (((ring,),),) = one.polygons
    assert one.boxes.tolist() == [[0, 0, 50.5, 101]]
    assert ring.min(axis=0).tolist() == [4, 0], "half-way between the cells 7 and 8 of 15"
    assert ring.max(axis=0).round().tolist() == [50, 100]


def test_holes_in_masks_are_kept():
    mask = np.ones((1, 15, 15))
    mask[0, 5:10, 5:10] = 0
    one = found([[0.1, 0.1, 0.9, 0.9]], [1], [1], masks=mask, width=100, height=100)
    (((outer, hole),),) = one.polygons
    assert outer.min(axis=0).tolist() == [10, 10]
    assert hole.min(axis=0) == pytest.approx([36, 36], abs=1)
    assert hole.max(axis=0) == pytest.approx([63, 63], abs=1)


@pytest.mark.parametrize(("value", "parts"), [(0.5, 0), (0.501, 1), (0.0, 0), (1.0, 1)])
def test_a_mask_belongs_to_the_object_above_a_half(value, parts):
    one = found([[0.1, 0.1, 0.9, 0.9]], [1], [1], masks=np.full((1, 3, 3), value))
    assert len(one.polygons[0]) == parts


@pytest.mark.parametrize("box", [[0.5, 0.5, 0.5, 0.7], [0.5, 0.5, 0.7, 0.5], [0.7, 0.7, 0.5, 0.5]])
def test_a_box_without_an_area_has_no_polygon(box):
    assert found([box], [1], [1], masks=np.ones((1, 3, 3)), width=10, height=10).polygons == ((),)


def test_a_thin_box_has_the_pixels_whose_places_are_in_it():
    """Pixel y of 10 lies at y / 9 for the API: 5 of them at 0.556."""
    (parts,) = found([[0.55, 0.1, 0.56, 0.9]], [1], [1], masks=np.ones((1, 3, 3)), width=10, height=10).polygons
    ((ring,),) = parts
    assert ring.min(axis=0).tolist() == [1, 5]
    assert ring.max(axis=0).round().tolist() == [8, 5]
    assert found([[0.51, 0.1, 0.55, 0.9]], [1], [1], masks=np.ones((1, 3, 3)), width=10, height=10).polygons == ((),)


@pytest.mark.parametrize(
    ("boxes", "scores", "said"),
    [
        ([[0, 0, 1, 1]], [0.5], []),
        ([[-0.01, -0.01, 1.01, 1.01]], [1.0], []),
        ([[0, 0, 1, 1]], [0.0], []),
        ([[-0.011, 0, 1, 1]], [0.5], ["box corners reach from -0.011 to 1, not within 0..1"]),
        ([[0, 0, 1.011, 1]], [0.5], ["box corners reach from 0 to 1.011, not within 0..1"]),
        ([[0, 0, 1, 1]], [1.5], ["scores reach from 1.5 to 1.5, not within 0..1"]),
        ([[0, 0, 1, 1]], [-0.5], ["scores reach from -0.5 to -0.5, not within 0..1"]),
        ([[0, 0, 300, 300]], [-0.5], ["scores reach from -0.5 to -0.5", "box corners reach from 0 to 300"]),
        ([[0, 0, np.nan, 1]], [0.5], ["scores or boxes are not finite numbers"]),
        ([[0, 0, 1, 1]], [np.inf], ["scores or boxes are not finite numbers"]),
    ],
)
def test_what_is_wrong_with_an_answer(boxes, scores, said):
    told = faults(alone(outputs(boxes, scores, [1] * len(scores))))
    assert len(told) == len(said)
    assert all(sentence.startswith(words) for sentence, words in zip(told, said, strict=True))


def test_what_stands_in_the_padding_is_no_fault():
    answer = outputs([[0, 0, 1, 1], [0, 0, 300, np.nan]], [0.5, 7.0], [1, 1], count=1)
    assert faults(alone(answer)) == []
    assert faults(alone(outputs([[0, 0, np.nan, 1]], [0.5], [1], count=0))) == []
