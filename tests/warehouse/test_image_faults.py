"""What is wrong with an image is remembered by its bytes, for as long as nothing has changed that it depended on."""

from __future__ import annotations

from hashlib import sha256

import pytest

from firstpass.contracts.image_source import NEEDS_MEMORY
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.image_faults import faults
from firstpass.warehouse.merge import merge_chunk
from fixtures.made_up_runs import VERSION, catalogue, query, row, unreadable

WITHIN = {"decoder": 1, "memory": 4 * 2**30, "max_image_bytes": 2**29, "max_image_memory": 3 * 2**29}
MODEL = VERSION.ref


@pytest.fixture
def merged(warehouse, night):
    """`merged(rows, …)`: a run of one chunk, merged."""
    runs = []

    def merge(rows, limits=WITHIN, killers=(), **run):
        made = night(f"run {len(runs)}", **run)
        runs.append(made)
        merge_chunk(warehouse, made.spec, made.chunk(0, rows, marker={"limits": limits, "killers": list(killers)}))

    return merge


def killer(deaths=2):
    """The row of an image that killed its process, and what the marker says of it."""
    died = row("file:///k", "failed", 0, reason="killed the process when it ran alone: SIGKILL, limit 4.0 GiB")
    return died, {"sha256": died["sha256"], "deaths": deaths}


def remembered(warehouse, *rows, model=MODEL, **changed):
    return faults(warehouse, model, WITHIN | changed, [each["sha256"] for each in rows if each["sha256"]])


def test_what_a_chunk_could_not_use_is_remembered_with_its_reason(warehouse, merged):
    broken, other = unreadable("file:///b", 'is "damaged"\\ \0'), unreadable("file:///c", "made the network fail: x")
    good = row("file:///a")
    merged([good, broken, other])
    assert remembered(warehouse, good, broken, other) == {
        broken["sha256"]: 'is "damaged"\\ ',
        other["sha256"]: "made the network fail: x",
    }
    assert remembered(warehouse, broken).keys() == {broken["sha256"]}, "of those asked for"
    assert remembered(warehouse, broken, model="toy@other") == {}
    assert remembered(warehouse) == {}


@pytest.mark.parametrize("name", [*WITHIN, "a limit of a later release"])
def test_a_limit_that_grew_lets_it_be_tried_again_and_one_that_shrank_does_not(warehouse, merged, name):
    broken = unreadable("file:///b")
    merged([broken])
    now = WITHIN.get(name, 0)
    assert remembered(warehouse, broken, **{name: now + 1}) == {}
    assert bool(remembered(warehouse, broken, **{name: now - 1})) == (name in WITHIN)


@pytest.mark.parametrize(
    "passing",
    [
        unreadable("file:///b", f"{NEEDS_MEMORY} to decode (9×9 pixels)"),
        unreadable("file:///b", "cannot be read: Input/output error") | {"sha256": None},
        row("file:///b", "missing", 0, sha256=None, reason="access denied"),
        row("file:///b", "failed", 0, reason="the process was killed"),
    ],
    ids=["memory", "disk", "missing", "failed"],
)
def test_what_depends_on_the_moment_is_not_remembered(warehouse, merged, passing):
    merged([passing])
    assert query(warehouse, "SELECT * FROM image_faults") == []


def test_a_result_that_does_not_say_what_its_limits_were_leaves_nothing(warehouse, merged):
    merged([unreadable("file:///b")], limits=None)
    assert query(warehouse, "SELECT * FROM image_faults") == []


def test_the_newest_verdict_counts(warehouse, merged):
    broken, healed = unreadable("file:///b"), unreadable("file:///c")
    merged([broken, healed])
    more = WITHIN | {"memory": 2**40}
    merged([broken | {"reason": "has another fault"}, row("file:///c")], limits=more, reprocess=True)
    assert remembered(warehouse, broken, healed, memory=2**40) == {broken["sha256"]: "has another fault"}


def test_one_content_under_two_names_is_remembered_once(warehouse, merged):
    first = unreadable("file:///b")
    merged([first, unreadable("file:///c") | {"sha256": first["sha256"]}])
    assert query(warehouse, "SELECT sha256 FROM image_faults") == [(first["sha256"],)]


def test_merging_a_chunk_again_changes_nothing(warehouse, night):
    run = night()
    chunk = run.chunk(0, [row("file:///a"), unreadable("file:///b")], marker={"limits": WITHIN})
    merge_chunk(warehouse, run.spec, chunk)
    before = query(warehouse, "SELECT * FROM image_faults")
    assert len(before) == 1
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT * FROM image_faults") == before


def test_what_a_header_shows_holds_for_every_model(warehouse, night):
    run = night()
    text = unreadable("file:///text.jpg", "is not an image")
    locked = unreadable("file:///locked/", "cannot be listed") | {"sha256": None}
    moment = unreadable("file:///large.jpg", f"{NEEDS_MEMORY} to decode")
    twin = unreadable("file:///twin.jpg", "is not an image") | {"sha256": text["sha256"]}
    merge_catalogue(warehouse, run.spec, catalogue([text, locked, moment, twin, row("file:///new", None)]), WITHIN)
    for model in (MODEL, "toy@other"):
        assert remembered(warehouse, text, model=model) == {text["sha256"]: "is not an image"}
    assert len(query(warehouse, "SELECT * FROM image_faults")) == 1


def test_a_catalogue_that_repeats_what_a_model_could_not_use_does_not_make_it_every_model_s(warehouse, night, merged):
    broken = unreadable("file:///b")
    merged([broken])
    merge_catalogue(warehouse, night("again").spec, catalogue([broken]), WITHIN)
    assert query(warehouse, "SELECT model, run_id FROM image_faults") == [(MODEL, "run 0")]


def test_any_number_of_contents_can_be_asked_for(warehouse):
    """More than fit one query; a generator will do."""
    hashes = [sha256(str(n).encode()).hexdigest() for n in range(25_000)]
    with transaction(warehouse) as cur:
        cur.execute("INSERT INTO image_faults SELECT unnest(%s), 'm', 'r', 0, '{\"decoder\": 1}', 'run'", [hashes[::2]])
    assert faults(warehouse, "m", {"decoder": 1}, (h for h in hashes)).keys() == set(hashes[::2])


def test_what_killed_its_process_is_remembered_with_what_to_do(warehouse, merged):
    died, entry = killer()
    merged([died, row("file:///a"), row("file:///other", "failed", 0, reason="x")], killers=[entry])
    (reason,) = remembered(warehouse, died).values()
    assert reason.startswith(f"{died['reason']}, in the run run 0. It is not tried again before")
    for way_out in ("FIRSTPASS_MEMORY", "FIRSTPASS_KUBERNETES_MEMORY", "`reprocess`"):
        assert way_out in reason
    assert remembered(warehouse, died, memory=WITHIN["memory"] + 1) == {}
    assert remembered(warehouse, died, model="toy@other") == {}
    assert len(query(warehouse, "SELECT * FROM image_faults")) == 1


def test_one_death_alone_is_no_proof_but_they_add_up_over_runs(warehouse, merged):
    died, entry = killer(deaths=1)
    merged([died], killers=[entry])
    assert remembered(warehouse, died) == {}
    merged([died], killers=[entry])
    assert remembered(warehouse, died).keys() == {died["sha256"]}


def test_a_death_with_less_memory_does_not_count(warehouse, merged):
    died, entry = killer(deaths=1)
    merged([died], killers=[entry])
    more = WITHIN | {"memory": 2**40}
    merged([died], killers=[entry], limits=more)
    assert remembered(warehouse, died) == {}
    merged([died], killers=[entry], limits=more)
    assert remembered(warehouse, died, memory=2**40).keys() == {died["sha256"]}


def test_deaths_are_counted_once_however_often_a_chunk_is_merged(warehouse, night):
    died, entry = killer(deaths=1)
    run = night()
    chunk = run.chunk(0, [died], marker={"limits": WITHIN, "killers": [entry]})
    for _ in range(3):
        merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT deaths FROM image_faults") == [(1,)]


def test_a_killer_that_came_through_is_forgotten(warehouse, merged):
    died, entry = killer()
    merged([died], killers=[entry])
    merged([row("file:///k")], reprocess=True)
    assert query(warehouse, "SELECT * FROM image_faults") == []
