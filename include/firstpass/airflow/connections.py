"""Airflow's connections, for what runs where Airflow is installed: DAGs and the command line, never a pod."""

from __future__ import annotations

from typing import Any

from firstpass import resolvers
from firstpass.errors import FirstpassError


def s3_client(name: str) -> Any:
    """boto3's S3 client of an Airflow connection.

    The connection may name its own endpoint (extra endpoint_url) and addressing (extra config_kwargs). Raises
    FirstpassError for a connection that there is not.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException
    from botocore.config import Config

    try:
        BaseHook.get_connection(name)  # S3Hook itself would go on with whatever credentials the machine has
    except AirflowNotFoundException as error:
        raise FirstpassError(
            f"there is no Airflow connection {name!r}", f"set AIRFLOW_CONN_{name.upper()}, or add it in the UI"
        ) from error
    own = S3Hook(aws_conn_id=name).conn_config.botocore_config
    config = Config(
        retries={"mode": "standard", "max_attempts": 8}, max_pool_connections=64, connect_timeout=10, read_timeout=60
    )
    return S3Hook(aws_conn_id=name, config=config.merge(own) if own else config).get_conn()


def cvat_fields() -> dict[str, Any] | None:
    """The fields of the connection `cvat_default`; None where there is none.

    Inside a task Airflow knows connections that the environment does not; elsewhere, and without Airflow, it does not.
    """
    try:
        from airflow.sdk import Connection
        from airflow.sdk.exceptions import AirflowException
    except ImportError:
        return None
    try:
        found = Connection.get("cvat_default")
    except (AirflowException, AttributeError, ImportError):
        return None
    fields = {name: getattr(found, name) for name in ("host", "port", "schema", "password")}
    return fields | {"extra": found.extra_dejson}


def register() -> None:
    """Let Airflow answer for credentials that no setting holds; see `firstpass.resolvers`. Imports no Airflow yet."""
    resolvers.register(s3_client=s3_client, cvat_connection=cvat_fields)
