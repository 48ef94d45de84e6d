"""Models that do harm, judged by admission through a real child process: refused, with a sentence, for good."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from firstpass.errors import Unavailable
from firstpass.models import store
from firstpass.models.admission import admit
from firstpass.models.checking.check_process import environment
from firstpass.settings import settings
from firstpass.storage import space
from fixtures import hostile_models
from fixtures.models import tree


@pytest.fixture
def graph(store_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph of a model, to be replaced; checks may take 2 GiB."""
    monkeypatch.setenv("FIRSTPASS_ADMISSION_MEMORY", "2")
    settings.cache_clear()
    return model / "frozen_inference_graph.pb"


def refused(folder: Path) -> str:
    """Why the store refuses the model; it keeps the refusal, and the same bytes are not tried again."""
    version = admit("pets", folder, "here")
    assert not version.admitted
    assert store.versions("pets") == [version]
    assert admit("pets", folder, "here") == version
    (reason,) = version.reasons
    return reason


def test_a_loop_without_end(graph, monkeypatch):
    hostile_models.endless(graph)
    monkeypatch.setenv("FIRSTPASS_ADMISSION_MINUTES", "0.2")
    settings.cache_clear()
    assert refused(graph.parent).startswith("the network did not finish one photo within 12 s; export the model again")


def test_more_memory_than_any_network_needs(graph):
    hostile_models.filling(graph, 30 * 10**9)
    assert refused(graph.parent).startswith("the network needed more than 2 GiB of memory for one photo; ")


def test_what_the_file_itself_shows_is_refused_by_name(graph):
    hostile_models.self_calling(graph)
    assert refused(graph.parent).startswith("frozen_inference_graph.pb: the function 'again' calls itself, without end")


def test_a_sound_model_is_admitted_through_a_process_too(graph):
    assert admit("pets", graph.parent, "here").admitted


def test_a_check_that_the_machine_ended_decides_nothing(graph, store_folder, monkeypatch):
    """Here by a disk without room for what the process may write."""
    before = tree(store_folder)

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("tempfile.TemporaryFile", full)
        with pytest.raises(Unavailable, match="the disk is full"):
            admit("pets", graph.parent, "here")
    assert tree(store_folder) == before
    assert not any((store_folder / ".staging").iterdir())
    assert admit("pets", graph.parent, "here").admitted


def test_a_copy_asks_for_space_first(graph, store_folder, monkeypatch):
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(Unavailable, match=r"the copy of .*artifacts needs 0 MB, 0 MB free"):
        admit("pets", graph.parent, "here")
    assert tree(store_folder) == {}


def test_a_text_file_beside_the_weights_is_not_read_when_it_is_large(graph):
    os.truncate(graph.parent / "label_map.json", 3 * 2**20)
    assert refused(graph.parent).startswith("label_map.json has 3145728 bytes, more than 1048576: this is no such file")


def test_the_import_path_is_the_askers(tmp_path):
    assert environment(tmp_path)["PYTHONPATH"].split(os.pathsep) == [path for path in sys.path if path]
