"""How credentials and addresses are found that no setting holds: rooms ask here, `airflow/` and `stack/` answer.

So storage, CVAT and the warehouse import neither Airflow nor the local stack, and run in a pod that has neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firstpass.errors import FirstpassError

_S3_CLIENT: Callable[[str], Any] | None = None
_CVAT_CONNECTION: Callable[[], dict[str, Any] | None] | None = None
_WAREHOUSE_DSN: Callable[[], str] | None = None


def register(
    *,
    s3_client: Callable[[str], Any] | None = None,
    cvat_connection: Callable[[], dict[str, Any] | None] | None = None,
    warehouse_dsn: Callable[[], str] | None = None,
) -> None:
    """Let these answer from now on, in place of whoever did before; what is not given stays as it is.

    s3_client: name of an Airflow connection → boto3's S3 client. cvat_connection: the fields of the connection
    `cvat_default` (host, port, schema, password, extra), None where there is none. warehouse_dsn: the DSN of the
    embedded server.
    """
    global _S3_CLIENT, _CVAT_CONNECTION, _WAREHOUSE_DSN
    _S3_CLIENT = s3_client or _S3_CLIENT
    _CVAT_CONNECTION = cvat_connection or _CVAT_CONNECTION
    _WAREHOUSE_DSN = warehouse_dsn or _WAREHOUSE_DSN


def s3_client(connection: str) -> Any:
    """boto3's S3 client of an Airflow connection. Raises FirstpassError where Airflow is not there to ask."""
    if _S3_CLIENT is None:
        raise FirstpassError(
            f"the Airflow connection {connection!r} cannot be looked up here: there is no Airflow",
            "give the credentials by environment (AWS_ACCESS_KEY_ID, …), and unset FIRSTPASS_S3_CONN_ID",
        )
    return _S3_CLIENT(connection)


def cvat_connection() -> dict[str, Any] | None:
    """The fields of Airflow's connection `cvat_default`; None where there is none, or no Airflow to ask."""
    return _CVAT_CONNECTION() if _CVAT_CONNECTION else None


def warehouse_dsn() -> str:
    """The DSN of the embedded PostgreSQL. Raises FirstpassError where there is no local stack."""
    if _WAREHOUSE_DSN is None:
        raise FirstpassError(
            "no warehouse is configured", "set FIRSTPASS_WAREHOUSE_DSN to postgresql://user:password@host:5432/database"
        )
    return _WAREHOUSE_DSN()
