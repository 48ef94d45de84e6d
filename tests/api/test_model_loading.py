"""Models by name and by folder, as scripts load them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import firstpass
from firstpass.errors import FirstpassError
from firstpass.models.admission import admit
from fixtures.models import write_graph

pytestmark = pytest.mark.usefixtures("weights_read_here")

ROOT = Path(__file__).resolve().parents[2]


def names(model) -> list[str]:
    (found,) = model.detect((ROOT / "include" / "samples" / "chelsea.png").read_bytes())
    return sorted(found.names)


def test_a_folder_as_training_leaves_it(model):
    loaded = firstpass.load_model(model)
    assert names(loaded) == ["cat", "dog"]
    assert (loaded.version.name, loaded.version.threshold) == ("artifacts", 0.5)
    assert names(firstpass.load_model(str(model))) == ["cat", "dog"]


def test_its_options_count(model):
    (model / "model.yaml").write_text("threshold: 0.85")
    assert names(firstpass.load_model(model)) == ["cat"]


def test_a_floor_in_model_yaml_is_the_versions(model):
    assert firstpass.load_model(model).version.floor is None
    (model / "model.yaml").write_text("threshold: 0.85\nfloor: 0.2")
    assert firstpass.load_model(model).version.floor == 0.2


@pytest.mark.parametrize("where", ["a folder", "the store"])
def test_a_lower_threshold_is_no_new_model(model, store_folder, where):
    """The files are needed again, if at all, long after `load_model` returned."""
    loaded = firstpass.load_model(model if where == "a folder" else admit("pets", model, "here").ref)
    photo = (ROOT / "include" / "samples" / "chelsea.png").read_bytes()
    (all_of_it,) = loaded.detect(photo, threshold=0.0)
    assert len(all_of_it) >= len(names(loaded))
    assert names(loaded) == ["cat", "dog"]


def test_a_name_of_the_store(model, store_folder):
    admitted = admit("pets", model, "here")
    for ref in ("pets", admitted.ref, store_folder / "pets", store_folder / "pets" / admitted.version):
        loaded = firstpass.load_model(ref)
        assert loaded.version.ref == admitted.ref
        assert names(loaded) == ["cat", "dog"]


def test_a_models_folder_means_its_newest_admitted_version(model, store_folder, tmp_path):
    old = admit("pets", model, "here")
    write_graph(model / "frozen_inference_graph.pb", scores=(0.7, 0.6))
    new = admit("pets", model, "here")
    (model / "classes.csv").write_bytes(b"labels\r\ncat\r\n")  # refused: one row for two classes of the probe
    (model / "label_map.json").unlink()
    refused = admit("pets", model, "here")
    assert not refused.admitted
    assert len({old.version, new.version, refused.version}) == 3
    assert firstpass.load_model(store_folder / "pets").version.version == new.version
    with pytest.raises(FirstpassError, match="was refused"):
        firstpass.load_model(refused.ref)


def test_a_version_is_verified(model, store_folder):
    admitted = admit("pets", model, "here")
    folder = store_folder / "pets" / admitted.version
    write_graph(folder / "frozen_inference_graph.pb", scores=(0.7, 0.6))
    with pytest.raises(FirstpassError, match="is not the file that was admitted"):
        firstpass.load_model(admitted.ref)


def test_what_is_not_there_says_so(store_folder, tmp_path, model):
    with pytest.raises(FirstpassError, match="there is no model 'pets'"):
        firstpass.load_model("pets")
    with pytest.raises(FirstpassError, match="is not a folder"):
        firstpass.load_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FirstpassError, match="no weights"):
        firstpass.load_model(tmp_path / "empty")
    shutil.copytree(model, tmp_path / "half")
    (tmp_path / "half" / "classes.csv").unlink()
    with pytest.raises(FirstpassError, match=r"classes\.csv is not"):
        firstpass.load_model(tmp_path / "half")


def test_the_default_model_by_its_folder():
    """The count of classes is read from the graph and held against the table."""
    folder = ROOT / "include" / "models" / "nanodet-coco" / "435cd36bb6d2"
    assert names(firstpass.load_model(folder)) == ["cat"]


def test_a_table_that_does_not_fit_the_network_is_refused(tmp_path):
    folder = tmp_path / "coco"
    shutil.copytree(ROOT / "include" / "models" / "nanodet-coco" / "435cd36bb6d2", folder)
    (folder / "model.json").unlink()
    lines = (folder / "classes.csv").read_bytes().splitlines(keepends=True)
    (folder / "classes.csv").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(FirstpassError, match="has 79 rows, but the network emits 80 classes"):
        firstpass.load_model(folder)
