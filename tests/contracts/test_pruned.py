"""The account of what a prune removed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from firstpass.contracts.pruned import Prunable, PrunedKind


def test_it_adds_up():
    pruned = PrunedKind(Prunable.RUNS)
    for day, files in ((3, 1), (1, 2), (2, 0)):
        pruned.add(datetime(2026, 1, day, tzinfo=UTC), files, 10 * files, 5)
    pruned.add(None)
    pruned.count_rows(4)
    assert (pruned.items, pruned.files, pruned.bytes, pruned.rows) == (4, 3, 30, 19)
    assert (pruned.oldest.day, pruned.newest.day) == (1, 3)


def test_it_is_told_in_a_sentence():
    pruned = PrunedKind(Prunable.LOGS, rows=None, failed={"a": "Permission denied"}, note="so it is")
    pruned.add(None, 2, 30)
    pruned.kept["is new"] += 4
    assert pruned.sentence == (
        "logs: 1 items, 2 files of 30 bytes, 0 rows; 4 kept: is new; 1 could not be removed; so it is"
    )


def test_it_can_be_said_as_json():
    pruned = PrunedKind(Prunable.LOGS, rows=None)
    pruned.add(datetime(2026, 1, 1, tzinfo=UTC), 1, 10)
    pruned.kept["is new"] += 2
    told = pruned.to_json()
    assert json.loads(json.dumps(told)) == told
    assert (told["kind"], told["rows"], told["kept"]) == ("logs", None, {"is new": 2})
    assert told["oldest"] == told["newest"] == "2026-01-01T00:00:00+00:00"
    assert PrunedKind(Prunable.RUNS).to_json()["oldest"] is None
