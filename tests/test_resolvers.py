"""Whoever registered last is asked for what no setting holds; where nobody did, that is said."""

from __future__ import annotations

from importlib import util

import pytest

from firstpass.errors import FirstpassError


@pytest.fixture
def resolvers():
    """The module as a new process has it: nobody has registered."""
    spec = util.find_spec("firstpass.resolvers")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_where_nobody_answers_it_is_said_what_to_set(resolvers):
    with pytest.raises(FirstpassError, match="the Airflow connection 'aws' cannot be looked up here") as caught:
        resolvers.s3_client("aws")
    assert "FIRSTPASS_S3_CONN_ID" in caught.value.fix
    with pytest.raises(FirstpassError, match="no warehouse is configured") as caught:
        resolvers.warehouse_dsn()
    assert "FIRSTPASS_WAREHOUSE_DSN" in caught.value.fix
    assert resolvers.cvat_connection() is None


def test_who_registered_is_asked_each_time(resolvers):
    answers = iter(["one", "two"])
    resolvers.register(
        s3_client=lambda connection: f"client of {connection}",
        cvat_connection=lambda: {"host": next(answers)},
        warehouse_dsn=lambda: "postgresql://host/db",
    )
    assert resolvers.s3_client("aws") == "client of aws"
    assert [resolvers.cvat_connection(), resolvers.cvat_connection()] == [{"host": "one"}, {"host": "two"}]
    assert resolvers.warehouse_dsn() == "postgresql://host/db"


def test_what_is_not_given_stays_as_it_is(resolvers):
    resolvers.register(s3_client=lambda connection: "first", warehouse_dsn=lambda: "first")
    resolvers.register(warehouse_dsn=lambda: "second")
    resolvers.register(cvat_connection=lambda: {})
    assert (resolvers.s3_client("aws"), resolvers.warehouse_dsn(), resolvers.cvat_connection()) == (
        "first", "second", {}
    )  # fmt: skip
    resolvers.register(cvat_connection=lambda: {"host": "third"})
    resolvers.register(s3_client=lambda connection: "third")
    assert (resolvers.s3_client("aws"), resolvers.cvat_connection()) == ("third", {"host": "third"})
