"""The one kind of error that a person is meant to read says what is wrong and what to do."""

from __future__ import annotations

import pickle

import pytest

from firstpass.errors import FirstpassError, Unavailable


@pytest.mark.parametrize("kind", [FirstpassError, Unavailable])
def test_it_says_what_is_wrong_and_then_what_to_do(kind):
    error = kind("row 3 of classes.csv is empty", "write a name there")
    assert str(error) == "row 3 of classes.csv is empty\n  What to do: write a name there"
    assert (error.problem, error.fix) == ("row 3 of classes.csv is empty", "write a name there")
    assert isinstance(error, FirstpassError)


@pytest.mark.parametrize("kind", [FirstpassError, Unavailable])
def test_it_survives_the_way_from_one_process_to_another(kind):
    error = pickle.loads(pickle.dumps(kind("no such bucket", "create it")))
    assert (type(error), error.problem, error.fix) == (kind, "no such bucket", "create it")
