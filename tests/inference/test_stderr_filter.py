"""Native libraries' chatter on descriptor 2 stays out of the log; what else is said there does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHATTER = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1729 12 cpu_feature_guard.cc:210] This is fine",
    "W0000 00:00:1729 12 gpu_device.cc:2344] Skipping",
    "2026-01-01 00:00:00.1: I tensorflow/core: This TensorFlow binary is optimized to use available CPU",
    "To enable the following instructions: AVX2 FMA, rebuild TensorFlow",
    "Corrupt JPEG data: 12 extraneous bytes before marker 0xd9",
    "Premature end of JPEG file",
    "Invalid SOS parameters for sequential JPEG",
    "Unsupported marker type 0x2f",
    "Warning: unknown JFIF revision number",
    "libpng warning: iCCP: known incorrect sRGB profile",
    "libpng error: IDAT: CRC error",
    "TIFFReadDirectory: Warning, Unknown field with tag 292",
]
WORDS = [
    "E0000 00:00:1729 12 allocator.cc:9] out of memory",
    "I0000 the chunk is done",
    "Traceback (most recent call last):",
    "it says Corrupt JPEG data in the middle",
    "",
    "größe",
]


def said(script: str) -> tuple[int, str]:
    """Exit code of a process in which the filter is on while `script` runs, and what came out on descriptor 2."""
    begin = "import os, sys\nfrom firstpass.inference.stderr_filter import filter_stderr\nend = filter_stderr()\n"
    process = subprocess.run([sys.executable, "-c", begin + script], capture_output=True, timeout=60)
    return process.returncode, process.stderr.decode()


def test_lines_of_known_chatter_are_dropped_and_all_others_pass():
    lines = [line for pair in zip(CHATTER, WORDS * 3, strict=False) for line in pair]
    code, found = said(f"os.write(2, {chr(10).join([*lines, '']).encode()!r})")
    assert (code, found.splitlines()) == (0, [line for line in lines if line in WORDS])


@pytest.mark.parametrize("gpu", [True, False])
def test_complaints_about_cuda_are_chatter_where_there_is_no_gpu(gpu):
    pretend = f"""
from firstpass.inference import stderr_filter
class Devices:
    def __init__(self, name): self.name = name
    def exists(self): return self.name == '/dev/nvidiactl' and {gpu}
end()
stderr_filter.Path = Devices
filter_stderr()
"""
    lines = ["E0000 cuda_driver failed call to cuInit", "could not load CUDA", "nothing of the kind"]
    _, found = said(pretend + f"os.write(2, {chr(10).join([*lines, '']).encode()!r})")
    assert found.splitlines() == (lines if gpu else lines[2:])


def test_python_s_own_words_go_past_the_filter():
    code, found = said("print('Corrupt JPEG data, says Python', '\\udcff', file=sys.stderr)\nraise SystemExit(3)")
    assert (code, found) == (3, "Corrupt JPEG data, says Python \\udcff\n")


def test_it_can_be_ended_when_all_lines_are_through():
    code, found = said("os.write(2, b'one\\nCorrupt JPEG data\\ntwo')\nend()\nos.write(2, b'\\nCorrupt JPEG data\\n')")
    assert (code, found) == (0, "one\ntwo\nCorrupt JPEG data\n")


def test_a_crash_of_native_code_leaves_its_traceback():
    code, found = said("import ctypes\nctypes.string_at(0)")
    assert code == -11
    assert "Segmentation fault" in found
    assert 'File "<string>"' in found
