"""What psql and pg_dump print becomes an error that says who must act."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError, Unavailable
from firstpass.warehouse.program_errors import explained


@pytest.mark.parametrize(
    ("said", "away", "in_it"),
    [
        ('psql:<stdin>:9: ERROR:  permission denied for schema public', False, "lacks a right"),
        ("pg_dump: error: connection to server at \"db\" failed: Connection refused", True, "Connection refused"),
        ('pg_dump: error: connection to server failed: FATAL:  password authentication failed for user "me"', False,
         "authentication failed"),
        ("server closed the connection unexpectedly", True, "closed the connection"),
        ("psql:<stdin>:9: ERROR:  could not extend file: No space left on device", True, "No space left"),
        ("", False, "it says nothing"),
    ],
)  # fmt: skip
def test_who_must_act(said, away, in_it):
    error = explained("nothing was restored", said)
    assert isinstance(error, Unavailable) is away
    assert error.problem.startswith("nothing was restored: ")
    assert in_it in error.problem
    assert isinstance(error, FirstpassError)
