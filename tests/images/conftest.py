from __future__ import annotations

import pytest

from doubles.s3 import s3_bucket, s3_server


@pytest.fixture(scope="session")
def s3_endpoint():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint):
    """The URI of an empty bucket that storage finds."""
    with s3_bucket(s3_endpoint) as uri:
        yield uri
