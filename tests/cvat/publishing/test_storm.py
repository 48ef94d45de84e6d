"""Kills and faults: no shape missing, none twice, none of a person's shapes changed."""

from __future__ import annotations

import pytest
from psycopg2.extensions import connection

from cvat.publishing.storm import PIECE, rage
from doubles.cvat import CvatDouble
from firstpass.cvat.publishing import sending


def test_a_storm(warehouse: connection, warehouse_dsn: str, cvat: CvatDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A breeze, for its time; benchmarks/cvat_storm.py has 200 kills and faults."""
    monkeypatch.setattr(sending, "PIECE", PIECE)
    toll = rage(warehouse, warehouse_dsn, cvat, events=40, seed=5)
    assert toll.broken == []
    assert toll.kills >= 5
    assert toll.faults.total() >= 5
