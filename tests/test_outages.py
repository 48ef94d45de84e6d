"""What is away or full for now, told from what is wrong for good and from what may go differently at the next try."""

from __future__ import annotations

import errno
import os
import socket

import psycopg2
import pytest
import sqlalchemy.exc as sqlalchemy
from botocore import exceptions as botocore

from firstpass.errors import FirstpassError, Unavailable, WaitedInVain
from firstpass.outages import outage


def file_error(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/storage/run.json")


def answer(code: str, status: int = 400) -> botocore.ClientError:
    return botocore.ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


FOR_NOW = [
    file_error(errno.ENOSPC),
    file_error(errno.EDQUOT),
    file_error(errno.EIO),
    file_error(errno.ESTALE),
    file_error(errno.ETIMEDOUT),
    file_error(errno.ENOTCONN),
    ConnectionResetError(errno.ECONNRESET, "reset"),
    TimeoutError("timed out"),
    socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    answer("SlowDown", 503),
    answer("InternalError", 500),
    answer("QuotaExceeded", 403),
    answer("Whatever", 502),
    answer("503", 0),
    botocore.EndpointConnectionError(endpoint_url="http://store"),
    botocore.ReadTimeoutError(endpoint_url="http://store"),
    botocore.ConnectTimeoutError(endpoint_url="http://store"),
    botocore.ConnectionClosedError(endpoint_url="http://store"),
    botocore.SSLError(endpoint_url="https://store", error="EOF occurred in violation of protocol"),
    botocore.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    psycopg2.OperationalError("server closed the connection unexpectedly"),
    psycopg2.InterfaceError("connection already closed"),
    sqlalchemy.OperationalError("SELECT 1", {}, psycopg2.OperationalError("connection refused")),
]
OTHERWISE = [
    file_error(errno.EROFS),
    file_error(errno.EACCES),
    file_error(errno.ENOENT),
    file_error(errno.EFBIG),
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    answer("AccessDenied", 403),
    answer("NoSuchBucket", 404),
    answer("NotImplemented", 501),
    botocore.NoCredentialsError(),
    botocore.SSLError(endpoint_url="https://store", error="CERTIFICATE_VERIFY_FAILED: self-signed"),
    psycopg2.InterfaceError("cannot adapt"),
    sqlalchemy.ProgrammingError("SELECT", {}, psycopg2.ProgrammingError("no such table")),
    sqlalchemy.ArgumentError("no URL"),
    psycopg2.ProgrammingError("no such table"),
    FirstpassError("no such model", "name another"),
    RuntimeError("exit code 137"),
    KeyboardInterrupt(),
    MemoryError(),
]


@pytest.mark.parametrize("error", FOR_NOW, ids=repr)
def test_what_may_come_back_is_an_outage(error):
    found = outage(error)
    assert isinstance(found, Unavailable)
    assert found.problem
    assert found.fix


@pytest.mark.parametrize("error", OTHERWISE, ids=repr)
def test_what_does_not_come_back_by_itself_is_none(error):
    assert outage(error) is None


def postgresql_error(conn, code: str) -> psycopg2.Error:
    """What psycopg2 makes of this answer of a real server."""
    with pytest.raises(psycopg2.Error) as caught, conn.cursor() as cur:
        cur.execute(f"DO $$ BEGIN RAISE EXCEPTION 'by the test' USING ERRCODE = '{code}'; END $$")
    conn.rollback()
    return caught.value


@pytest.mark.parametrize("code", ["53100", "53200", "53300", "57P01", "57P03", "58030", "08006", "25006"])
def test_answers_of_postgresql_that_pass(warehouse, code):
    found = outage(postgresql_error(warehouse, code))
    assert found
    assert "by the test" in found.problem
    assert found.problem.startswith("the warehouse: ")
    assert ("disk is full" in found.problem) == (code == "53100")


@pytest.mark.parametrize("code", ["40001", "40P01", "57014", "23505", "42P01", "28P01", "55P03"])
def test_answers_of_postgresql_that_mean_something_else(warehouse, code):
    assert outage(postgresql_error(warehouse, code)) is None


def test_a_connection_that_is_lost_in_the_midst_is_an_outage(warehouse, warehouse_dsn):
    conn = psycopg2.connect(warehouse_dsn)
    with warehouse, warehouse.cursor() as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
    for kind in (psycopg2.OperationalError, psycopg2.InterfaceError):  # at its loss, and when it is used again
        with pytest.raises(kind) as caught, conn.cursor() as cur:
            cur.execute("SELECT 1")
        assert outage(caught.value)


def test_the_sentence_names_the_file_and_what_is_wrong_with_it():
    found = outage(file_error(errno.ENOSPC))
    assert found
    assert found.problem == "/storage/run.json: the disk is full (No space left on device)"
    told = outage(file_error(errno.ENOSPC), "cannot write /elsewhere")
    assert told
    assert told.problem == "cannot write /elsewhere: the disk is full (No space left on device)"


def test_one_that_was_told_already_stays_what_it_is():
    for error in (Unavailable("away", "wait"), WaitedInVain("away", "wait")):
        assert outage(error) is error
