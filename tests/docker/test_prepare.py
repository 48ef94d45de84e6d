"""What init makes before Airflow starts: once, and nothing when it runs again."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from doubles.s3 import s3_client, s3_server
from firstpass import storage
from firstpass.settings import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docker" / "airflow"))
import prepare


def tables(dsn: str) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        return cursor.fetchone()[0]


def buckets(s3) -> set[str]:
    return {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


@pytest.fixture
def s3():
    with s3_server() as endpoint:
        client = s3_client(endpoint)
        storage.use_s3(lambda: client)
        yield client
        storage.use_s3(None)


@pytest.fixture
def dsn(postgres_dsn, s3, monkeypatch):
    """The warehouse of a server where nothing has been made yet."""
    warehouse = make_dsn(postgres_dsn, dbname="first-pass")  # a name that needs quotes
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", warehouse)
    monkeypatch.setenv("FIRSTPASS_STORAGE", "s3://night/storage")
    monkeypatch.setenv("FIRSTPASS_MODELS", "s3://models")
    settings.cache_clear()
    yield warehouse
    settings.cache_clear()
    with closing(psycopg2.connect(postgres_dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute('DROP DATABASE IF EXISTS "first-pass" WITH (FORCE)')


def test_it_makes_database_tables_and_buckets_once(dsn, s3):
    before = buckets(s3)
    prepare.main()
    made = tables(dsn)
    assert made > 5
    s3.put_object(Bucket="night", Key="kept", Body=b"")
    prepare.main()
    assert tables(dsn) == made
    assert buckets(s3) - before == {"night", "models"}
    assert s3.list_objects_v2(Bucket="night")["KeyCount"] == 1


def test_a_server_that_is_not_there_is_an_error(postgres_dsn):
    with pytest.raises(psycopg2.OperationalError):
        prepare.make_database(make_dsn(postgres_dsn, host="127.0.0.1", port=1))


def test_a_folder_needs_no_bucket(s3, tmp_path):
    before = s3.list_buckets()["Buckets"]
    prepare.make_bucket(str(tmp_path))
    assert s3.list_buckets()["Buckets"] == before
