"""Where models are worked on: locks, folders that a rename can bring in, and what killed processes leave."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firstpass.errors import FirstpassError, Unavailable
from firstpass.models.workspace import lock, staging, workshop, writing
from firstpass.settings import settings

DAY = 24 * 3600


@pytest.fixture
def leave(store_folder: Path) -> Callable[..., Path]:
    """A folder in a workshop as a killed process left it so many seconds ago."""

    def make(name: str, age: float, workshop: str = ".staging") -> Path:
        folder = store_folder / workshop / name
        folder.mkdir(parents=True)
        (folder / "weights.h5").write_bytes(b"half")
        then = time.time() - age
        os.utime(folder, (then, then))
        return folder

    return make


def test_what_a_killed_process_left_is_swept_out_after_a_day_and_younger_things_stay(leave):
    old, older = leave("old", DAY + 10), leave("older", 30 * DAY)
    young, younger = leave("young", DAY - 10), leave("younger", 0)
    elsewhere = leave("elsewhere", 30 * DAY, ".incoming")
    workshop(".staging")
    assert [folder.exists() for folder in (old, older, young, younger, elsewhere)] == [False, False, True, True, True]
    assert (young / "weights.h5").exists()


def test_files_are_never_swept_out(store_folder):
    """Locks are files: who waits for one has it open."""
    folder = store_folder / ".locks"
    folder.mkdir()
    (folder / "sync-cats").touch()
    os.utime(folder / "sync-cats", (0, 0))
    workshop(".locks")
    assert (folder / "sync-cats").exists()


def test_what_another_process_sweeps_out_meanwhile_is_no_error(leave, monkeypatch):
    gone, old = leave("gone", 2 * DAY), leave("old", 2 * DAY)
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter([*listed(self), self / "another that is gone"]))
    workshop(".staging")
    assert not gone.exists()
    assert not old.exists()


def test_a_workshop_is_in_the_store_or_for_a_store_on_s3_in_the_cache(store_folder, tmp_path, monkeypatch):
    assert workshop(".staging") == store_folder / ".staging"
    monkeypatch.setenv("FIRSTPASS_MODELS", "s3://bucket/models")
    settings.cache_clear()
    assert workshop(".staging") == tmp_path / "cache" / ".staging"
    assert workshop(".staging").is_dir()


def test_staged_folders_are_empty_apart_and_removed_however_the_work_ends(store_folder):
    with staging() as one, staging() as other:
        assert one != other
        assert one.parent == other.parent == store_folder / ".staging"
        assert list(one.iterdir()) == []
        (one / "file").touch()
    assert list((store_folder / ".staging").iterdir()) == []
    with pytest.raises(KeyError):
        fail_in_staging()
    assert list((store_folder / ".staging").iterdir()) == []


def fail_in_staging() -> None:
    with staging() as folder:
        (folder / "file").touch()
        raise KeyError


def test_a_folder_that_was_renamed_into_the_store_is_not_missed(store_folder):
    with staging() as folder:
        folder.rename(store_folder / "brought in")
    assert (store_folder / "brought in").is_dir()


def test_whoever_asks_for_the_same_lock_waits(store_folder):
    order: list[str] = []
    asking = threading.Event()

    def second() -> None:
        asking.set()
        with lock("sync-cats"):
            order.append("second")

    with lock("sync-cats"), lock("sync-dogs"):
        thread = threading.Thread(target=second)
        thread.start()
        asking.wait(5)
        thread.join(0.05)
        assert thread.is_alive()
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_a_lock_falls_with_its_process(store_folder):
    script = (
        "import sys; from firstpass.models.workspace import lock; held = lock('x'); held.__enter__();"
        "print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    with lock("x"):
        pass


def test_a_lock_is_given_back_after_an_error(store_folder):
    for _ in range(2):
        with pytest.raises(KeyError), lock("x"):
            raise KeyError


def test_a_store_that_cannot_be_written_is_told(store_folder, monkeypatch):
    (store_folder / ".staging").touch()
    with pytest.raises(FirstpassError, match=r"cannot write .*\.staging: File exists") as caught:
        workshop(".staging")
    assert "writable" in caught.value.fix
    (store_folder / ".locks" / "x").mkdir(parents=True)
    with pytest.raises(FirstpassError, match=r"cannot write .*\.locks: Is a directory"), lock("x"):
        raise AssertionError


def test_a_store_whose_disk_is_full_is_waited_for(tmp_path):
    with pytest.raises(Unavailable, match=r"cannot write .*: the disk is full"), writing(tmp_path / "x"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_only_trouble_with_files_is_explained(tmp_path):
    with pytest.raises(KeyError), writing(tmp_path):
        raise KeyError
