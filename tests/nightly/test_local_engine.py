"""A chunk as a subprocess of this machine: its words, its exit codes, its environment."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from types import SimpleNamespace

import psutil
import pytest

from firstpass.errors import FirstpassError, WaitedInVain
from firstpass.nightly import local_engine
from firstpass.nightly.local_engine import infer


@pytest.fixture
def chunk(night, tmp_path, monkeypatch) -> str:
    """The URI of a chunk; `firstpass` beside the interpreter is what `command` wrote."""
    return f"{night('a run').spec.save()}/chunks/00000.json"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """`command("…")`: what stands for `firstpass`, a Python script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "firstpass"

    def write(body: str) -> None:
        script.write_text(f"#!{sys.executable}\nimport sys, os, time\n{textwrap.dedent(body)}")
        script.chmod(0o755)

    with monkeypatch.context() as patch:
        write("")
        patch.setattr(local_engine, "sys", SimpleNamespace(executable=str(folder / "python")))
        yield write


def test_it_is_the_command_that_a_pod_runs_and_its_output_is_logged_line_by_line(chunk, command, caplog):
    caplog.set_level("INFO", "firstpass")
    command("print(sys.argv[1:]); print('and more ', file=sys.stderr)")
    infer(chunk)
    assert [record.getMessage() for record in caplog.records] == [str(["infer", chunk]), "and more"]


def test_an_error_for_people_is_passed_on(chunk, command):
    command(r"print('a line\nfirstpass: the disk is full\n  What to do: free space\n  on /'); sys.exit(2)")
    with pytest.raises(FirstpassError) as caught:
        infer(chunk)
    assert (caught.value.problem, caught.value.fix) == ("the disk is full", "free space\n  on /")


def test_an_error_for_people_that_says_no_more_leads_to_the_log(chunk, command):
    command("print('no more than this'); sys.exit(2)")
    with pytest.raises(FirstpassError) as caught:
        infer(chunk)
    assert (caught.value.problem, caught.value.fix) == ("no more than this", "see the log of this task")


def test_of_a_long_output_the_last_words_are_the_error(chunk, command):
    command("[print(n) for n in range(100)]; sys.exit(2)")
    with pytest.raises(FirstpassError) as caught:
        infer(chunk)
    assert caught.value.problem.splitlines() == [str(n) for n in range(79, 100)]


def test_what_was_waited_for_in_vain_is_no_killed_process(chunk, command):
    command(r"print('firstpass: the store is away (waited)\n  What to do: bring it back'); sys.exit(75)")
    with pytest.raises(WaitedInVain) as caught:
        infer(chunk)
    assert (caught.value.problem, caught.value.fix) == ("the store is away (waited)", "bring it back")


@pytest.mark.parametrize("code", [1, 3, 137])
def test_any_other_failure_is_worth_another_try(chunk, command, code):
    command(f"sys.exit({code})")
    with pytest.raises(RuntimeError, match=f"firstpass infer {chunk} ended with exit code {code}"):
        infer(chunk)


def test_a_command_that_was_killed_is_worth_another_try(chunk, command):
    command("os.kill(os.getpid(), 9)")
    with pytest.raises(RuntimeError, match="ended with exit code -9"):
        infer(chunk)


def test_it_inherits_the_environment_and_gets_what_its_images_need(chunk, command, monkeypatch, caplog):
    caplog.set_level("INFO", "firstpass")
    asked = []

    def source_of(images):
        asked.append(images)
        return SimpleNamespace(environment=lambda: {"TOKEN_OF_IMAGES": "secret"})

    monkeypatch.setattr(local_engine, "source_of", source_of)
    monkeypatch.setenv("INHERITED", "yes")
    command("print(os.environ['TOKEN_OF_IMAGES'], os.environ['INHERITED'])")
    infer(chunk)
    assert caplog.messages == ["secret yes"]
    assert asked == ["/photos"]
    assert "TOKEN_OF_IMAGES" not in os.environ


class Stopped(BaseException):
    """Stands for Airflow's timeout."""


def test_stopped_itself_it_stops_the_command(chunk, command, monkeypatch):
    command("print(os.getpid(), flush=True); time.sleep(60)")
    pids: list[int] = []

    def stop(_: str, line: str) -> None:
        pids.append(int(line))
        raise Stopped

    monkeypatch.setattr(local_engine, "log", SimpleNamespace(info=stop))
    began = time.monotonic()
    with pytest.raises(Stopped):
        infer(chunk)
    assert time.monotonic() - began < 30
    assert not psutil.pid_exists(pids[0])
