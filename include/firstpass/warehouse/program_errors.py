"""What PostgreSQL's programs print when they fail, as errors with advice."""

from __future__ import annotations

from firstpass.errors import FirstpassError, Unavailable
from firstpass.refusals import GRANT

_AWAY = (
    "server closed the connection", "connection to server", "terminating connection", "could not connect",
    "the database system is", "Connection refused", "No space left on device", "could not extend file",
)  # fmt: skip
_REFUSED = ("authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied")
_RIGHTS = ("permission denied", "must be owner", "must be superuser")


def explained(doing: str, said: str) -> FirstpassError:
    """`doing` and the first line of the error, as FirstpassError, or Unavailable for a server that went away."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower() or "fatal:" in line.lower()]
    reason = (errors or lines or ["it says nothing"])[0][:500]
    if any(sign in said for sign in _RIGHTS):
        return FirstpassError(f"{doing}: the warehouse's user lacks a right: {reason}", GRANT)
    if any(sign in said for sign in _AWAY) and not any(sign in said for sign in _REFUSED):
        return Unavailable(f"{doing}: {reason}", "bring the warehouse's server back, then run this again")
    return FirstpassError(f"{doing}: {reason}", "correct what it says, then run this again")
