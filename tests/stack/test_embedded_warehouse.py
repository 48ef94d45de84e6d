"""Where no warehouse is configured, the embedded server is it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from firstpass import resolvers
from firstpass.errors import FirstpassError
from firstpass.stack import embedded_warehouse, postgres
from firstpass.stack.layout import make_layout


def test_the_local_stack_says_where_the_warehouse_is(home):
    embedded_warehouse.register()
    with pytest.raises(FirstpassError, match="never started"):
        resolvers.warehouse_dsn()
    where = make_layout()
    assert resolvers.warehouse_dsn() == postgres.dsn("firstpass", where)


def test_nothing_of_a_database_is_imported_for_it():
    """A pod's command line registers it as well, and has no psycopg2."""
    script = (
        "import sys; from firstpass.stack import embedded_warehouse; embedded_warehouse.register();"
        "print({'psycopg2', 'firstpass.stack.postgres'} & sys.modules.keys())"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert printed.stdout.strip() == "set()"
