"""The records of the two kinds: what their files are called, and when one of them is missing."""

import subprocess
import sys

import pytest

from firstpass.models.detectors.tfod.kind import FROZEN_GRAPH, SAVED_MODEL

INDEX = "saved_model/variables/variables.index"


def shard(number, count):
    return f"saved_model/variables/variables.data-{number:05}-of-{count:05}"


def test_a_frozen_graph_is_one_file_of_one_name():
    assert FROZEN_GRAPH.store_name("frozen_inference_graph.pb") == FROZEN_GRAPH.weights
    assert FROZEN_GRAPH.store_name("graph.pb") is None
    assert FROZEN_GRAPH.store_name("saved_model/frozen_inference_graph.pb") is None
    assert FROZEN_GRAPH.missing([FROZEN_GRAPH.weights]) is None


@pytest.mark.parametrize(
    "name",
    [
        "saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001",
        "assets/labels.txt", "assets/a", "assets/" + "a" * 100,
    ],
)  # fmt: skip
def test_a_saved_models_files_are_known_in_their_folder_and_without_it(name):
    assert SAVED_MODEL.store_name(name) == SAVED_MODEL.store_name(f"saved_model/{name}") == f"saved_model/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "model.pb", "saved_model.pbtxt", "saved_modelXpb", "variables/variables.data-0-of-1", "variables/other.index",
        "variables/variables.data-00000-of-00001.tmp", "assets/.hidden", "assets/a/b", "assets/../x", "assets/",
        "assets/" + "a" * 101, "saved_model/saved_model/saved_model.pb", "other/saved_model.pb",
        "variables/variables.data-٠٠٠٠٠-of-00001", "assets/größe", "keras_metadata.pb",
    ],
)  # fmt: skip
def test_other_names_are_none_of_it(name):
    assert SAVED_MODEL.store_name(name) is None


@pytest.mark.parametrize(
    ("names", "lacks"),
    [
        ([INDEX, shard(0, 1)], None),
        ([INDEX, shard(0, 2), shard(1, 2)], None),
        ([shard(0, 1)], INDEX),
        ([INDEX], shard(0, 1)),
        ([INDEX, shard(1, 2)], shard(0, 2)),
        ([INDEX, shard(0, 3), shard(2, 3)], shard(1, 3)),
        ([INDEX, shard(0, 2), shard(0, 1)], shard(1, 2)),
        ([INDEX, shard(0, 99999)], shard(1, 99999)),
        ([INDEX, *(shard(n, 1001) for n in range(1000))], None),
    ],
)
def test_the_first_missing_file_of_an_upload_is_told(names, lacks):
    assert SAVED_MODEL.missing(["saved_model/saved_model.pb", *names]) == lacks


def test_what_the_records_say():
    assert (FROZEN_GRAPH.name, SAVED_MODEL.name) == ("tfod_frozen_graph", "tfod_saved_model")
    for kind in (FROZEN_GRAPH, SAVED_MODEL):
        assert (kind.threshold, kind.threshold_option, kind.class_ids, kind.families) == (0.5, "", "rows", ("tfod",))
        assert not kind.options
        assert kind.revision == 2
    assert SAVED_MODEL.yields_to == ("tfod_frozen_graph",)
    assert FROZEN_GRAPH.yields_to == ()
    assert set(SAVED_MODEL.folders) == {
        "saved_model", "saved_model/variables", "saved_model/assets", "variables", "assets",
    }  # fmt: skip


def test_the_records_cost_no_tensorflow():
    script = (
        "import sys; from firstpass.models.detectors.tfod import kind;"
        "print({'tensorflow', 'keras', 'cv2'} & sys.modules.keys())"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert printed.stdout.strip() == "set()"


@pytest.mark.parametrize(("kind", "module"), [(FROZEN_GRAPH, "frozen_graph"), (SAVED_MODEL, "saved_model")])
def test_loading_and_inspecting_are_its_modules(monkeypatch, tmp_path, kind, module):
    place = f"firstpass.models.detectors.tfod.{module}"
    monkeypatch.setattr(f"{place}.load", lambda *given: ("loaded", *given))
    monkeypatch.setattr(f"{place}.inspect", lambda *given: ("inspected", *given))
    assert kind.load("version", tmp_path, 0.25) == ("loaded", "version", tmp_path), "a graph knows no floor"
    assert kind.inspect(tmp_path) == ("inspected", tmp_path)
