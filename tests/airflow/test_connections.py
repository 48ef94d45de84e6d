"""S3 through Airflow's connections: the way of the DAGs and of the command line."""

from __future__ import annotations

import json

import pytest

from firstpass import storage
from firstpass.airflow.connections import register
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
        assert client.meta.config.max_pool_connections == 64


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
