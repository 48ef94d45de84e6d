"""One loaded graph, whole or divided, alone or in a batch."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from firstpass.contracts.detector import PreparedInput, UnfitImage
from firstpass.models.detectors.tfod import detector as detecting
from firstpass.models.detectors.tfod.detector import TfodDetector
from firstpass.models.detectors.tfod.graph_file import GraphFile
from firstpass.models.detectors.tfod.session import tf
from firstpass.settings import home
from fixtures import graphs
from fixtures.detecting import assert_same, detect


def sample(name):
    return cv2.imread(str(home() / "include" / "samples" / name), cv2.IMREAD_COLOR_RGB)


def test_a_batch_gives_what_its_images_give_alone(default_detector):
    images = [cv2.resize(sample(name), (640, 480)) for name in ("astronaut.png", "coffee.png", "horse.png")]
    for together, image in zip(detect(default_detector, *images), images, strict=True):
        assert_same(together, detect(default_detector, image)[0])


def test_images_that_the_graph_resizes_alike_may_share_a_batch(default_detector):
    large, small = cv2.resize(sample("coffee.png"), (1280, 960)), cv2.resize(sample("coffee.png"), (640, 480))
    of_large, of_small = detect(default_detector, large, small)
    assert_same(of_large, detect(default_detector, large)[0])
    assert_same(of_small, detect(default_detector, small)[0])


@pytest.fixture
def made(monkeypatch, tmp_path):
    """`made(one_a_batch=…)`: a detector over a graph that finds one box in every image; `runs` is what it was fed."""

    def make(streams=2, error=None, score=0.5, **options):
        runs = []

        def run(*feeds):
            runs.append([feed.shape for feed in feeds])
            if error is not None:
                raise error
            n = len(feeds[0])
            return [np.full((n, 1, 4), 0.5), np.full((n, 1), score), np.ones((n, 1)), np.ones(n)]

        session = SimpleNamespace(
            callable=lambda feeds, fetches: run, streams=streams, restore=lambda *given: runs.append(given)
        )
        monkeypatch.setattr(detecting, "GraphSession", lambda graph_def, path: session)
        monkeypatch.setattr(detecting, "find_cut", lambda *_: None)
        monkeypatch.setattr(detecting, "streamline", lambda graph_def, keep: graph_def)
        file = GraphFile(
            tmp_path / "graph.pb", None, "image:0", {name: f"{name}:0" for name in graphs.OUTPUTS}, **options
        )
        return TfodDetector(file), runs

    return make


def inputs(*shapes):
    return [PreparedInput(np.zeros((*shape, 3), np.uint8), shape[1], shape[0]) for shape in shapes]


def test_images_go_together_and_come_back_apart_in_pixels_of_each(made):
    detector, runs = made()
    batch = [PreparedInput(np.zeros((8, 8, 3), np.uint8), width, 10) for width in (20, 40)]
    found = detector.predict(batch)
    assert runs == [[(2, 8, 8, 3)]]
    assert [each.boxes.tolist() for each in found] == [[[10, 5, 10, 5]], [[20, 5, 20, 5]]]


def test_a_graph_that_takes_one_image_is_asked_one_by_one(made):
    detector, runs = made(one_a_batch=True)
    assert len(detector.predict(inputs((8, 8), (8, 8), (8, 8)))) == 3
    assert runs == [[(1, 8, 8, 3)]] * 3
    detector.predict(inputs((8, 8)))
    assert len(runs) == 4


def test_an_image_is_prepared_as_it_is_where_the_graph_runs_whole(made):
    detector, _ = made()
    image = np.zeros((4, 6, 3), np.uint8)
    prepared = detector.prepare(image)
    assert prepared.pixels is image
    assert (prepared.width, prepared.height, prepared.context) == (6, 4, None)


def test_what_the_graph_does_not_take_is_the_images_fault(made):
    detector, _ = made(error=tf.errors.InvalidArgumentError(None, None, "too thin"))
    with pytest.raises(UnfitImage, match="the model's graph does not take 6×4 pixels"):
        detector.predict(inputs((4, 6)))


def test_a_lack_of_memory_is_not(made):
    detector, _ = made(error=tf.errors.ResourceExhaustedError(None, None, "out of memory"))
    with pytest.raises(tf.errors.ResourceExhaustedError):
        detector.predict(inputs((4, 6)))


def test_it_tells_what_predict_would_tidy(made):
    detector, _ = made(score=1.5)
    assert detector.faults(inputs((4, 6))[0]) == ["scores reach from 1.5 to 1.5, not within 0..1"]


@pytest.mark.parametrize(("streams", "images"), [(1, 8), (2, 1)])
def test_a_gpu_is_warmed_up_with_a_whole_batch_a_processor_with_one_image(made, streams, images):
    detector, runs = made(streams=streams)
    assert detector.streams == streams
    detector.warm_up(8)
    assert runs == [[(images, 480, 640, 3)]]


def test_variables_are_restored_before_anything_runs(made, tmp_path):
    _, runs = made(restore=("restore", "file:0"))
    assert runs == [("restore", "file:0", tmp_path / "variables" / "variables")]
