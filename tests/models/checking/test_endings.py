"""Every way in which a check ends without an answer, in a sentence: the model's fault or the machine's."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from firstpass.errors import FirstpassError, Unavailable
from firstpass.models.checking.endings import Ending, Limits, explained

GIB = 2**30
LIMITS = Limits(600, 4 * GIB)
SPUN = Ending("probe", "time", -signal.SIGKILL, 590.0, GIB, 20 * GIB, "", LIMITS)
ATE = replace(SPUN, cause="memory", memory=5 * GIB)
DIED = replace(SPUN, cause="end")


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (SPUN, "the network did not finish one photo within 10 minutes"),
        (replace(SPUN, work="inspect"), "its weights were not read within 10 minutes"),
        (replace(SPUN, limits=Limits(60, GIB)), "the network did not finish one photo within 1 minute"),
        (replace(DIED, status=-signal.SIGXCPU, cpu=1), "the network did not finish one photo within 10 minutes"),
        (ATE, "the network needed more than 4 GiB of memory for one photo"),
        (replace(ATE, work="inspect"), "reading its weights needed more than 4 GiB of memory"),
        (replace(ATE, room=GIB), "the network needed more than 4 GiB of memory for one photo"),
        (replace(ATE, memory=GIB), "the network needed more than 4 GiB of memory for one photo"),
        (
            replace(DIED, status=-signal.SIGABRT, said="what(): std::bad_alloc"),
            "the network needed more than 4 GiB of memory for one photo",
        ),
        (replace(DIED, status=-signal.SIGSEGV), "the process that ran the network on one photo ended with SIGSEGV"),
        (replace(DIED, status=-63), "the process that ran the network on one photo ended with signal 63"),
    ],
)
def test_the_models_fault_refuses_it(ending, said):
    error = explained(ending)
    assert type(error) is FirstpassError
    assert error.problem == said
    assert error.fix


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (replace(SPUN, cpu=59.9), "but the machine gave it only 59.9 s of processor time"),
        (replace(ATE, memory=GIB, room=3 * GIB), "it could have had 3 GiB, it may take 4 GiB"),
        (replace(DIED, status=-signal.SIGABRT, said="std::bad_alloc", room=GIB), "it could have had 1 GiB"),
        (replace(DIED, status=-signal.SIGKILL), "ended from outside, by SIGKILL, when it used 1 GiB of 4 GiB"),
        (replace(DIED, status=-signal.SIGHUP), "ended from outside, by SIGHUP"),
        (replace(DIED, status=1, said="Traceback\nImportError: x\n\n"), "exit code 1 and no answer: ImportError: x"),
        (replace(DIED, status=0), "exit code 0 and no answer: it said nothing"),
    ],
)
def test_the_machines_fault_is_worth_another_try(ending, said):
    error = explained(ending)
    assert isinstance(error, Unavailable)
    assert said in error.problem
    assert error.fix
