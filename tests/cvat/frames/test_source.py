"""CVAT as a source: which frames of which tasks a run is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Job, Task
from firstpass.contracts.image_reference import ImageRef
from firstpass.cvat.frames import source
from firstpass.cvat.frames.source import CVAT
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.server import client
from firstpass.errors import FirstpassError
from firstpass.images.catalogue import catalogue
from firstpass.images.catalogue_file import counts
from firstpass.images.sources import list_images
from fixtures.cvat_runs import Night, boxes, jpeg


def frames(uri: str) -> list[int | None]:
    return [ref.frame for ref in list_images(uri)]


def test_a_task_gives_its_frames(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    found = list(list_images(f"cvat:task/{task.id}"))
    assert [ref.uri for ref in found] == [f"cvat:task/{task.id}#{n}" for n in range(8)]
    assert {(ref.width, ref.height, ref.task) for ref in found} == {(64, 48, task.id)}
    assert len({ref.etag for ref in found}) == 1


def test_the_catalogue_takes_them_unread(warehouse: connection, cvat: CvatDouble, task: Task, tmp_path: Path) -> None:
    listed = list_images(f"cvat:task/{task.id}")
    assert list(catalogue(str(tmp_path), listed, lambda _: set(), lambda _: {})) == []
    assert counts(str(tmp_path)) == {"images": 8, "new": 8}
    assert cvat.requests[f"GET /api/tasks/{task.id}/data/"] == 0


def test_two_servers_are_told_apart(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    first = next(list_images(f"cvat:task/{task.id}?policy=all"))
    with CvatDouble() as other:
        other.state.tasks[task.id] = task
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
    task.jobs.append(Job(999, 0, 7, stage="acceptance", type="ground_truth"))
    assert frames(f"cvat:task/{task.id}") == list(range(8))


def test_jobs_that_people_work_on_in_replicas(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    task.jobs[0].consensus_replicas = 3
    assert frames(f"cvat:task/{task.id}") == [4, 5, 6, 7]


def test_what_is_left_alone_is_counted_by_reason(
    warehouse: connection, cvat: CvatDouble, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstpass")
    cvat.state.draw(task, 0, "person", [1, 1, 9, 9])
    task.deleted_frames = {1, 2}
    task.jobs[1].stage = "validation"
    assert frames(f"cvat:task/{task.id}") == [3]
    for said in (
        "1 frames left alone: a person works on it",
        "2 frames left alone: deleted",
        "4 frames left alone: its",
    ):
        assert f"task {task.id} (night): {said}" in caplog.text


def test_a_closed_jobs_frame_is_told_as_such_whoever_worked_there(
    warehouse: connection, cvat: CvatDouble, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstpass")
    cvat.state.draw(task, 4, "person", [1, 1, 9, 9])
    task.jobs[1].stage = "validation"
    assert frames(f"cvat:task/{task.id}") == [0, 1, 2, 3]
    assert "4 frames left alone: its job is in validation" in caplog.text


def test_attributes_of_ours_with_their_defaults_are_no_edit(warehouse: connection, cvat: CvatDouble) -> None:
    attributes = [{"name": "side", "input_type": "select", "values": ["left", "right"], "default_value": "right"}]
    task = cvat.state.add_task("a", labels=[{"name": "person", "attributes": attributes}], frames=[jpeg()])
    publish_run(Night("night 1", task.id, {0: boxes(0, 1)}).save(warehouse))
    assert frames(f"cvat:task/{task.id}") == [0]
    (shape,) = task.shapes.values()
    shape["attributes"] = []
    assert frames(f"cvat:task/{task.id}") == [0]


def test_a_frame_changes_its_etag_when_the_pictures_do(
    warehouse: connection, cvat: CvatDouble, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def etag() -> str:
        return next(list_images(f"cvat:task/{task.id}?policy=all")).etag

    before = etag()
    assert etag() == before
    real = source.read_meta
    monkeypatch.setattr(source, "read_meta", lambda *arguments: replace(real(*arguments), stamp="2026-05-01"))
    assert etag() != before


def test_an_address_is_checked_before_anything_is_listed(cvat: CvatDouble, task: Task) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    CVAT.check(f"cvat:task/{task.id}")
    CVAT.check(f"cvat:project/{project.id}")
    for uri, problem in (
        (f"cvat:task/{task.id},9", "/api/tasks/9 does not exist"),
        (f"cvat:project/{project.id},9", "/api/projects/9 does not exist"),
        ("cvat:task/x", "names nothing in CVAT"),
    ):
        with pytest.raises(FirstpassError, match=problem):
            CVAT.check(uri)


def test_a_project_with_nothing_worth_drafting_lists_nothing(warehouse: connection, cvat: CvatDouble) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    task = cvat.state.add_task("t", project=project, frames=[jpeg()])
    task.jobs[0].state = "completed"
    assert frames(f"cvat:project/{project.id}") == []


def test_frames_are_named_as_in_cvat_below_their_task_where_there_are_several(cvat: CvatDouble, task: Task) -> None:
    frame = ImageRef(f"cvat:task/{task.id}#3", 0, "", task=task.id, frame=3)
    assert CVAT.namer("cvat:task/1", "x/", 1)(frame) == "000003.jpg"
    name = CVAT.namer("cvat:task/1", "x/", 2)
    assert [name(frame), name(frame)] == 2 * [f"task_{task.id}/000003.jpg"]
    assert cvat.requests[f"GET /api/tasks/{task.id}/data/meta"] == 2, "asked for once by each"


def test_drafts_can_be_brought_back_to_cvat() -> None:
    assert CVAT.takes_drafts is True
    assert CVAT.reaches_pods() is True


@pytest.mark.parametrize(
    ("uri", "note"),
    [
        ("cvat:task/1", "originals; reading them took 13 s, "),
        ("cvat:task/1?quality=original", "originals; "),
        ("cvat:task/1?quality=compressed", "compressed, as the browser shows them; reading them took 13 s, "),
    ],
)
def test_the_report_says_which_pictures_were_read(uri: str, note: str) -> None:
    assert CVAT.reading_note(uri, 12.6).startswith(note)


def test_what_will_be_fetched_is_announced_to_the_reader(cvat: CvatDouble, task: Task) -> None:
    wanted = [ImageRef(f"cvat:task/{task.id}#{n}", 0, "") for n in range(3)]
    CVAT.expect(wanted)
    assert all(CVAT.fetch(ref) for ref in wanted)
    assert cvat.requests[f"GET /api/tasks/{task.id}/data/"] == 1


def test_a_child_process_gets_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "environment", lambda: {"AIRFLOW_CONN_CVAT_DEFAULT": "{}"})
    assert CVAT.environment() == {"AIRFLOW_CONN_CVAT_DEFAULT": "{}"}


def test_requests_are_few(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    list(list_images(f"cvat:task/{task.id}"))
    assert cvat.requests.total() <= 6
