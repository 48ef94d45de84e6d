"""How a process died, in words."""

from __future__ import annotations

import os

import pytest

from firstpass.errors import FirstpassError
from firstpass.inference.death import Death, Supervision, died_idle, in_words


@pytest.mark.parametrize(
    ("death", "said"),
    [
        (Death(9, 3 * 2**30 + 2**27, 2**32, 2**32), "SIGKILL at 3.1 GiB of resident memory, limit 4.0 GiB"),
        (Death(9, 2**30, 2**30, 2**29, True), "SIGKILL by Firstpass at 1.0 GiB of resident memory, limit 512 MiB"),
        (Death(11), "SIGSEGV"),
        (Death(63), "signal 63"),
        (Death(), "everything around it was killed as well: the container was out of memory, or its node was lost"),
    ],
)
def test_signal_and_memory(death, said):
    assert str(death) == said


def test_bytes_for_people():
    assert [in_words(size) for size in (0, 2**20, 2**30 - 2**20, 2**30)] == ["0 MiB", "1 MiB", "1023 MiB", "1.0 GiB"]


def test_what_to_do_depends_on_who_ended_it():
    assert isinstance(died_idle(1, Death(9, 1, 1, 1, True)), FirstpassError)
    assert isinstance(died_idle(3, Death(9, 1, 1, 1)), RuntimeError)


def test_processes_share_whether_the_last_death_was_judged():
    shared = Supervision()
    assert not shared.judged
    child = os.fork()
    if not child:
        shared.judged = True
        os._exit(0)
    os.waitpid(child, 0)
    assert shared.judged
    shared.judged = False
    assert not shared.judged
