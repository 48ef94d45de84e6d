"""What a failed stage leaves word of."""

from __future__ import annotations

import pytest

from firstpass import storage
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import run_folder
from firstpass.errors import FirstpassError, Unavailable


@pytest.fixture(autouse=True)
def storage_of_the_tests_own(storage_home):
    """Every test writes below it."""


def test_an_error_for_people_is_kept_as_it_is():
    error = FirstpassError("the disk is full", "free space")
    assert RunError.of("infer", error) == RunError("infer", "the disk is full", "free space")


def test_any_other_error_is_named_and_leads_to_the_log():
    error = RunError.of("merge", KeyError("uri"))
    assert (error.stage, error.problem) == ("merge", "KeyError: 'uri'")
    assert "log" in error.fix
    assert error.transient


def test_what_is_away_may_come_back():
    assert RunError.of("merge", Unavailable("the warehouse is away", "wait")).transient


def test_the_last_word_is_the_one_that_is_read():
    RunError("infer", "first", "x").save("a run")
    RunError("merge", "größer", "y").save("a run")
    RunError("merge", "elsewhere", "z").save("another run")
    assert RunError.load("a run") == RunError("merge", "größer", "y")
    assert b"merge" in storage.read(f"{run_folder('a run')}/error.json")


def test_another_try_takes_the_word_away():
    RunError.clear("a run")
    RunError("infer", "p", "f").save("a run")
    RunError.clear("a run")
    assert RunError.load("a run") is None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"stage": "infer"}', b"7", b"\xff\xfe", b'"text"'])
def test_what_cannot_be_read_says_nothing(text):
    storage.write(f"{run_folder('a run')}/error.json", text)
    assert RunError.load("a run") is None
