"""What a chunk runs on, and how its process is set up for pictures."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import cv2
import pytest

from firstpass.inference import process
from firstpass.inference.process import decoding_threads, device, settle
from firstpass.settings import settings


@pytest.fixture(autouse=True)
def fresh_settings():
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def tensorflow(monkeypatch):
    """TensorFlow as it would be here with these GPUs: name, or None for one whose driver does not tell."""

    def there(*gpus: str | None) -> None:
        details = {number: {} if name is None else {"device_name": name} for number, name in enumerate(gpus)}
        config = SimpleNamespace(
            list_physical_devices=lambda kind: list(details) if kind == "GPU" else ["a CPU"],
            experimental=SimpleNamespace(get_device_details=details.__getitem__),
        )
        monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))

    return there


def test_without_tensorflow_the_device_is_the_cpu(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert device() == "cpu"
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize(
    ("gpus", "name"), [([], "cpu"), (["Tesla T4", "Tesla K80"], "Tesla T4"), ([None], "gpu"), (["cpu"], "cpu")]
)
def test_the_first_gpu_is_the_device(tensorflow, gpus, name):
    tensorflow(*gpus)
    assert device() == name


def test_every_core_that_may_be_used_decodes_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(process, "usable_cores", lambda: 3)
    assert decoding_threads() == 3
    monkeypatch.setenv("FIRSTPASS_THREADS", "9")
    settings.cache_clear()
    assert decoding_threads() == 9


class Libc:
    """A C library; `kept` is what it was asked to keep."""

    def __init__(self) -> None:
        self.kept: dict[int, int] = {}

    def mallopt(self, what: int, size: int) -> int:
        self.kept[what] = size
        return 1


def test_pictures_have_a_thread_each_and_their_memory_is_kept(monkeypatch):
    """malloc.h's M_TRIM_THRESHOLD is -1 and its M_MMAP_THRESHOLD -3; 32 MiB is the most that glibc takes for it."""
    libc = Libc()
    monkeypatch.setattr(ctypes, "CDLL", {None: libc}.__getitem__)
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(4)
        settle()
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
    assert libc.kept == {-1: 2**30, -3: 32 * 2**20}


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    before = cv2.getNumThreads()
    settle()
    cv2.setNumThreads(before)
