"""Getting to the warehouse, and being told why not."""

from __future__ import annotations

import logging
import socket
import threading
import time

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import settings
from firstpass.warehouse.connection import address, connect, transaction


@pytest.fixture
def dsn(monkeypatch):
    def use(value: str) -> None:
        monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", value)
        settings.cache_clear()

    yield use
    settings.cache_clear()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_configured_server_is_used_and_sees_who_we_are(warehouse):
    conn = connect()
    with transaction(conn) as cur:
        cur.execute("SELECT current_database(), current_setting('application_name')")
        assert cur.fetchall() == [(warehouse.info.dbname, "firstpass")]
    conn.close()


def test_without_a_configured_server_the_embedded_one_is_used(postgres_dsn, dsn, monkeypatch):
    import firstpass.stack.postgres
    from firstpass.stack import embedded_warehouse

    dsn("")
    embedded_warehouse.register()
    monkeypatch.setattr(firstpass.stack.postgres, "dsn", {"firstpass": postgres_dsn}.__getitem__)
    connect().close()


def test_a_server_that_does_not_answer_is_named_without_its_password(dsn, free_port):
    dsn(f"postgresql://me:hunter2@127.0.0.1:{free_port}/drafts")
    with pytest.raises(Unavailable) as caught:
        connect(patience=0)
    assert f"127.0.0.1:{free_port}/drafts" in str(caught.value)
    assert "FIRSTPASS_WAREHOUSE_DSN" in caught.value.fix
    assert "hunter2" not in str(caught.value)


def test_a_database_that_is_not_there_is_not_waited_for(postgres_dsn, dsn):
    from psycopg2.extensions import make_dsn

    dsn(make_dsn(postgres_dsn, dbname="nowhere"))
    started = time.monotonic()
    with pytest.raises(FirstpassError, match='database "nowhere" does not exist'):
        connect(patience=20)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("text", ["hunter2@host", "postgresql://me:hunter2@[host", "password=hunter2 nonsense=1"])
def test_what_is_no_connection_string_is_not_repeated(dsn, text):
    dsn(text)
    with pytest.raises(FirstpassError, match="FIRSTPASS_WAREHOUSE_DSN is not") as caught:
        connect(patience=0)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_server_that_is_coming_up_is_waited_for(postgres_dsn, dsn, free_port, caplog):
    """A door on a port of its own that leads to the server, opened a little later."""
    from psycopg2.extensions import parse_dsn

    parts = parse_dsn(postgres_dsn)
    dsn(f"postgresql://{parts['user']}@127.0.0.1:{free_port}/{parts['dbname']}?gssencmode=disable")
    door = threading.Thread(target=_open_door, args=(free_port, parts), daemon=True)
    timer = threading.Timer(1.0, door.start)
    timer.start()
    with caplog.at_level(logging.WARNING):
        conn = connect(patience=30)
    with transaction(conn) as cur:
        cur.execute("SELECT 1")
    conn.close()
    assert "waiting for it" in caplog.text


def _open_door(port: int, parts: dict[str, str]) -> None:
    """Pass one connection on to the server."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        client, _ = listener.accept()
    if parts["host"].startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}")
    else:
        server = socket.create_connection((parts["host"], int(parts.get("port", 5432))))
    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
    back.start()
    _pump(client, server)
    back.join(10)
    client.close()
    server.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


PASSING = [
    "connection to server failed: Connection refused",
    "FATAL:  the database system is starting up",
    "FATAL:  the database system is shutting down",
    "timeout expired",
    "No such file or directory",
    "server closed the connection unexpectedly",
    "FATAL:  the database system is in recovery mode",
    "FATAL:  sorry, too many clients already",
    "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
]
LATER = [
    'could not translate host name "db.example" to address: Temporary failure in name resolution',
    "FATAL:  something in another language",
]
LASTING = [
    'FATAL:  role "me" does not exist',
    "password authentication failed",
    'could not translate host name "db.example" to address: Name or service not known',
    'no pg_hba.conf entry for host "10.0.0.1"',
    "SSL error: certificate verify failed",
]


@pytest.mark.parametrize("reason", PASSING + LATER + LASTING)
def test_only_what_may_pass_is_waited_for(dsn, monkeypatch, reason):
    dsn("postgresql://me:hunter2@db.example:5433/drafts")
    asked = []

    def refuse(dsn, **options):
        asked.append(options)
        raise psycopg2.OperationalError(f"{reason} (as hunter2)\n")

    monkeypatch.setattr(psycopg2, "connect", refuse)
    with pytest.raises(FirstpassError) as caught:
        connect(patience=0.02)
    assert isinstance(caught.value, Unavailable) == (reason not in LASTING)
    assert caught.value.problem == f"the warehouse at db.example:5433/drafts cannot be used: {reason} (as …)"
    assert "firstpass up" in caught.value.fix
    assert (len(asked) > 1) == (reason in PASSING)
    assert asked[0] == {"application_name": "firstpass", "connect_timeout": 10}


def test_a_server_that_is_waited_for_is_asked_again_soon_and_until_patience_ends(dsn, monkeypatch):
    dsn("postgresql://db.example/drafts")
    clock = [100.0]
    waits = []

    def refuse(dsn, **options):
        raise psycopg2.OperationalError("Connection refused")

    def sleep(seconds):
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(psycopg2, "connect", refuse)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", sleep)
    for patience, expected in ((2.0, [0.5] * 4), (None, [1.0] * 30)):
        waits.clear()
        with pytest.raises(Unavailable):
            connect() if patience is None else connect(patience)
        assert waits == expected


def test_an_address_has_no_secrets():
    assert address("postgresql://me:hunter2@db.example:5433/drafts") == "db.example:5433/drafts"
    assert address("postgresql://me:hunter2@db.example/drafts") == "db.example:5432/drafts"
    assert address("password=hunter2") == "localhost:5432/"


def test_what_a_transaction_did_is_there_for_others_when_it_ends(warehouse, warehouse_dsn):
    with transaction(warehouse, RealDictCursor) as cur:
        cur.execute("SELECT 7 AS seven")
        assert cur.fetchone() == {"seven": 7}
        cur.execute("CREATE TABLE half (x int)")
    other = psycopg2.connect(warehouse_dsn)
    with transaction(other) as cur:
        cur.execute("DROP TABLE half")
    other.close()


def test_a_transaction_that_raises_leaves_nothing(warehouse):
    def work():
        with transaction(warehouse) as cur:
            cur.execute("CREATE TABLE half (x int)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    with transaction(warehouse) as cur:
        cur.execute("SELECT to_regclass('half')")
        assert cur.fetchall() == [(None,)]


def test_a_lost_connection_keeps_its_error(warehouse, warehouse_dsn):
    other = psycopg2.connect(warehouse_dsn)

    def work():
        with transaction(other) as cur, transaction(warehouse) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [other.info.backend_pid])
            cur.execute("SELECT 1")

    with pytest.raises(psycopg2.OperationalError):
        work()
