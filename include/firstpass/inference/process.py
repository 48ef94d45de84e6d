"""The process that runs a chunk: what it runs on, and how it is set up for pictures."""

from __future__ import annotations

import ctypes
import sys

import cv2

from firstpass.cores import usable_cores
from firstpass.settings import settings

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def settle() -> None:
    """One picture a thread, and memory for pictures that is kept: without that a quarter of decoding is page faults."""
    cv2.setNumThreads(1)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc's alone
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)  # its upper bound: larger pictures still go back at once
        libc.mallopt(_M_TRIM_THRESHOLD, 2**30)


def trim() -> None:
    """Give back what `settle` lets the process keep. Takes up to a tenth of a second: after large pictures alone."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc's alone
        libc.malloc_trim(0)


def decoding_threads() -> int:
    """The setting threads, else one for each core that this process may use. A pod's are set from its CPU limit."""
    return settings().threads or usable_cores()


def device() -> str:
    """The GPU's name as its driver tells it, else `cpu`. Does not import TensorFlow: asks it if it is there."""
    tensorflow = sys.modules.get("tensorflow")
    gpus = tensorflow.config.list_physical_devices("GPU") if tensorflow else []
    if not tensorflow or not gpus:
        return "cpu"
    return str(tensorflow.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu"))
