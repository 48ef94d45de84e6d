from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from firstpass.stack import leftovers

FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={})
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def start():
    started = []

    def start(code: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | environment, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_stack_is_found_by_its_mark_with_children_that_dropped_theirs(start):
    process = start(FAMILY, FIRSTPASS_INSTANCE="0000aaaa")
    other = start(FAMILY, FIRSTPASS_INSTANCE="0000bbbb")
    found = {each.pid for each in leftovers.find("0000aaaa")}
    assert process.pid in found
    assert len(found) == 2, "the process and its child"
    assert other.pid not in found
    assert leftovers.end(leftovers.find("0000aaaa")) == 2
    assert not leftovers.find("0000aaaa")
    assert other.poll() is None
    assert leftovers.end(leftovers.find("0000bbbb")) == 2


def test_one_program_of_a_stack_can_be_meant(start):
    scheduler = start(STUBBORN, FIRSTPASS_INSTANCE="0000cccc", SUPERVISOR_PROCESS_NAME="scheduler")
    start(STUBBORN, FIRSTPASS_INSTANCE="0000cccc", SUPERVISOR_PROCESS_NAME="triggerer")
    assert [each.pid for each in leftovers.find("0000cccc", "scheduler")] == [scheduler.pid]


def test_what_does_not_end_when_asked_is_killed(start):
    start(STUBBORN, FIRSTPASS_INSTANCE="0000dddd")
    began = time.monotonic()
    assert leftovers.end(leftovers.find("0000dddd"), patience=0.3) == 1
    assert time.monotonic() - began >= 0.3, "it was given its time"
    assert not leftovers.find("0000dddd")


def test_the_caller_is_never_among_them(monkeypatch):
    """`firstpass down` may be called from a process of the stack, a task say."""
    code = (
        "import os; from firstpass.stack import leftovers; "
        "print(os.getpid() in [p.pid for p in leftovers.find('0000eeee')], len(leftovers.find('0000eeee')))"
    )
    environment = os.environ | {"FIRSTPASS_INSTANCE": "0000eeee"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0"]


def test_processes_that_end_meanwhile_are_no_error(start):
    process = start(FAMILY, FIRSTPASS_INSTANCE="0000ffff")
    found = leftovers.find("0000ffff")
    for each in psutil.Process(process.pid).children():
        each.kill()
    process.kill()
    process.wait()
    leftovers.end(found)
