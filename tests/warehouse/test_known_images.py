"""What earlier nights left that spares this one work."""

from __future__ import annotations

from hashlib import sha256

from firstpass.warehouse.connection import transaction
from firstpass.warehouse.known_images import known, remembered
from firstpass.warehouse.merge import merge_chunk
from fixtures.made_up_runs import VERSION, row, unreadable


def test_a_content_is_known_where_all_from_the_lowest_threshold_up_is_stored(warehouse, night):
    run = night(floor=0.15)
    rows = [row("file:///a"), row("file:///b", "empty", 0), unreadable("file:///c")]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    done, empty, broken = (each["sha256"] for each in rows)
    asked = [done, empty, broken, "f" * 64]
    assert known(warehouse, VERSION.ref, 0.3, asked) == {done, empty}
    assert known(warehouse, VERSION.ref, 0.15, asked) == {done, empty}, "equal as stored, in 32 bits"
    assert known(warehouse, VERSION.ref, 0.149, asked) == set()
    assert known(warehouse, "other@model", 0.3, asked) == set()
    assert known(warehouse, VERSION.ref, 0.3, []) == set()
    assert known(warehouse, VERSION.ref, 0.3, [empty]) == {empty}, "of those asked for"


def test_an_older_revision_is_known_too(warehouse, night):
    """Inferring again is offered, never forced."""
    run = night(revision=1)
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a")]))
    assert known(warehouse, VERSION.ref, 0.3, [row("file:///a")["sha256"]])


def test_a_file_is_remembered_as_it_was_when_last_read(warehouse, night):
    run = night()
    never_read = row("file:///lost", "missing", 0, sha256=None, width=None, height=None)
    rows = [row('file:///{a},"b"\\'), unreadable("file:///c"), never_read]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    assert remembered(warehouse, [each["uri"] for each in rows] + ["file:///new"]) == {
        rows[0]["uri"]: (rows[0]["etag"], rows[0]["sha256"], 640, 480),
        rows[1]["uri"]: (rows[1]["etag"], rows[1]["sha256"], None, None),
    }
    assert remembered(warehouse, iter([])) == {}
    assert remembered(warehouse, [rows[1]["uri"]]).keys() == {rows[1]["uri"]}, "of those asked for"


def test_any_number_of_keys_can_be_asked_for(warehouse):
    """More than fit one query; a generator will do."""
    hashes = [sha256(str(n).encode()).hexdigest() for n in range(25_000)]
    with transaction(warehouse) as cur:
        cur.execute(
            "INSERT INTO predictions SELECT unnest(%s), 'm', 0.1, 1, 'r', 0, 1, '{}', '{}', '{}', '{}', '{}', '{}'",
            [hashes[::2]],
        )
        cur.execute(
            "INSERT INTO images (uri, sha256, etag, size, run_id, seen_at) SELECT 'u' || h, h, 'e', 1, 'r', now()"
            " FROM unnest(%s) h",
            [hashes[::2]],
        )
    assert known(warehouse, "m", 0.1, (h for h in hashes)) == set(hashes[::2])
    assert remembered(warehouse, ("u" + h for h in hashes)).keys() == {"u" + h for h in hashes[::2]}
