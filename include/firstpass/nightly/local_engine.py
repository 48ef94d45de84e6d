"""The local engine: a chunk as a subprocess of this machine, with the same command that a pod runs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from firstpass.contracts.run_spec import RunSpec
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER, FirstpassError, WaitedInVain
from firstpass.images.sources import source_of
from firstpass.waiting import patiently

log = logging.getLogger("firstpass")

_SPOKEN = {NEEDS_A_PERSON: FirstpassError, TRY_LATER: WaitedInVain}  # exit codes that come with a sentence


def infer(chunk_uri: str) -> None:
    """`firstpass infer CHUNK_URI` as a subprocess; its output goes to the log line by line.

    Raises FirstpassError when the command says that a person is needed (exit code 2), WaitedInVain when it has waited
    long enough for what is away (75), and RuntimeError, worth another try, for any other failure. Stopped itself, it
    stops the command, which keeps what it has finished.
    """
    command = [str(Path(sys.executable).with_name("firstpass")), "infer", chunk_uri]
    run_uri = chunk_uri.rsplit("/chunks/", 1)[0]
    env = os.environ | source_of(patiently(RunSpec.load, run_uri).images).environment()
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                log.info("%s", line.rstrip())
                lines = [*lines[-20:], line.rstrip()]
        except BaseException:
            process.terminate()
            raise
    if process.returncode in _SPOKEN:
        problem, _, fix = "\n".join(lines).rpartition("firstpass: ")[2].partition("\n  What to do: ")
        raise _SPOKEN[process.returncode](problem, fix or "see the log of this task")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}")
