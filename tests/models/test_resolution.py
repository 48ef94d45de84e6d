"""Names to versions, drop-ins, and files held against their record."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from firstpass.errors import FirstpassError
from firstpass.models import resolution
from firstpass.models.admission import admit
from firstpass.models.local_copy import local_folder
from firstpass.models.store import version_uri
from firstpass.models.version_files import verify
from firstpass.settings import settings
from fixtures.models import tree, upload

pytestmark = pytest.mark.usefixtures("weights_read_here")


def test_the_newest_admitted_version_serves_and_any_can_be_pinned(model, store_folder):
    old = admit("pets", model, "here")
    new = admit("pets", model, "here", overrides={"threshold": 0.9})
    assert resolution.resolve("pets") == new
    assert resolution.resolve(old.ref) == old
    assert resolution.resolve(f"pets@{old.version[:6]}") == old


def test_four_digits_name_a_version_where_they_are_enough(stored):
    one, other = stored(version="aaaabbbb0000"), stored(version="aaaaccccdddd")
    third = stored(version="beef00000000")
    assert resolution.resolve("pets@beef") == third
    assert resolution.resolve("pets@aaaab") == one
    assert resolution.resolve("pets@aaaaccccdddd") == other
    with pytest.raises(FirstpassError, match="pets has more than one version 'aaaa'") as caught:
        resolution.resolve("pets@aaaa")
    assert f"{third.version}, {other.version}, {one.version}" in caught.value.fix
    for wanted in ("bee", "beef000000000", "eef0"):
        with pytest.raises(FirstpassError, match=f"pets has no version '{wanted}'"):
            resolution.resolve(f"pets@{wanted}")


def test_refused_versions_are_marked_in_the_list_and_found_by_whoever_only_looks(stored):
    refused = stored(version="beef00000000", admitted=False, reasons=("it sees ghosts",))
    with pytest.raises(FirstpassError, match="has no version 'ffff'") as caught:
        resolution.resolve("pets@ffff")
    assert "beef00000000 (refused)" in caught.value.fix
    assert resolution.find("pets@beef") == resolution.find("pets") == refused
    with pytest.raises(FirstpassError, match="pets@beef00000000 was refused: it sees ghosts"):
        resolution.resolve("pets")
    admitted = stored(version="cafe00000000")
    stored(version="dead00000000", admitted=False)
    assert resolution.find("pets") == resolution.resolve("pets") == admitted


def test_of_many_versions_the_newest_twenty_are_listed(stored):
    for number in range(21):
        stored(version=f"{number:012}")
    with pytest.raises(FirstpassError) as caught:
        resolution.resolve("pets@ffff")
    assert f"{1:012}" in caught.value.fix
    assert f"{0:012}" not in caught.value.fix


@pytest.mark.parametrize("place", [".hidden", "a/b", "saved_model", "variables"])
def test_folders_that_are_no_drop_ins(model, store_folder, place):
    """Hidden, too deep, or a model's own sub-folder."""
    folder = store_folder / "pets" / place
    shutil.copytree(model, folder)
    assert resolution.drop_ins("pets") == []


def test_a_version_of_the_store_is_no_drop_in(stored):
    stored()
    assert resolution.drop_ins("pets") == []


def test_drop_ins_are_admitted_oldest_first_so_that_the_newest_serves(model, store_folder, monkeypatch, stored):
    version = stored("other")
    admitted = []

    def admit(name, folder, source):
        admitted.append((name, folder.name, source))
        return version

    monkeypatch.setattr(resolution, "admit", admit)
    stored("pets")
    for name, age in (("b", 100), ("a", 50), ("c", 200)):
        folder = shutil.copytree(model, store_folder / "pets" / name)
        os.utime(folder, (time.time() - age, time.time() - age))
    resolution.resolve("pets")
    assert admitted == [("pets", name, (store_folder / "pets" / name).as_uri()) for name in ("c", "b", "a")]


def test_what_is_not_of_the_model_does_not_make_a_drop_in_new(model, store_folder, stored):
    folder = shutil.copytree(model, store_folder / "pets" / "mine")
    resolution.resolve("pets")
    (folder / "checkpoint").write_text("more training")
    (folder / "notes.txt").touch()
    assert resolution.drop_ins("pets") == []
    weights = folder / "frozen_inference_graph.pb"
    os.utime(weights, (1, 1))
    assert resolution.drop_ins("pets") == [folder]


def test_a_model_folder_that_was_not_looked_at_says_what_does(store_folder, model):
    """`find` admits nothing on its way."""
    shutil.copytree(model, store_folder / "pets")
    with pytest.raises(FirstpassError, match="was not checked yet") as caught:
        resolution.find("pets")
    assert "firstpass models check" in caught.value.fix


def test_where_there_is_no_model_at_all_that_is_said(store_folder):
    with pytest.raises(FirstpassError, match="there is no model 'cars'") as caught:
        resolution.resolve("cars")
    assert caught.value.fix == "use one of these: none at all"


def test_an_unknown_model_lists_what_there_is(model, store_folder):
    admit("pets", model, "here")
    with pytest.raises(FirstpassError, match="there is no model 'cars'") as caught:
        resolution.resolve("cars")
    assert "pets" in caught.value.fix


def test_an_unknown_version_lists_what_there_is(model, store_folder):
    there = admit("pets", model, "here")
    for wanted in ("ffffffffffff", there.version[:3], "../" + there.version):
        with pytest.raises(FirstpassError, match="has no version") as caught:
            resolution.resolve(f"pets@{wanted}")
        assert there.version in caught.value.fix


@pytest.mark.parametrize("place", ["", "first-try", "output/model", "run-7/output/model"])
def test_artifacts_that_a_person_drops_in_are_admitted_at_first_use(model, store_folder, place):
    folder = store_folder / "pets" / place
    shutil.copytree(model, folder, dirs_exist_ok=True)
    assert resolution.drop_ins("pets") == [folder]
    version = resolution.resolve("pets")
    assert version.admitted
    assert version.source == folder.as_uri()
    assert resolution.drop_ins("pets") == []
    assert resolution.resolve("pets") == version
    assert (folder / "classes.csv").exists()


def test_a_drop_in_that_changes_is_a_new_version(model, store_folder):
    folder = shutil.copytree(model, store_folder / "pets" / "mine")
    first = resolution.resolve("pets")
    (folder / "model.yaml").write_text("threshold: 0.2")
    second = resolution.resolve("pets")
    assert second.version != first.version
    assert second.threshold == 0.2


def test_a_drop_in_that_was_taken_out_of_the_store_is_admitted_anew(model, store_folder):
    shutil.copytree(model, store_folder / "pets" / "mine")
    version = resolution.resolve("pets")
    shutil.rmtree(store_folder / "pets" / version.version)
    assert resolution.resolve("pets").version == version.version


def test_a_bad_drop_in_does_not_stop_what_serves(model, store_folder, caplog):
    good = admit("pets", model, "here")
    (store_folder / "pets" / "half").mkdir()
    shutil.copy(model / "frozen_inference_graph.pb", store_folder / "pets" / "half")
    assert resolution.resolve("pets") == good
    assert "classes.csv is not" in caplog.text


def test_a_model_folder_without_weights_says_so(store_folder):
    (store_folder / "pets").mkdir()
    (store_folder / "pets" / "classes.csv").write_text("labels\ncat\n")
    with pytest.raises(FirstpassError, match=r"no weights; found classes\.csv"):
        resolution.resolve("pets")


def test_a_drop_in_that_is_refused_says_why(model, store_folder):
    folder = shutil.copytree(model, store_folder / "pets" / "mine")
    (folder / "classes.csv").write_bytes(b"labels\r\ncat\r\ncat\r\n")
    with pytest.raises(FirstpassError, match=r"was refused: .*'cat' is there twice"):
        resolution.resolve("pets")


def test_files_are_held_against_the_record(model, store_folder):
    version = admit("pets", model, "here")
    folder = store_folder / "pets" / version.version
    weights = folder / "frozen_inference_graph.pb"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + b"x")
    with pytest.raises(FirstpassError, match=r"frozen_inference_graph\.pb is not the file that was admitted"):
        verify(version, folder)
    weights.unlink()
    with pytest.raises(FirstpassError, match=r"frozen_inference_graph\.pb is missing"):
        verify(version, folder)


def test_a_damaged_record_hides_no_other(model, store_folder, caplog):
    good = admit("pets", model, "here")
    for name, text in (("one", "{"), ("two", "[]"), ("three", good.to_json())):
        (store_folder / "pets" / name).mkdir()
        (store_folder / "pets" / name / "model.json").write_text(text)
    assert resolution.versions() == [good]
    assert "is damaged" in caplog.text


@pytest.fixture
def s3_store(store_folder, bucket, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_MODELS", f"{bucket}/store")
    settings.cache_clear()
    return f"{bucket}/store"


def test_a_store_on_s3_serves_through_a_verified_cache(model, s3_store, tmp_path):
    version = admit("pets", model, "here")
    uri = version_uri(version)
    assert uri == f"{s3_store}/pets/{version.version}"
    assert resolution.resolve("pets") == version
    folder = local_folder(uri)
    assert folder.is_relative_to(tmp_path / "cache")
    verify(version, folder)
    (folder / "classes.csv").write_text("damaged")
    verify(version, local_folder(uri))


def test_a_store_on_s3_whose_files_were_changed_is_not_used(model, s3_store, tmp_path):
    version = admit("pets", model, "here")
    (tmp_path / "other" / "x").mkdir(parents=True)
    (tmp_path / "other" / "classes.csv").write_text("labels\ncow\nhen\n")
    upload(tmp_path / "other", version_uri(version))
    with pytest.raises(FirstpassError, match=r"classes\.csv is not the file that was admitted"):
        local_folder(version_uri(version))
    assert not any(name.endswith("classes.csv") for name in tree(tmp_path / "cache"))


def test_an_unknown_model_in_a_store_on_s3(model, s3_store):
    with pytest.raises(FirstpassError, match="there is no model 'pets'"):
        resolution.resolve("pets")
