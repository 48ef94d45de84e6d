"""A version's files on this machine: where they are, or a copy that is held against its hashes every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.models import local_copy
from firstpass.models.local_copy import local_folder
from firstpass.models.store import version_uri
from firstpass.settings import settings
from fixtures.models import tree, upload


@pytest.fixture
def on_s3(store_folder, bucket, monkeypatch) -> None:
    monkeypatch.setenv("FIRSTPASS_MODELS", f"{bucket}/store")
    settings.cache_clear()


@pytest.fixture
def downloads(monkeypatch) -> list[list[str]]:
    """The names of what each download was asked for."""
    asked: list[list[str]] = []
    real = local_copy.download

    def download(client, bucket, wanted):
        asked.append(sorted(Path(each.key).name for each in wanted))
        return real(client, bucket, wanted)

    monkeypatch.setattr(local_copy, "download", download)
    return asked


def test_in_a_folder_the_files_are_where_they_are(stored, store_folder):
    uri = version_uri(stored())
    assert local_folder(uri) == Path(uri)
    assert local_folder(Path(uri).as_uri()) == Path(uri)
    assert not (Path(settings().cache) / "models").exists()


def test_from_s3_a_copy_is_made_once_with_what_the_record_names(on_s3, stored, downloads, tmp_path):
    version = stored()
    uri = version_uri(version)
    storage.write(f"{uri}/notes.txt", b"not the model's")
    folder = local_folder(uri)
    assert folder == tmp_path / "cache" / "models" / "pets" / "aaaaaaaaaaaa"
    assert tree(folder) == {"classes.csv": b"labels\ncat\ndog\n", "frozen_inference_graph.pb": b"weights"}
    assert local_folder(uri) == folder
    assert downloads == [["classes.csv", "frozen_inference_graph.pb"]]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_copy_that_is_damaged_is_replaced(on_s3, stored, downloads, damage):
    uri = version_uri(stored())
    weights = local_folder(uri) / "frozen_inference_graph.pb"
    if damage == "changed":
        weights.write_bytes(b"others!")
    else:
        weights.unlink()
    (weights.parent / "left over").touch()
    assert set(tree(local_folder(uri))) == {"classes.csv", "frozen_inference_graph.pb"}
    assert len(downloads) == 2


def test_what_does_not_match_its_record_is_never_served(on_s3, stored, tmp_path):
    uri = version_uri(stored())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "classes.csv").write_text("labels\ncow\nhen\n")
    upload(tmp_path / "other", uri)
    with pytest.raises(FirstpassError, match=r"classes\.csv is not the file that was admitted"):
        local_folder(uri)
    assert tree(tmp_path / "cache") == {}


def test_a_version_that_is_gone_is_told(on_s3, bucket):
    with pytest.raises(FirstpassError, match="holds no model version"):
        local_folder(f"{bucket}/store/pets/aaaaaaaaaaaa")
