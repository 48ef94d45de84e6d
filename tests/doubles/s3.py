"""An S3 server on a real socket, in this process: moto's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from firstpass import storage


@contextmanager
def s3_server() -> Iterator[str]:
    """The endpoint of a fresh server."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line per request helps nobody
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_client(endpoint: str) -> Any:
    """A client of it, with a pool as large as the project's own."""
    config = Config(max_pool_connections=64, s3={"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=config,
    )


@contextmanager
def s3_bucket(endpoint: str) -> Iterator[str]:
    """The URI of a new bucket; `firstpass.storage` uses this server meanwhile."""
    client = s3_client(endpoint)
    name = f"bucket-{uuid4().hex[:8]}"
    client.create_bucket(Bucket=name)
    storage.use_s3(lambda: client)
    try:
        yield f"s3://{name}"
    finally:
        storage.use_s3(None)
