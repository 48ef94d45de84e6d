"""Where models are worked on: locks, folders that a rename can bring in, and what killed processes leave."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firstpass.errors import FirstpassError, Unavailable
from firstpass.models import workspace
from firstpass.models.workspace import lock, scratch, staging, workshop, writing
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


def test_what_may_be_continued_is_swept_out_after_a_day_and_younger_things_stay(leave):
    old, older = leave("old", DAY + 10, ".incoming"), leave("older", 30 * DAY, ".incoming")
    young, younger = leave("young", DAY - 10, ".incoming"), leave("younger", 0, ".incoming")
    elsewhere = leave("elsewhere", 30 * DAY)
    workshop(".incoming")
    assert [folder.exists() for folder in (old, older, young, younger, elsewhere)] == [False, False, True, True, True]
    assert (young / "weights.h5").exists()


def test_what_nobody_can_continue_is_swept_out_at_once_but_never_what_is_in_use(leave):
    left = leave("left", 0)
    with staging() as used:
        os.utime(used, (0, 0))
        assert not left.exists()
        again = leave("again", 0)
        with staging():
            assert used.exists()
            assert not again.exists()


@pytest.mark.parametrize("age", [0, 2 * DAY])
def test_where_there_are_no_locks_a_day_decides(leave, monkeypatch, age):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(workspace.fcntl, "flock", refuse)
    left = leave("left", age)
    workshop(".staging")
    assert left.exists() == (age == 0)


IN_USE = """
import sys
from firstpass.models.workspace import scratch
with scratch() as folder:
    (folder / "half").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_temporary_folders_of_checks_go_when_their_process_is_gone_and_not_before(tmp_path, monkeypatch):
    """A process that was killed, one that goes on, and a folder of that name that is somebody else's link."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "precious").mkdir()
    (tmp_path / "firstpass-check-link").symlink_to(tmp_path / "precious")
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", IN_USE]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    killed, alive = (Path(process.stdout.readline().strip()) for process in processes)
    processes[0].kill()
    processes[0].communicate()
    with scratch() as mine:
        assert [folder.exists() for folder in (killed, alive, mine)] == [False, True, True]
        assert mine.name.startswith("firstpass-check-")
    processes[1].communicate()
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "firstpass-check-link"}


def test_files_are_never_swept_out(store_folder):
    """Locks are files: who waits for one has it open."""
    folder = store_folder / ".locks"
    folder.mkdir()
    (folder / "sync-cats").touch()
    os.utime(folder / "sync-cats", (0, 0))
    workshop(".locks")
    assert (folder / "sync-cats").exists()


def test_what_another_process_sweeps_out_meanwhile_is_no_error(leave, monkeypatch):
    gone, old = leave("gone", 2 * DAY), leave("old", 0)
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
