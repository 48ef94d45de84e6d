"""Which errors mean that something is away or full for now: storage, a disk, a mount, PostgreSQL.

What a person must put right (wrong credentials, a missing bucket, a read-only disk) and what may go differently at the
next try (a deadlock, a killed process) is none of them.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any

from firstpass.errors import FirstpassError, Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_AWAY = frozenset(
    {
        errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EREMOTEIO,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH,
        errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED,
    }
)  # fmt: skip

_S3_CODES = frozenset(
    {
        "InternalError", "QuotaExceeded", "RequestThrottled", "RequestTimeout", "ServiceUnavailable", "SlowDown",
        "Throttling", "ThrottlingException", "TooManyRequests", "XMinioStorageFull",
    }
)  # fmt: skip
_S3_STATUS = frozenset({408, 429, 500, 502, 503, 504, 507})

# SQLSTATE classes: connection lost, not enough resources (a full disk, too many connections), shut down, system error.
_POSTGRES_CLASSES = ("08", "53", "57P", "58")
_POSTGRES_READ_ONLY = "25006"  # a standby that is about to take over


class Away(Exception):
    """A server that stays away, told by code that must not take that for a refusal: no FirstpassError, an outage still.

    `problem` and `fix` are for people.
    """

    problem: str
    fix: str


def outage(error: BaseException, doing: str = "") -> Unavailable | None:
    """The error as something to wait for, or None for one of another kind. Raises nothing.

    doing: what was tried, as the sentence's beginning: `cannot write /storage/run.json`.
    """
    if isinstance(error, FirstpassError):
        return error if isinstance(error, Unavailable) else None
    if isinstance(error, Away):
        return Unavailable(error.problem, error.fix)
    error = _beneath_sqlalchemy(error)
    for recognise in (_of_a_file, _of_object_storage, _of_postgresql):
        if found := recognise(error):
            reason, fix = found
            return Unavailable(f"{doing or _place(error)}: {reason}", fix)
    return None


def _beneath_sqlalchemy(error: BaseException) -> BaseException:
    """What psycopg2 raised: Great Expectations meets it wrapped."""
    sqlalchemy: Any = sys.modules.get("sqlalchemy.exc")
    if sqlalchemy and isinstance(error, sqlalchemy.DBAPIError) and error.orig is not None:
        return error.orig  # type: ignore[no-any-return]
    return error


def _of_a_file(error: BaseException) -> tuple[str, str] | None:
    if not isinstance(error, OSError):
        return None
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _FULL:
        return f"the disk is full ({reason})", "free space, or raise the quota; nothing else needs to be done"
    unknown_name = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    if unknown_name or error.errno in _AWAY or (isinstance(error, TimeoutError) and error.errno is None):
        return f"it does not answer ({reason})", "bring the disk, the network mount or the server back"
    return None


def _of_object_storage(error: BaseException) -> tuple[str, str] | None:
    if "botocore" not in sys.modules:  # then it raised nothing
        return None
    from botocore import exceptions as botocore

    fix = "bring object storage back, or correct FIRSTPASS_S3_ENDPOINT"
    if isinstance(error, botocore.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _S3_CODES or status in _S3_STATUS or code in {str(known) for known in _S3_STATUS}:
            return f"object storage answers {code or status}", fix
        return None
    if isinstance(error, botocore.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return None
    away = (
        botocore.ConnectionError,
        botocore.HTTPClientError,
        botocore.IncompleteReadError,
        botocore.CredentialRetrievalError,  # the service that gives them; wrong ones are refused by storage
    )
    return (f"object storage does not answer ({error})", fix) if isinstance(error, away) else None


def _of_postgresql(error: BaseException) -> tuple[str, str] | None:
    psycopg2: Any = sys.modules.get("psycopg2")
    if psycopg2 is None or not isinstance(error, psycopg2.Error):
        return None
    code: str | None = error.pgcode
    reason = str(error).strip().partition("\n")[0]
    if code == "53100":
        return f"its disk is full ({reason})", "free space on the warehouse's disk; nothing else needs to be done"
    if code:
        lost = code.startswith(_POSTGRES_CLASSES) or code == _POSTGRES_READ_ONLY
    else:  # the connection itself; psycopg2 raises InterfaceError when a lost one is used again
        lost = isinstance(error, psycopg2.OperationalError) or "already closed" in reason
    return (f"it does not answer as it should ({reason})", "bring the warehouse's server back") if lost else None


def _place(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    if name:
        return os.fsdecode(name) if isinstance(name, str | bytes) else str(name)
    return "the warehouse" if type(error).__module__.startswith("psycopg2") else "storage"
