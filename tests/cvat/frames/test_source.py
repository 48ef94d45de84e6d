"""CVAT as a source: which frames of which tasks a run is about."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.server.selection import Selection
from firstpass.errors import FirstpassError
from firstpass.images.catalogue import catalogue
from firstpass.images.sources import list_images
from fixtures.cvat_runs import Night, boxes, jpeg


def frames(uri: str) -> list[int | None]:
    return [ref.frame for ref in list_images(uri)]


def test_a_task_gives_its_frames(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    found = list(list_images(f"cvat:task/{task.id}"))
    assert [ref.uri for ref in found] == [f"cvat:task/{task.id}#{n}" for n in range(8)]
    assert {(ref.width, ref.height, ref.task) for ref in found} == {(64, 48, task.id)}
    assert len({ref.etag for ref in found}) == 1


def test_the_catalogue_takes_them_unread(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    table = catalogue(list_images(f"cvat:task/{task.id}"), lambda _: set(), lambda _: {})
    assert table["outcome"].null_count == 8
    assert cvat.requests[f"GET /api/tasks/{task.id}/data/"] == 0


def test_two_servers_are_told_apart(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    first = next(list_images(f"cvat:task/{task.id}?policy=all"))
    with CvatDouble() as other:
        other.state.tasks[task.id] = task
        from firstpass.cvat.server import client

        client.cvat.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", other.connection())
            assert next(list_images(first.uri.partition("#")[0] + "?policy=all")).etag != first.etag


def test_a_project_gives_the_frames_of_its_tasks(warehouse: connection, cvat: CvatDouble) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    numbers = [cvat.state.add_task(f"t{n}", project=project, frames=[jpeg()]).id for n in range(3)]
    cvat.state.add_task("elsewhere", labels=["person"], frames=[jpeg()])
    assert [ref.task for ref in list_images(f"cvat:project/{project.id}")] == numbers


def test_a_large_project_is_paged(warehouse: connection, cvat: CvatDouble) -> None:
    project = cvat.state.add_project("large", labels=["person"])
    picture = jpeg()
    for n in range(501):
        cvat.state.add_task(f"t{n}", project=project, frames=[picture])
    tasks = {ref.task for ref in list_images(f"cvat:project/{project.id}?policy=all")}
    assert len(tasks) == 501
    assert cvat.requests["GET /api/tasks"] == 2


def test_only_tasks_in_a_status(warehouse: connection, cvat: CvatDouble) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    open_task = cvat.state.add_task("open", project=project, frames=[jpeg()])
    cvat.state.add_task("done", project=project, frames=[jpeg()], status="completed")
    found = list_images(f"cvat:project/{project.id}?status=annotation")
    assert [ref.task for ref in found] == [open_task.id]


def test_several_projects_for_the_nightly_schedule(warehouse: connection, cvat: CvatDouble) -> None:
    projects = [cvat.state.add_project(name, labels=["person"]) for name in ("city", "forest")]
    tasks = {cvat.state.add_task("t", project=project, frames=[jpeg()]).id for project in projects}
    uri = "cvat:project/" + ",".join(str(project.id) for project in projects)
    assert {ref.task for ref in list_images(uri)} == tasks


def test_tasks_of_a_project_that_cannot_be_drafted_are_passed_over_and_said(
    warehouse: connection, cvat: CvatDouble, caplog: pytest.LogCaptureFixture
) -> None:
    project = cvat.state.add_project("mixed", labels=["person"])
    good = cvat.state.add_task("good", project=project, frames=[jpeg()])
    cvat.state.add_task("empty", project=project)
    cvat.state.add_task("film", project=project, frames=[jpeg()], mode="interpolation")
    cvat.state.add_task("cloud", project=project, frames=[jpeg()], dimension="3d")
    assert [ref.task for ref in list_images(f"cvat:project/{project.id}")] == [good.id]
    for words in ("(empty) has no data", "(film) is a video", "(cloud) has 3D data"):
        assert words in caplog.text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"frames": None}, "has no data"),
        ({"mode": "interpolation"}, "is a video"),
        ({"dimension": "3d"}, "has 3D data"),
    ],
)
def test_a_task_that_was_named_itself_is_refused(
    warehouse: connection, cvat: CvatDouble, options: dict[str, Any], problem: str
) -> None:
    task = cvat.state.add_task("t", labels=["person"], **{"frames": [jpeg()], **options})
    with pytest.raises(FirstpassError, match=problem):
        frames(f"cvat:task/{task.id}")


def test_tasks_and_projects_that_are_not_there(warehouse: connection, cvat: CvatDouble) -> None:
    empty = cvat.state.add_project("empty", labels=["person"])
    for uri, problem in (
        ("cvat:task/9", r"/api/tasks/9 does not exist"),
        ("cvat:project/9", r"/api/projects/9 does not exist"),
        (f"cvat:project/{empty.id}?status=annotation", "has no task in status annotation"),
    ):
        with pytest.raises(FirstpassError, match=problem):
            frames(uri)


def test_what_people_did_is_left_alone(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    cvat.state.draw(task, 1, "person", [1, 1, 9, 9], source="auto")
    task.deleted_frames = {2}
    task.jobs[1].stage = "validation"
    assert frames(f"cvat:task/{task.id}") == [1, 3]
    assert frames(f"cvat:task/{task.id}?policy=empty") == [3]
    assert frames(f"cvat:task/{task.id}?policy=all") == [0, 1, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("keyframes", "visible"),
    [
        ({1: False, 3: False}, {1, 2, 3}),  # up to the end of its job
        ({0: False}, {0, 1, 2, 3}),
        ({1: False, 2: True}, {1, 2}),
        ({4: False, 5: True, 7: False}, {4, 5, 7}),
    ],
)
def test_tracks_are_a_persons_work_wherever_they_are_seen(
    warehouse: connection, cvat: CvatDouble, task: Task, keyframes: dict[int, bool], visible: set[int]
) -> None:
    box = {"type": "rectangle", "points": [1.0, 1.0, 9.0, 9.0]}
    shapes = [box | {"frame": frame, "outside": outside} for frame, outside in keyframes.items()]
    cvat.state.create(task, {"tracks": [{"frame": min(keyframes), "label_id": task.labels[0].id, "shapes": shapes}]})
    assert set(frames(f"cvat:task/{task.id}")) == set(range(8)) - visible


def test_frames_with_our_own_drafts_come_until_a_person_touches_them(
    warehouse: connection, cvat: CvatDouble, task: Task
) -> None:
    publish_run(Night("night 1", task.id, {frame: boxes(frame) for frame in range(4)}).save(warehouse))
    assert frames(f"cvat:task/{task.id}?policy=empty") == list(range(8))
    edited, deleted = (next(s for s in task.shapes.values() if s["frame"] == frame) for frame in (0, 1))
    cvat.state.update(task, {"shapes": [edited | {"z_order": 3}]})
    cvat.state.delete(task, {"shapes": [deleted]})
    assert frames(f"cvat:task/{task.id}") == [2, 3, 4, 5, 6, 7]


def test_ground_truth_jobs_say_nothing_about_annotation(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    from doubles.cvat import Job

    task.jobs.append(Job(999, 0, 7, stage="acceptance", type="ground_truth"))
    assert frames(f"cvat:task/{task.id}") == list(range(8))


def test_jobs_that_people_work_on_in_replicas(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    task.jobs[0].consensus_replicas = 3
    assert frames(f"cvat:task/{task.id}") == [4, 5, 6, 7]


@pytest.mark.parametrize(
    "uri",
    [
        "cvat:", "cvat:task", "cvat:task/", "cvat:task/x", "cvat:job/3", "cvat:task/1,", "cvat:task/1?quality=best",
        "cvat:task/1?policy=", "cvat:task/1?status=annotation", "cvat:project/1?state=new", "cvat:task/1/2",
        "cvat:task/99999999999999", "cvat:task/1#4", "cvat:task/1 ",
    ],
)  # fmt: skip
def test_addresses_that_name_nothing(uri: str) -> None:
    with pytest.raises(FirstpassError, match="images="):
        Selection.parse(uri)


def test_requests_are_few(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    list(list_images(f"cvat:task/{task.id}"))
    assert cvat.requests.total() <= 6
