"""Whether the GPUs that chunks on this machine are promised are there."""

from __future__ import annotations

import subprocess
import sys

from firstpass import findings
from firstpass.findings import Finding
from firstpass.inference.gpus import DRIVER, driver, gpus_asked
from firstpass.settings import settings

ITEM = "GPU"
_SECONDS = 50
# In a process of its own: TensorFlow takes long to import, and a driver that does not fit may end it.
_LOOK = "import tensorflow; print('found', len(tensorflow.config.list_physical_devices('GPU')))"


def examine_gpus() -> Finding:
    """TensorFlow is asked only where a GPU is asked for; pods are not looked into."""
    chosen = settings()
    here = driver() if DRIVER.exists() else "no NVIDIA driver here"
    if chosen.engine == "kubernetes":
        return findings.unused(ITEM, f"each pod must find {chosen.kubernetes_gpus}, and fails if it does not; {here}")
    asked = gpus_asked()
    if not asked:
        return findings.unused(ITEM, f"chunks run on the CPU (FIRSTPASS_MACHINE={chosen.machine}); {here}")
    there = _visible()
    if there is None:
        words, fix = (
            "TensorFlow could not be asked for GPUs",
            "run `firstpass detect` on one image, and see what it says",
        )
    elif there < asked:
        words, fix = (
            f"{asked} asked for, {there or 'none'} found; {here}",
            "give it the GPU (NVIDIA driver; CUDA libraries), or set FIRSTPASS_MACHINE=cpu, FIRSTPASS_GPUS=0",
        )
    else:
        return findings.ok(ITEM, f"{asked} asked for, {there} found; {here}")
    return findings.problem(ITEM, words, fix)


def _visible() -> int | None:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LOOK], capture_output=True, text=True, check=False, timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    words = done.stdout.split()
    return int(words[-1]) if not done.returncode and words[-2:-1] == ["found"] else None
