"""Whether CVAT can be used: its version, whose token it is, and whether that may write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from firstpass import findings, resolvers
from firstpass.cvat.server.client import Cvat, CvatDown, Gone
from firstpass.cvat.server.cvat_connection import VARIABLE, CvatConnection, connection
from firstpass.errors import FirstpassError
from firstpass.findings import Finding
from firstpass.settings import all_variables

ITEM = "CVAT"
OLDEST = (2, 54)
"""The oldest version of CVAT that Firstpass was tried with."""
_READ_ONLY = "make a personal access token that may write (CVAT: profile, security), and put it into cvat_default"


def examine_cvat() -> list[Finding]:
    """Asks the server of the connection `cvat_default`; changes nothing."""
    if VARIABLE not in all_variables().values and resolvers.cvat_connection() is None:
        return [findings.unused(ITEM, "there is no connection cvat_default")]
    try:
        to = connection()
        return list(_asked(to))
    except FirstpassError as error:
        return [findings.problem(ITEM, error.problem, error.fix)]
    except CvatDown as error:
        return [findings.problem(ITEM, error.problem, error.fix)]


def _asked(to: CvatConnection) -> Iterator[Finding]:
    server = Cvat(to)
    version = str(server.get("/api/server/about").get("version", "unknown"))
    user = str(server.get("/api/users/self").get("username", "unknown"))
    yield findings.ok(ITEM, f"{to.host}, version {version}, as {user}")
    if _numbers(version) < OLDEST:
        yield findings.warning(
            ITEM,
            f"version {version} is older than {'.'.join(map(str, OLDEST))}, the oldest that was tried",
            "upgrade CVAT",
        )
    token = {}
    with suppress(Gone, CvatDown):  # a server that knows no such tokens
        token = server.get("/api/auth/access_tokens/self")
    if token.get("read_only"):
        yield findings.problem(ITEM, f"the token of {user} may only read: drafts cannot be published", _READ_ONLY)
    elif token.get("expiry_date"):
        yield findings.ok("its token", f"may write, until {str(token['expiry_date'])[:10]}")
    if to.host.startswith("http://") and urlsplit(to.host).hostname not in ("localhost", "127.0.0.1", "::1"):
        yield findings.warning(ITEM, f"{to.host} is not https: the token can be read on its way", "use https")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")[:2])
