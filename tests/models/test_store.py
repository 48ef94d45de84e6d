"""The model store: a version is there whole or not at all, and once admitted it never changes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import store
from firstpass.models.workspace import staging
from firstpass.settings import settings
from fixtures.models import tree


@pytest.fixture
def on_s3(store_folder, bucket, monkeypatch) -> str:
    monkeypatch.setenv("FIRSTPASS_MODELS", f"{bucket}/deep/store/")
    settings.cache_clear()
    return f"{bucket}/deep/store"


def put(version: ModelVersion, text: str = "new") -> ModelVersion:
    with staging() as staged:
        (staged / "sub").mkdir()
        (staged / "sub" / "file.txt").write_text(text)
        return store.put(staged, version)


@pytest.mark.parametrize("name", ["a", "Z9", "nanodet-coco", "a.b_c-d", "a" * 100, "0", "a_", "a-"])
def test_names_of_models(name):
    assert store.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a..b", "a.", ".a", "_a", "-a", "a/b", "a\\b", "a b", "é", "a\n", "a" * 101]
)
def test_what_cannot_name_a_model(name):
    with pytest.raises(FirstpassError, match="cannot name a model"):
        store.check_name(name)


@given(st.text(max_size=12))
def test_no_name_leads_out_of_the_store(name):
    try:
        store.check_name(name)
    except FirstpassError:
        return
    assert (Path("/store") / name).parent == Path("/store")
    assert name.isascii()
    assert not name.startswith(".")


def test_addresses_of_models_and_versions(store_folder, stored):
    version = stored()
    assert store.model_uri("pets") == f"{store_folder}/pets"
    assert store.version_uri(version) == f"{store_folder}/pets/aaaaaaaaaaaa"
    assert store.load_version(store.version_uri(version)) == version


def test_a_version_that_is_not_there_or_damaged_is_told(store_folder):
    with pytest.raises(FirstpassError, match="/nowhere holds no model version"):
        store.load_version("/nowhere")
    for text in ("", "{", "[]", "{}", '{"files": 7}', '{"name": "pets"}'):
        (store_folder / "model.json").write_text(text)
        with pytest.raises(FirstpassError, match=r"model\.json is damaged"):
            store.load_version(str(store_folder))


def test_the_newest_decision_comes_first_and_refused_ones_too(stored):
    old, refused, other, new = (
        stored(),
        stored(version="b" * 12, admitted=False),
        stored("cars"),
        stored(version="c" * 12),
    )
    assert store.versions("pets") == [new, refused, old]
    assert store.versions() == [new, other, refused, old]
    assert store.versions("dogs") == []
    with pytest.raises(FirstpassError, match="cannot name a model"):
        store.versions("../x")


def test_decisions_of_one_moment_are_told_apart_by_version(stored):
    for version in ("b" * 12, "c" * 12, "a" * 12):
        stored(version=version, decided_at="2026-01-01T00:00:00.000+00:00")
    assert [each.version[0] for each in store.versions()] == ["c", "b", "a"]


def test_a_record_in_the_wrong_place_is_none(stored, store_folder, caplog):
    version = stored()
    for place in ("pets/copied", "cars/aaaaaaaaaaaa", ".staging/x"):
        (store_folder / place).mkdir(parents=True)
        (store_folder / place / "model.json").write_text(version.to_json())
    (store_folder / "pets" / "broken").mkdir()
    (store_folder / "pets" / "broken" / "model.json").write_text("{")
    assert store.versions() == [version]
    assert "is damaged" in caplog.text


def test_models_are_named_in_order(stored, store_folder):
    for name in ("pets", "cars", "Zebras"):
        stored(name)
    (store_folder / ".staging").mkdir(exist_ok=True)
    (store_folder / "not a model").mkdir()
    (store_folder / "empty").mkdir()
    (store_folder / "file").touch()
    assert store.names() == ["Zebras", "cars", "empty", "pets"]


def test_a_version_is_brought_in_with_its_record_and_may_be_read_by_a_pods_user(stored, store_folder):
    before = os.umask(0o027)  # as in the stack's processes
    try:
        version = put(replace(stored(), version="b" * 12))
    finally:
        os.umask(before)
    folder = store_folder / "pets" / ("b" * 12)
    assert set(tree(folder)) == {"model.json", "sub/file.txt"}
    assert store.load_version(str(folder)) == version
    assert {path.stat().st_mode & 0o777 for path in (folder.parent, folder, folder / "sub")} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o644}


def test_an_admitted_version_stays_as_it_is(stored, store_folder):
    first = stored()
    before = tree(store_folder)
    assert put(replace(first, admitted=False, source="elsewhere")) == first
    assert put(replace(first, source="elsewhere")) == first
    assert tree(store_folder) == before


def test_a_refused_version_is_replaced_whole(stored, store_folder):
    refused = stored(admitted=False, reasons=("it sees ghosts",))
    admitted = replace(refused, admitted=True, reasons=())
    assert put(admitted) == admitted
    assert set(tree(store_folder / "pets" / refused.version)) == {"model.json", "sub/file.txt"}
    assert store.versions() == [admitted]


def test_a_damaged_record_is_replaced(stored, store_folder):
    version = stored()
    (store_folder / "pets" / version.version / "model.json").write_text("{")
    assert put(version) == version
    assert store.versions() == [version]


def test_a_version_is_taken_out_and_nothing_else(stored, store_folder):
    old, new = stored(), stored(version="b" * 12)
    store.remove(old)
    assert store.versions() == [new]
    assert not (store_folder / "pets" / old.version).exists()


def test_a_store_on_s3(on_s3, stored, bucket):
    version, other = stored(), stored("cars")
    assert store.version_uri(version) == f"{on_s3}/pets/aaaaaaaaaaaa"
    assert store.names() == ["cars", "pets"]
    assert store.versions() == [other, version]
    assert store.versions("pets") == [version]
    assert put(replace(version, source="elsewhere")) == version, "once admitted it never changes"
    for misplaced in (f"{on_s3}/model.json", f"{on_s3}/pets/model.json", f"{on_s3}/pets/{'a' * 12}/deeper/model.json"):
        store.storage.write(misplaced, version.to_json().encode())
    assert store.versions() == [other, version]
    store.remove(version)
    assert store.versions() == [other]
    assert not store.storage.exists(f"{on_s3}/pets/aaaaaaaaaaaa/classes.csv")


def test_on_s3_the_record_arrives_last(on_s3, stored, monkeypatch):
    version = stored()
    written: list[str] = []
    write = store.storage.write

    def note(uri: str, data: bytes) -> None:
        present = sorted(entry.uri.rpartition("/")[2] for entry in store.storage.listing(f"{on_s3}/pets/{'b' * 12}"))
        written.append(f"{uri.rpartition('/')[2]} after {present}")
        write(uri, data)

    monkeypatch.setattr(store.storage, "write", note)
    put(replace(version, version="b" * 12))
    assert written == ["model.json after ['file.txt']"]
