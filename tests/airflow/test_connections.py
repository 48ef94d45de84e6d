"""Credentials from Airflow's connections: the way of the DAGs and of the command line."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException

from firstpass import resolvers, storage
from firstpass.airflow.connections import cvat_fields, register
from firstpass.errors import FirstpassError
from firstpass.settings import settings


@pytest.fixture(autouse=True)
def airflow_answers():
    register()


@pytest.fixture
def connection(monkeypatch):
    """An Airflow connection by environment, with its own endpoint and addressing."""

    def define(name: str, endpoint: str) -> None:
        extra = {
            "endpoint_url": endpoint,
            "region_name": "eu-central-1",
            "config_kwargs": {"s3": {"addressing_style": "path"}},
        }
        described = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(described))

    return define


def test_a_connection_with_its_own_endpoint(connection):
    from doubles.s3 import s3_client as direct
    from doubles.s3 import s3_server

    with s3_server() as endpoint:
        direct(endpoint).create_bucket(Bucket="training")
        connection("aws_training", endpoint)
        client = storage.s3_of("aws_training")
        assert "training" in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        assert client.meta.config.s3 == {"addressing_style": "path"}
        assert client.meta.config.retries["mode"] == "standard"
        assert client.meta.config.retries["total_max_attempts"] == 9, "the first, and eight more"
        assert client.meta.config.max_pool_connections == 64
        assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (10, 60)


def test_the_default_connection_is_a_setting(connection, monkeypatch):
    connection("aws_default_here", "http://127.0.0.1:9")
    monkeypatch.setenv("FIRSTPASS_S3_CONN_ID", "aws_default_here")
    settings.cache_clear()
    storage.use_s3(None)
    assert storage.s3_of("").meta.endpoint_url == "http://127.0.0.1:9"
    storage.use_s3(None)
    settings.cache_clear()


def test_a_connection_that_there_is_not():
    with pytest.raises(FirstpassError, match="there is no Airflow connection 'nowhere'") as caught:
        storage.s3_of("nowhere")
    assert "AIRFLOW_CONN_NOWHERE" in caught.value.fix


def test_a_connection_without_settings_of_its_own(connection, monkeypatch):
    described = {"conn_type": "aws", "login": "key", "password": "secret", "extra": {"region_name": "eu-central-1"}}
    monkeypatch.setenv("AIRFLOW_CONN_PLAIN", json.dumps(described))
    client = storage.s3_of("plain")
    assert client.meta.region_name == "eu-central-1"
    assert client.meta.config.max_pool_connections == 64
    assert client.meta.config.s3 is None


def test_the_connection_to_cvat_is_asked_for_by_its_name(monkeypatch):
    asked = []

    def get(name):
        asked.append(name)
        return SimpleNamespace(
            host="cvat", port=8080, schema="http", password="token", login="x", extra_dejson={"ca_bundle": "/ca.pem"}
        )

    monkeypatch.setattr("airflow.sdk.Connection.get", get)
    assert resolvers.cvat_connection() == {
        "host": "cvat",
        "port": 8080,
        "schema": "http",
        "password": "token",
        "extra": {"ca_bundle": "/ca.pem"},
    }
    assert asked == ["cvat_default"]


@pytest.mark.parametrize("error", [AirflowException("not found"), AttributeError("no supervisor"), ImportError("x")])
def test_outside_of_a_task_airflow_may_know_no_connection_to_cvat(monkeypatch, error):
    def get(_):
        raise error

    monkeypatch.setattr("airflow.sdk.Connection.get", get)
    assert cvat_fields() is None


def test_without_airflow_there_is_none_either(monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow.sdk", None)
    assert cvat_fields() is None
