"""A GPU that was asked for is there and works, or the error says what is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from firstpass.errors import FirstpassError
from firstpass.inference import gpus
from firstpass.inference.gpus import gpus_asked, require_gpus, usable
from firstpass.settings import settings


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`asked(gpus=…, machine=…)`: what these settings ask for."""

    def ask(**values: object) -> int:
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_{name.upper()}", str(value))
        settings.cache_clear()
        return gpus_asked()

    yield ask
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`library(visible=1, **build)`: a TensorFlow that sees so many GPUs, as it was built."""

    def pretend(visible: int, **build: object) -> None:
        devices = SimpleNamespace(list_physical_devices=lambda kind: ["GPU"] * visible)
        found = SimpleNamespace(
            config=devices, __version__="2.21.0", sysconfig=SimpleNamespace(get_build_info=lambda: build)
        )
        monkeypatch.setitem(sys.modules, "tensorflow", found)

    return pretend


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ({}, 0),
        ({"gpus": 2}, 2),
        ({"machine": "cpu"}, 0),
        ({"machine": "t4"}, 1),
        ({"machine": "v100", "gpus": 4}, 4),
        ({"machine": "t4", "engine": "kubernetes"}, 0),  # the pods' profile: what runs here is beside them
        ({"machine": "t4", "engine": "kubernetes", "gpus": 1}, 1),
    ],
)
def test_what_is_asked_for(asked, values, count):
    assert asked(**values) == count


def test_where_none_is_asked_for_none_is_looked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    require_gpus(0)


def test_as_many_as_asked_for_are_enough(library):
    library(2, is_cuda_build=True)
    require_gpus(1)
    require_gpus(2)


def test_fewer_are_an_error_with_the_driver_and_what_the_library_was_built_for(library, tmp_path, monkeypatch):
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n")
    monkeypatch.setattr(gpus, "DRIVER", version)
    monkeypatch.setattr(gpus, "overheard", lambda: ["Cannot dlopen some GPU libraries."])
    library(1, is_cuda_build=True, cuda_version="12.5.1", cudnn_version="9")
    with pytest.raises(FirstpassError) as caught:
        require_gpus(2)
    assert caught.value.problem == (
        "2 GPUs asked for, 1 found: NVIDIA driver 535.104.05; TensorFlow 2.21.0 was built for CUDA 12.5.1 and cuDNN 9; "
        "it said: Cannot dlopen some GPU libraries."
    )
    assert "FIRSTPASS_KUBERNETES_GPUS=0" in caught.value.fix


def test_a_library_without_cuda_says_so(library):
    library(0, is_cuda_build=False)
    with pytest.raises(
        FirstpassError, match=r"1 GPU asked for, none found: .*TensorFlow 2\.21\.0 was built without CUDA"
    ):
        require_gpus(1)


def test_a_gpu_that_fails_at_the_first_image_is_named(library):
    library(1, is_cuda_build=True, cuda_version="12.5.1", cudnn_version="9")
    with (
        pytest.raises(FirstpassError, match="the GPU Tesla K80 is there, but the network fails on it: no kernel image"),
        usable("Tesla K80"),
    ):
        raise RuntimeError("no kernel image is available\nfor execution on the device")


class ResourceExhaustedError(Exception):
    """TensorFlow's, by its name."""


@pytest.mark.parametrize(
    ("device", "error"),
    [
        ("cpu", RuntimeError("a defect")),
        ("Tesla T4", ResourceExhaustedError("OOM")),
        ("Tesla T4", FirstpassError("a", "b")),
    ],
    ids=str,
)
def test_what_is_no_fault_of_the_gpu_stays_what_it_is(device, error):
    with pytest.raises(type(error)) as caught, usable(device):
        raise error
    assert caught.value is error
