from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.artifacts import find, holds_weights, is_wanted, names_in, recognise, sub_folders

FROZEN = "frozen_inference_graph.pb"
SAVED = ["saved_model/saved_model.pb", "saved_model/variables/variables.index"]
SHARD = "saved_model/variables/variables.data-00000-of-00001"
TFOD_OUTPUT = [
    FROZEN,
    "model.ckpt.meta",
    "checkpoint",
    "pipeline.config",
    *SAVED,
    SHARD,
    "classes.csv",
    "label_map.json",
]


def test_tfod_training_leaves_one_export_twice_and_the_frozen_graph_is_taken():
    artifact = recognise(TFOD_OUTPUT, "here")
    assert artifact.kind == "tfod_frozen_graph"
    assert set(artifact.files) == {FROZEN, "classes.csv", "label_map.json"}


def test_a_saved_model_in_its_folder_or_as_the_folder():
    inside = recognise([*SAVED, SHARD, "classes.csv"], "here")
    bare = recognise(["classes.csv", *(name.removeprefix("saved_model/") for name in [*SAVED, SHARD])], "here")
    assert inside.kind is bare.kind == "tfod_saved_model"
    assert set(inside.files) == set(bare.files) == {"classes.csv", *SAVED, SHARD}
    assert bare.files["saved_model/saved_model.pb"] == "saved_model.pb"


def test_mask_rcnn_weights_get_a_name_of_ours():
    artifact = recognise(["mask_rcnn_cats_0030.H5", "classes.csv", "model.yaml", "NOTICE.md"], "here")
    assert artifact.kind == "mask_rcnn"
    assert artifact.files["weights.h5"] == "mask_rcnn_cats_0030.H5"
    assert {"model.yaml", "NOTICE.md"} <= set(artifact.files)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no weights; found nothing"),
        (["classes.csv", "notes.txt"], "no weights; found classes.csv, notes.txt"),
        ([FROZEN], "weights are there but classes.csv is not"),
        ([FROZEN, "a.h5", "classes.csv"], f"weights of more than one model: a.h5, {FROZEN}"),
        (["a.h5", "b.h5", "classes.csv"], "weights of more than one model: a.h5, b.h5"),
        ([*SAVED, "a.h5", "classes.csv"], "weights of more than one model: a.h5, saved_model/saved_model.pb"),
        ([*SAVED, "classes.csv"], "variables.data-00000-of-00001 is missing"),
        ([SAVED[0], SHARD, "classes.csv"], "variables.index is missing"),
        ([*SAVED, SHARD.replace("00001", "00003"), "classes.csv"], "variables.data-00001-of-00003 is missing"),
    ],
)
def test_what_is_not_one_whole_model_is_told(names, message):
    with pytest.raises(FirstpassError) as caught:
        recognise(names, "here")
    assert caught.value.problem.startswith("here: ")
    assert message in caught.value.problem


def test_no_name_from_outside_becomes_a_path():
    hostile = ["../evil.h5", "a/../../b.h5", "saved_model/../../x", "saved_model/variables/../../y", "assets/../z"]
    artifact = recognise([FROZEN, "classes.csv", *hostile], "here")
    assert set(artifact.files) == {FROZEN, "classes.csv"}
    odd = recognise(["..\\..\\weights\n.h5", "classes.csv"], "here")
    assert set(odd.files) == {"weights.h5", "classes.csv"}


def test_a_folder_is_looked_at_as_deep_as_a_model_lies(tmp_path):
    for name in [*SAVED, SHARD, "classes.csv", "deep/er/a.h5"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert set(find(tmp_path).files) == {*SAVED, SHARD, "classes.csv"}


def test_the_store_holds_nothing_that_inference_does_not_need():
    wanted = [FROZEN, "classes.csv", "label_map.json", "label_map.pbtxt", "model.yaml", "NOTICE", "LICENSE.md"]
    artifact = recognise([*wanted, "checkpoint", "pipeline.config", "readme.md", "Classes.csv"], "here")
    assert artifact.files == {name: name for name in wanted}


@pytest.mark.parametrize("name", ["classes.csv", "model.yaml", "LICENSE", FROZEN, "x.h5", "saved_model/saved_model.pb"])
def test_what_may_be_part_of_a_model(name):
    assert is_wanted(name)


@pytest.mark.parametrize("name", ["checkpoint", "x.pb", "a/x.h5", "sub/classes.csv", "classes.csv.bak", ""])
def test_what_may_not(name):
    assert not is_wanted(name)


def test_weights_tell_a_models_folder_from_any_other():
    assert holds_weights(["notes.txt", FROZEN])
    assert holds_weights(["a.h5"])
    assert holds_weights(["saved_model.pb"])
    assert not holds_weights(["classes.csv", "model.yaml", "saved_model/variables/variables.index"])
    assert not holds_weights([])


def test_folders_within_a_model_come_deepest_first():
    found = sub_folders()
    assert found == ["saved_model/assets", "saved_model/variables", "assets", "saved_model", "variables"]


def test_eight_of_many_files_are_named():
    with pytest.raises(FirstpassError) as caught:
        recognise([f"{n}.txt" for n in range(9, 0, -1)], "here")
    assert caught.value.problem == "here: no weights; found " + ", ".join(f"{n}.txt" for n in range(1, 9))
    assert f"put weights ({FROZEN}, saved_model/saved_model.pb, weights.h5) there" in caught.value.fix


def test_links_to_files_are_followed_and_folders_are_no_files(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.h5").touch()
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.h5").symlink_to(tmp_path / "elsewhere" / "real.h5")
    (folder / "classes.csv").touch()
    (folder / "other.h5").mkdir()
    (folder / "gone.h5").symlink_to(tmp_path / "nowhere")
    assert find(folder).files == {"classes.csv": "classes.csv", "weights.h5": "w.h5"}


def test_names_are_as_deep_as_a_model_lies(tmp_path):
    for name in ("a.h5", "variables/b", "saved_model/variables/c", "other/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert set(names_in(tmp_path)) >= {"a.h5", "variables/b", "saved_model/variables/c"}
    assert "other/d" not in set(names_in(tmp_path))
