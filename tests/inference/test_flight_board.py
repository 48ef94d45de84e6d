"""The board of what is in flight outlives the process that writes it."""

from __future__ import annotations

import os

import pytest

from firstpass import storage
from firstpass.inference.flight_board import Flight, FlightBoard


@pytest.fixture
def made(chunk, paint):
    return chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(4)])[0]


def test_each_image_is_where_it_was_reported_last(made):
    board = FlightBoard(made)
    a, b, c, _ = made.images
    for ref in (a, b, c):
        board.begun(ref)
    board.decoding(a)
    board.decoded(a)
    board.decoding(b)
    assert FlightBoard(made).states() == [Flight.DECODED, Flight.DECODING, Flight.BEGUN, Flight.UNTOUCHED]
    board.inferring([a])
    board.hashed(b, "b" * 64)
    assert board.sha256 is None, "only of what runs alone"
    board.inferred([a])
    assert FlightBoard(made).states()[0] is Flight.DONE


def test_what_runs_alone_stays_alone_until_it_is_done(made):
    board = FlightBoard(made)
    board.alone(1)
    board.begun(made.images[1])
    board.decoding(made.images[1])
    board.hashed(made.images[1], "b" * 64)
    board.inferring([made.images[1]])
    again = FlightBoard(made)
    assert (again.states()[1], again.sha256) == (Flight.ALONE, "b" * 64)
    board.done(1)
    board.alone(2)
    assert again.states() == [Flight.UNTOUCHED, Flight.DONE, Flight.ALONE, Flight.UNTOUCHED]
    assert again.sha256 is None
    again.reset([Flight.SUSPECT] * 4)
    assert board.states() == [Flight.SUSPECT] * 4


@pytest.mark.parametrize("content", [b"", b"0" * 90, b"\0" * 84, b"x" * 84])
def test_a_board_that_is_damaged_or_of_another_plan_is_blank(made, content):
    FlightBoard(made).begun(made.images[0])
    storage.write(f"{made.parts_uri}/in_flight", content)
    assert FlightBoard(made).states() == [Flight.UNTOUCHED] * 4


def test_in_object_storage_lies_a_copy_that_announces_what_will_be_begun(made, chunk, bucket):
    made, _ = chunk(made.images, output_uri=f"{bucket}/results/0.parquet")
    board = FlightBoard(made)
    assert not board.copied
    board.plan([0, 2, 3])
    board.begun(made.images[0])
    board.decoding(made.images[0])
    left = FlightBoard(made)
    assert left.copied
    assert left.states() == [Flight.BEGUN, Flight.UNTOUCHED, Flight.BEGUN, Flight.BEGUN]
    board.alone(1)
    board.hashed(made.images[1], "b" * 64)
    left = FlightBoard(made)
    assert (left.states()[1], left.sha256) == (Flight.ALONE, "b" * 64)


def test_beside_object_storage_a_supervisor_s_file_is_exact(made, chunk, bucket):
    made, _ = chunk(made.images, output_uri=f"{bucket}/results/0.parquet")
    scratch = os.memfd_create("test")
    board = FlightBoard(made, scratch)
    board.plan([0, 1, 2, 3])
    board.begun(made.images[0])
    board.close()
    left = FlightBoard(made, scratch)
    assert not left.copied
    assert left.states() == [Flight.BEGUN, *[Flight.UNTOUCHED] * 3]
    os.close(scratch)
