"""A version's files are what was admitted, or the first one that differs is named."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.model_version import ModelFile
from firstpass.errors import FirstpassError
from firstpass.models.store import version_uri
from firstpass.models.version_files import fingerprint, sha256_of, verify


@pytest.fixture
def version(stored):
    return stored()


@pytest.fixture
def folder(version) -> Path:
    return Path(version_uri(version))


def test_files_are_listed_by_name_with_hash_and_size_but_for_the_record(tmp_path):
    for name in ("b.txt", "a/deep/c.txt", "model.json", "a/model.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert fingerprint(tmp_path) == tuple(
        ModelFile(name, sha256(name.encode()).hexdigest(), len(name)) for name in ("a/deep/c.txt", "b.txt")
    )
    assert sha256_of(tmp_path / "b.txt") == sha256(b"b.txt").hexdigest()


def test_what_was_admitted_is_in_order(version, folder):
    verify(version, folder)


def test_files_beyond_the_record_do_not_matter(version, folder):
    (folder / "notes.txt").write_text("mine")
    verify(version, folder)


@pytest.mark.parametrize("content", [b"weights and more", b"", b"WEIGHTS"], ids=["longer", "empty", "of the same size"])
def test_a_changed_file_is_named(version, folder, content):
    (folder / "frozen_inference_graph.pb").write_bytes(content)
    with pytest.raises(
        FirstpassError, match=r"pets@aaaaaaaaaaaa: .*graph\.pb is not the file that was admitted"
    ) as caught:
        verify(version, folder)
    assert "never edited" in caught.value.fix


def test_a_missing_file_is_named(version, folder):
    (folder / "classes.csv").unlink()
    (folder / "classes.csv").mkdir()
    with pytest.raises(FirstpassError, match=r"classes\.csv is missing from "):
        verify(version, folder)


def test_the_class_table_is_read_afresh(version, folder):
    """A record whose hashes were brought in line by hand still has the classes that were judged."""
    (folder / "classes.csv").write_text("labels\ncat\ncow\n")
    forged = replace(version, files=fingerprint(folder))
    with pytest.raises(FirstpassError, match=r"classes\.csv is not the class table that was admitted"):
        verify(forged, folder)
    verify(replace(forged, classes=ClassTable((ModelClass(1, "cat"), ModelClass(2, "cow")))), folder)
