"""What lies in a task: who drew what where, and whether a shape is still the one that was sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.server.client import cvat as client
from firstpass.cvat.server.snapshot import SeenShape, Snapshot, fingerprint, take_snapshot

SHAPE: dict[str, Any] = {
    "type": "rectangle",
    "frame": 3,
    "label_id": 7,
    "points": [1.25, 2.5, 20.75, 30.0],
    "source": "auto",
    "score": 0.95,
    "occluded": True,
    "z_order": 1,
    "rotation": 10.5,
    "group": 2,
    "attributes": [{"spec_id": 70, "value": "left"}, {"spec_id": 71, "value": "red"}],
}


@pytest.mark.parametrize(
    "edit",
    [
        {"type": "polygon"},
        {"frame": 4},
        {"label_id": 8},
        {"points": [1.26, 2.5, 20.75, 30.0]},
        {"points": [1.25, 2.5, 20.75, 30.01]},
        {"points": [1.25, 2.5, 20.75]},
        {"points": [1.25, 2.5, 20.75, 30.0, 0.0]},
        {"source": "manual"},
        {"score": 0.9501},
        {"occluded": False},
        {"outside": True},
        {"z_order": 0},
        {"rotation": 10.51},
        {"group": 0},
        {"attributes": [{"spec_id": 70, "value": "right"}, {"spec_id": 71, "value": "red"}]},
        {"attributes": [{"spec_id": 70, "value": "left"}]},
        {"attributes": []},
    ],
    ids=str,
)
def test_any_edit_changes_the_fingerprint(edit: dict[str, Any]) -> None:
    assert fingerprint(SHAPE | edit, {}) != fingerprint(SHAPE, {})


@pytest.mark.parametrize(
    "same",
    [
        {"id": 99},
        {"elements": []},
        {"created_date": "2026-01-01"},
        {"outside": False},
        {"points": [1.251, 2.499, 20.7501, 30.0049]},
        {"score": 0.95004},
        {"rotation": 10.501},
        {"attributes": SHAPE["attributes"][::-1]},
        {"occluded": 1},
    ],
    ids=str,
)
def test_what_nobody_sees_does_not(same: dict[str, Any]) -> None:
    assert fingerprint(SHAPE | same, {}) == fingerprint(SHAPE, {})


def test_left_out_is_the_same_as_spelt_out() -> None:
    plain = {"type": "rectangle", "frame": 0, "label_id": 7, "points": [1.0, 2.0, 3.0, 4.0]}
    spelt = {
        "score": 1.0, "source": "manual", "occluded": False, "outside": False, "z_order": 0, "rotation": 0.0,
        "group": 0, "attributes": [],
    }  # fmt: skip
    assert fingerprint(plain | spelt, {}) == fingerprint(plain, {})
    for name in ("z_order", "rotation", "group", "attributes"):
        assert fingerprint(plain | {name: None}, {}) == fingerprint(plain, {})
    assert fingerprint(plain | {"points": None}, {}) == fingerprint(plain | {"points": []}, {})


def test_attributes_with_their_defaults_do_not_count() -> None:
    bare = SHAPE | {"attributes": [SHAPE["attributes"][1]]}
    assert fingerprint(SHAPE, {70: "left"}) == fingerprint(bare, {70: "left"}) != fingerprint(SHAPE, {70: "right"})
    assert fingerprint(SHAPE, {70: "left", 71: "red"}) == fingerprint(SHAPE | {"attributes": []}, {})


def test_the_fingerprint_is_the_one_that_ledgers_already_have() -> None:
    """One that was computed otherwise would take every shape of an older release for edited."""
    assert fingerprint(SHAPE, {}) == 4869299328851075555
    plain = {"type": "polygon", "frame": 0, "label_id": 7, "points": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    assert fingerprint(plain, {}) == -7350367529882809707


@given(st.lists(st.integers(0, 10**6).map(lambda n: n / 100), max_size=12), st.integers(0, 10**4), st.booleans())
def test_a_fingerprint_fits_a_bigint_and_json_does_not_change_it(points: list[float], score: int, flag: bool) -> None:
    import json

    shape = SHAPE | {"points": points, "score": score / 10**4, "occluded": flag}
    found = fingerprint(shape, {})
    assert -(2**63) <= found < 2**63
    assert fingerprint(json.loads(json.dumps(shape)), {}) == found


def seen(number: int, source: str = "auto", fingerprint: int = 7) -> SeenShape:
    return SeenShape(number, 0, source, fingerprint, 0)


def test_what_nobody_claims_comes_oldest_first() -> None:
    shapes = [seen(9), seen(3), seen(5, fingerprint=8), seen(4, "manual"), seen(6, "semi-auto"), seen(7)]
    snapshot = Snapshot({shape.id: shape for shape in shapes}, frozenset())
    assert snapshot.unclaimed([]) == {7: [3, 7, 9], 8: [5]}
    assert snapshot.unclaimed(iter([7, 5, 1000])) == {7: [3, 9]}


def test_a_task_is_read_in_one_request(cvat: CvatDouble, task: Task) -> None:
    drawn = cvat.state.draw(task, 2, "person", [1, 1, 9, 9], group=4, source="auto")
    snapshot = take_snapshot(client(), task.id, {})
    assert snapshot.shapes == {drawn["id"]: SeenShape(drawn["id"], 2, "auto", fingerprint(drawn, {}), 4)}
    assert snapshot.tracked == frozenset()
    assert cvat.requests.total() == 1


class Server:
    """Answers with these shapes and tracks."""

    def __init__(self, shapes: Any = (), tracks: Any = None) -> None:
        self.answer = {"shapes": list(shapes)} | ({} if tracks is None else {"tracks": tracks})

    def shapes(self, task: int, keep: Any) -> Any:
        return self.answer | {"shapes": [keep(shape) for shape in self.answer["shapes"]]}


def test_what_an_older_cvat_leaves_out_of_a_shape_is_a_persons() -> None:
    bare = {"type": "rectangle", "frame": 3, "label_id": 7, "points": [1.0, 2.0, 3.0, 4.0], "group": None}
    (shape,) = take_snapshot(Server([bare]), 12, {}).shapes.values()  # type: ignore[arg-type]
    assert (shape.id, shape.source, shape.group) == (0, "manual", 0)


JOBS = [range(4), range(4, 8)]


@pytest.mark.parametrize(
    ("keyframes", "jobs", "visible"),
    [
        ({1: False, 3: False}, JOBS, {1, 2, 3}),
        ({0: False}, JOBS, {0, 1, 2, 3}),  # up to the end of its job
        ({5: False}, JOBS, {5, 6, 7}),
        ({3: False}, JOBS, {3}),
        ({1: False, 2: True}, JOBS, {1, 2}),
        ({1: False, 3: True}, JOBS, {1, 2, 3}),
        ({4: False, 5: True, 7: False}, JOBS, {4, 5, 7}),
        ({4: False, 1: False}, JOBS, {1, 2, 3, 4, 5, 6, 7}),  # in whatever order they come
        ({2: False}, [range(4), range(2, 6)], {2, 3, 4, 5}),  # overlapping jobs: the longer one
        ({2: False}, [range(2, 6), range(4)], {2, 3, 4, 5}),
        ({2: False}, [], {2}),
        ({9: False}, JOBS, {9}),
        ({0: True}, JOBS, {0}),
    ],
)
def test_a_track_is_seen_from_each_keyframe_to_the_next(
    keyframes: dict[int, bool], jobs: list[range], visible: set[int]
) -> None:
    track = {"shapes": [{"frame": frame, "outside": outside} for frame, outside in keyframes.items()]}
    server = Server(tracks=[track])
    assert take_snapshot(server, 12, {}, iter(jobs)).tracked == visible  # type: ignore[arg-type]


def test_every_track_counts() -> None:
    tracks = [{"shapes": [{"frame": 1, "outside": True}]}, {"shapes": [{"frame": 6}]}, {"shapes": []}]
    assert take_snapshot(Server(tracks=tracks), 12, {}, JOBS).tracked == {1, 6, 7}  # type: ignore[arg-type]
