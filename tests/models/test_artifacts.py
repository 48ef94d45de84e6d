from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.artifacts import find, recognise

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
