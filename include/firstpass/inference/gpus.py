"""The GPUs that a chunk was promised: whether they are there and work, and what is known when they do not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firstpass.chunks.profiles import machine
from firstpass.errors import FirstpassError
from firstpass.inference.stderr_filter import overheard
from firstpass.settings import settings

DRIVER = Path("/proc/driver/nvidia/version")
DEVICES = Path("/dev")
_WORDS = 600  # characters of what TensorFlow said, at most

_FIX = (
    "give it the GPU (the node's NVIDIA driver and device plugin; an image with TensorFlow's CUDA libraries for this "
    "driver), or ask for none: FIRSTPASS_KUBERNETES_GPUS=0 for pods, FIRSTPASS_GPUS=0 and FIRSTPASS_MACHINE=cpu here"
)


def gpus_asked() -> int:
    """How many GPUs a chunk must find: the setting gpus, or one on a machine that is a GPU's profile.

    With the engine `kubernetes` the profile is that of the pods, which are told by the setting gpus.
    """
    chosen = settings()
    if chosen.gpus or chosen.engine != "local":
        return chosen.gpus
    return 0 if machine(chosen.machine).speed is None else 1


def require_gpus(asked: int) -> None:
    """Raise FirstpassError where fewer GPUs are visible than were asked for: the night would be slow, not wrong.

    Called when the network is loaded. One that does not run on TensorFlow is believed to see what /dev has.
    """
    if not asked:
        return
    tensorflow = sys.modules.get("tensorflow")
    there = len(tensorflow.config.list_physical_devices("GPU") if tensorflow else list(DEVICES.glob("nvidia[0-9]*")))
    if there < asked:
        raise FirstpassError(
            f"{asked} GPU{'s' if asked > 1 else ''} asked for, {there or 'none'} found: {_circumstances(tensorflow)}",
            _FIX,
        )


@contextmanager
def usable(device: str) -> Iterator[None]:
    """Around the first work on the device: where it fails on a GPU, raise FirstpassError with what is known of it.

    What is too large for the GPU's memory keeps its error, and so does everything on a CPU.
    """
    try:
        yield
    except FirstpassError:
        raise
    except Exception as error:
        if device == "cpu" or type(error).__name__ == "ResourceExhaustedError":
            raise
        reason = " ".join(str(error).split())[:_WORDS]
        raise FirstpassError(
            f"the GPU {device} is there, but the network fails on it: {reason}; "
            + _circumstances(sys.modules.get("tensorflow")),
            _FIX,
        ) from error


def _circumstances(tensorflow: Any) -> str:
    """Driver, CUDA and cuDNN versions, and what TensorFlow wrote about them."""
    facts = [driver()]
    if tensorflow:
        facts.append(_build(tensorflow))
        if said := "; ".join(overheard()):
            facts.append(f"it said: {said[-_WORDS:]}")
    return "; ".join(facts)


def driver() -> str:
    """The NVIDIA driver's version as the kernel module tells it, in words."""
    try:
        text = DRIVER.read_text(errors="replace")
    except OSError:
        return f"no NVIDIA driver here ({DRIVER} is missing)"
    version = re.search(r"\s(\d+\.\d+(\.\d+)?)\s", text)
    return f"NVIDIA driver {version[1] if version else text.splitlines()[0]}"


def _build(tensorflow: Any) -> str:
    build = tensorflow.sysconfig.get_build_info()
    if not build.get("is_cuda_build"):
        return f"TensorFlow {tensorflow.__version__} was built without CUDA"
    versions = f"CUDA {build.get('cuda_version', '?')} and cuDNN {build.get('cudnn_version', '?')}"
    return f"TensorFlow {tensorflow.__version__} was built for {versions}"
