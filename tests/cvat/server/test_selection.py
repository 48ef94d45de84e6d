"""What a `cvat:` URI names, and what is no such URI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.cvat.server.selection import Selection, parse_frame
from firstpass.errors import FirstpassError


@pytest.mark.parametrize(
    ("uri", "selection"),
    [
        ("cvat:task/12", Selection("task", (12,), None, "original", "new")),
        ("cvat:task/13,12,13", Selection("task", (13, 12))),
        ("cvat:task/999999999", Selection("task", (999999999,))),
        ("cvat:task/12?", Selection("task", (12,))),
        ("cvat:task/12?quality=compressed", Selection("task", (12,), quality="compressed")),
        ("cvat:project/3,7?status=annotation", Selection("project", (3, 7), "annotation")),
        ("cvat:project/3?status=validation&policy=empty", Selection("project", (3,), "validation", policy="empty")),
        (
            "cvat:project/3?policy=all&quality=original&status=completed",
            Selection("project", (3,), "completed", policy="all"),
        ),
        ("cvat:task/12?policy=new&policy=all", Selection("task", (12,), policy="all")),
    ],
)
def test_tasks_and_projects_as_people_name_them(uri: str, selection: Selection) -> None:
    assert Selection.parse(uri) == selection


@pytest.mark.parametrize(
    "uri",
    [
        "cvat:", "cvat:task", "cvat:task/", "cvat:task/x", "cvat:job/3", "cvat:task/1,", "cvat:task/1?quality=best",
        "cvat:task/1?policy=", "cvat:task/1?policy", "cvat:task/1?status=annotation", "cvat:project/1?status=",
        "cvat:project/1?status=new", "cvat:project/1?state=new", "cvat:task/1/2", "cvat:task/1234567890",
        "cvat:task/99999999999999", "cvat:task/1#4", "cvat:task/1 ", " cvat:task/1", "CVAT:task/1", "s3://cvat:task/1",
        "cvat:task/-1",
    ],
)  # fmt: skip
def test_addresses_that_name_nothing(uri: str) -> None:
    with pytest.raises(FirstpassError, match="images=") as caught:
        Selection.parse(uri)
    assert "policy=new|empty|all" in caught.value.fix


def test_a_frames_uri_carries_the_quality_where_that_is_not_the_original() -> None:
    assert Selection.parse("cvat:project/3?status=annotation&policy=all").frame_uri(12, 0) == "cvat:task/12#0"
    assert Selection.parse("cvat:task/9?quality=compressed").frame_uri(12, 34) == "cvat:task/12?quality=compressed#34"


@given(
    st.integers(0, 999_999_999),
    st.integers(0, 10**9),
    st.sampled_from(["original", "compressed"]),
    st.sampled_from(["new", "empty", "all"]),
)
def test_a_frames_uri_is_read_back(task: int, frame: int, quality: str, policy: str) -> None:
    uri = Selection("task", (task,), quality=quality, policy=policy).frame_uri(task, frame)
    assert parse_frame(uri) == (task, quality, frame)


@pytest.mark.parametrize(
    "uri",
    [
        "cvat:task/9",
        "cvat:task/9#",
        "cvat:task/9#x",
        "cvat:project/9#1",
        "cvat:task/9#-1",
        "cvat:task/9#1#2",
        "cvat:#1",
        "file:///a.jpg",
    ],
)
def test_addresses_of_no_frame(uri: str) -> None:
    with pytest.raises(FirstpassError):
        parse_frame(uri)
