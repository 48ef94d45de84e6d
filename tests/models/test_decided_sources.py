"""What became of each source's content is remembered, for as long as the version is there."""

from __future__ import annotations

import shutil

import pytest

from firstpass import storage
from firstpass.models import store
from firstpass.models.decided_sources import remember, remembered
from firstpass.settings import settings

SOURCE = "s3://training/pets"


def test_an_unchanged_source_is_known_with_what_became_of_it(stored):
    version, refused = stored(), stored(version="b" * 12, admitted=False)
    assert remembered("pets", SOURCE, "etag 1") is None
    remember("pets", SOURCE, "etag 1", version)
    remember("pets", "s3://other", "etag 1", refused)
    assert remembered("pets", SOURCE, "etag 1") == {"etag": "etag 1", "version": "a" * 12, "admitted": True}
    assert remembered("pets", "s3://other", "etag 1") == {"etag": "etag 1", "version": "b" * 12, "admitted": False}


def test_what_has_changed_or_is_another_models_is_new(stored):
    remember("pets", SOURCE, "etag 1", stored())
    assert remembered("pets", SOURCE, "etag 2") is None
    assert remembered("pets", "s3://other", "etag 1") is None
    assert remembered("cars", SOURCE, "etag 1") is None


def test_the_last_word_on_a_source_counts(stored):
    remember("pets", SOURCE, "etag 1", stored())
    remember("pets", SOURCE, "etag 2", stored(version="b" * 12))
    assert remembered("pets", SOURCE, "etag 1") is None
    assert (remembered("pets", SOURCE, "etag 2") or {})["version"] == "b" * 12


def test_a_version_that_was_removed_by_hand_is_wanted_again(stored):
    version = stored()
    remember("pets", SOURCE, "etag 1", version)
    shutil.rmtree(store.version_uri(version))
    assert remembered("pets", SOURCE, "etag 1") is None


@pytest.mark.parametrize("note", ["", "{", '{"s3://other": {}}'])
def test_a_note_that_is_damaged_knows_nothing_and_is_written_anew(stored, store_folder, note):
    version = stored()
    (store_folder / "pets" / ".sources.json").write_text(note)
    assert remembered("pets", SOURCE, "etag 1") is None
    remember("pets", SOURCE, "etag 1", version)
    assert remembered("pets", SOURCE, "etag 1")


def test_in_a_store_on_s3_the_record_is_not_asked_for(stored, bucket, monkeypatch):
    """It would cost a request for every source, every time; nobody removes things there by hand."""
    version = stored()
    monkeypatch.setenv("FIRSTPASS_MODELS", f"{bucket}/models")
    settings.cache_clear()
    remember("pets", SOURCE, "etag 1", version)
    assert not storage.exists(f"{bucket}/models/pets/{version.version}/model.json")
    assert (remembered("pets", SOURCE, "etag 1") or {})["version"] == version.version
