"""What became of a run's images, as other rooms ask for it."""

from __future__ import annotations

from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.outcomes import duplicates, extent, failed_last_time, left_out
from firstpass.warehouse.runs import finish_run, record_stage
from fixtures.made_up_runs import catalogue, row, unreadable


def failed(warehouse, run, *uris: str, state: str = "partial") -> None:
    """The run ends with a chunk of these images that did not finish."""
    fail_chunk(warehouse, run.spec, run.chunk(0, [row(uri) for uri in uris], write=False), "out of memory")
    finish_run(warehouse, run.spec.run_id, state)


class TestImagesThatFailedLastTime:
    """Their chunk never finished in the newest earlier run over the same images."""

    def test_are_remembered_until_the_next_run_over_them(self, warehouse, night):
        failed(warehouse, night("first"), "file:///a", "file:///b")
        assert failed_last_time(warehouse, night("elsewhere", images="/other").spec) == set()
        assert failed_last_time(warehouse, night("second").spec) == {"file:///a", "file:///b"}
        finish_run(warehouse, "second", "success")
        assert failed_last_time(warehouse, night("third").spec) == set()

    def test_are_those_of_the_newest_run_whatever_failed_before(self, warehouse, night):
        failed(warehouse, night("first"), "file:///first")
        failed(warehouse, night("second"), "file:///second", state="success")
        failed(warehouse, night("elsewhere", images="/other"), "file:///elsewhere")
        assert failed_last_time(warehouse, night("third").spec) == {"file:///second"}

    def test_are_not_hidden_by_a_run_that_broke_off(self, warehouse, night):
        failed(warehouse, night("first"), "file:///a")
        failed(warehouse, night("second"), "file:///b", state="failed")
        failed(warehouse, night("third"), "file:///c", state="running")
        assert failed_last_time(warehouse, night("fourth").spec) == {"file:///a", "file:///b"}

    def test_are_those_of_a_run_that_failed_because_nothing_could_be_inferred(self, warehouse, night):
        failed(warehouse, night("first"), "file:///a")
        failed(warehouse, night("second"), "file:///a", "file:///b", state="failed")
        record_stage(warehouse, "second", "merge", 1.0)
        finish_run(warehouse, "second", "failed")
        assert failed_last_time(warehouse, night("third").spec) == {"file:///a", "file:///b"}

    def test_are_no_others(self, warehouse, night):
        run = night("first")
        merge_chunk(warehouse, run.spec, run.chunk(1, [row("file:///fine"), unreadable("file:///torn")]))
        failed(warehouse, run, "file:///a")
        assert failed_last_time(warehouse, night("second").spec) == {"file:///a"}

    def test_are_not_those_of_the_run_itself(self, warehouse, night):
        failed(warehouse, night("first"), "file:///first")
        again = night("second")
        failed(warehouse, again, "file:///second")
        assert failed_last_time(warehouse, again.spec) == {"file:///first"}


def test_images_without_a_prediction_are_counted_by_their_outcome(warehouse, night):
    run = night()
    rows = [row("file:///ok"), row("file:///empty", "empty", 0), unreadable("file:///torn")]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    known = [row("file:///known", "known", sha256=rows[0]["sha256"]), row("file:///never seen", "known")]
    copy, unread = row("file:///copy", "duplicate", sha256=rows[1]["sha256"]), row("s3://b/c", "duplicate", sha256=None)
    again = night("again")
    merge_chunk(warehouse, again.spec, again.chunk(0, rows))
    merge_catalogue(warehouse, again.spec, catalogue([*known, copy, unread, unreadable("file:///x")]))
    fail_chunk(warehouse, again.spec, again.chunk(1, [row("file:///f"), row("file:///g")], write=False), "killed")
    assert left_out(warehouse, "again") == {"known": 1, "duplicate": 1, "unreadable": 1, "failed": 2}
    assert left_out(warehouse, "a run") == {"unreadable": 1}
    assert left_out(warehouse, "nothing") == {}


def test_those_of_one_task_can_be_asked_for(warehouse, night):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [unreadable(f"cvat:{n}") | {"task": n % 2} for n in range(3)]))
    assert left_out(warehouse, "a run", 0) == {"unreadable": 2}
    assert left_out(warehouse, "a run", 1) == {"unreadable": 1}
    assert left_out(warehouse, "a run", 2) == {}


def test_an_image_whose_content_was_predicted_but_could_not_be_read_now_is_left_out(warehouse, night):
    run = night()
    found = row("file:///a")
    merge_chunk(warehouse, run.spec, run.chunk(0, [found]))
    again = night("again")
    merge_catalogue(warehouse, again.spec, catalogue([unreadable("file:///a") | {"sha256": found["sha256"]}]))
    assert left_out(warehouse, "again") == {"unreadable": 1}


def test_the_extent_of_a_run_is_its_first_and_last_image_and_its_tasks(warehouse, night):
    run, other = night(), night("other")
    rows = [row(f"cvat:task/{task}#{frame}", task=task, frame=frame) for task, frame in ((3, 1), (3, 0), (12, 5))]
    merge_chunk(warehouse, run.spec, run.chunk(0, [*rows, row("file:///a")]))
    merge_chunk(warehouse, other.spec, other.chunk(0, [row("a"), row("z")]))
    assert extent(warehouse, "a run") == ("cvat:task/12#5", "file:///a", 2)
    assert extent(warehouse, "other") == ("a", "z", 0)
    assert extent(warehouse, "nothing") == ("", "", 0)


def test_duplicates_name_the_image_that_they_are_copies_of(warehouse, night):
    run, other = night(), night("other")
    rows = [
        row("file:///c", "duplicate", reason="has the same content as file:///a"),
        row("file:///b", "duplicate"),
        row("file:///known", "known", reason="was done before"),
    ]
    merge_catalogue(warehouse, run.spec, catalogue(rows))
    merge_catalogue(warehouse, other.spec, catalogue([row("file:///x", "duplicate")]))
    assert duplicates(warehouse, "a run") == [
        {"uri": "file:///b", "reason": ""},
        {"uri": "file:///c", "reason": "has the same content as file:///a"},
    ]


def test_two_hundred_duplicates_are_listed_unless_told_otherwise(warehouse, night):
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue([row(f"file:///{n:03d}", "duplicate") for n in range(201, 0, -1)]))
    assert [each["uri"] for each in duplicates(warehouse, "a run")] == [f"file:///{n:03d}" for n in range(1, 201)]
    assert [each["uri"] for each in duplicates(warehouse, "a run", 2)] == ["file:///001", "file:///002"]
