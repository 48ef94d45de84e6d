"""Tasks as Firstpass needs them: what can be drafted, how large frames are, what jobs say."""

from __future__ import annotations

from typing import Any

import pytest

from doubles.cvat import CvatDouble, Job
from doubles.cvat import Task as Made
from firstpass.cvat.server.client import Gone
from firstpass.cvat.server.client import cvat as client
from firstpass.cvat.server.tasks import Task, TaskMeta, read_jobs, read_meta, read_task, read_tasks
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import jpeg

RAW: dict[str, Any] = {"id": 12, "name": "t", "size": 8, "project_id": None}
TASK = Task(12, "t", None, 8)


class Server:
    """Answers whatever it is asked with these."""

    def __init__(self, answer: Any = None, rows: Any = ()) -> None:
        self.answer, self.rows = answer, rows

    def get(self, path: str) -> Any:
        return self.answer

    def pages(self, path: str, **query: Any) -> Any:
        return iter(self.rows)


def jobs(*rows: dict[str, Any], size: int = 8) -> Any:
    plain = {"type": "annotation", "start_frame": 0, "stop_frame": 7, "stage": "annotation", "state": "new"}
    server = Server(rows=[plain | row for row in rows])
    return read_jobs(server, Task(12, "t", None, size))  # type: ignore[arg-type]


def meta(size: int, *frames: tuple[int, int], **fields: Any) -> TaskMeta:
    shown = [{"width": w, "height": h, "name": f"photos/{n}.jpg"} for n, (w, h) in enumerate(frames)]
    raw = {"frames": shown, "deleted_frames": [], "chunks_updated_date": "now"}
    return read_meta(Server(raw | fields), Task(12, "t", None, size))  # type: ignore[arg-type]


def test_a_task_of_images(cvat: CvatDouble, task: Made) -> None:
    found = read_task(client(), task.id)
    assert found == Task(task.id, "night", None, 8)
    assert found.scope == f"task/{task.id}"
    assert Task(12, "t", 3, 8).scope == "project/3"
    assert Task(12, "t", 0, 8).scope == "project/0"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"dimension": "3d"}, r"task 12 \(t\) has 3D data"),
        ({"media_type": "audio"}, "has audio data"),
        ({"size": 0}, "has no data"),
        ({"size": None}, "has no data"),
        ({"mode": "interpolation"}, "is a video"),
        ({"data_original_chunk_type": "video"}, "is a video"),
    ],
)
def test_what_cannot_be_drafted_is_told(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(FirstpassError, match=problem):
        read_task(Server(RAW | fields), 12)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [{}, {"dimension": "2d", "mode": "annotation", "media_type": "image"}, {"data_original_chunk_type": "imageset"}],
)
def test_what_an_older_cvat_leaves_out_is_no_obstacle(fields: dict[str, Any]) -> None:
    assert read_task(Server(RAW | fields), 12) == TASK  # type: ignore[arg-type]


def test_a_task_without_data_is_told_so_whatever_else_it_is() -> None:
    with pytest.raises(FirstpassError, match="has no data"):
        read_task(Server(RAW | {"size": 0, "mode": "interpolation"}), 12)  # type: ignore[arg-type]


def test_tasks_come_as_they_were_named_and_projects_in_order_of_their_tasks(cvat: CvatDouble) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    numbers = [cvat.state.add_task(f"t{n}", project=project, frames=[jpeg()]).id for n in range(3)]
    named = read_tasks(client(), "task", numbers[::-1])
    assert [task.id for task in named if isinstance(task, Task)] == numbers[::-1]
    found = list(read_tasks(client(), "project", [project.id]))
    assert [task.id for task in found if isinstance(task, Task)] == numbers
    assert {task.project for task in found if isinstance(task, Task)} == {project.id}


def test_a_projects_undraftable_tasks_come_as_the_error_they_are(cvat: CvatDouble) -> None:
    project = cvat.state.add_project("mixed", labels=["person"])
    cvat.state.add_task("film", project=project, frames=[jpeg()], mode="interpolation")
    good = cvat.state.add_task("good", project=project, frames=[jpeg()])
    film, task = read_tasks(client(), "project", [project.id])
    assert isinstance(film, FirstpassError)
    assert "(film) is a video" in film.problem
    assert isinstance(task, Task)
    assert task.id == good.id


def test_a_project_without_a_task_says_so(cvat: CvatDouble) -> None:
    empty = cvat.state.add_project("empty", labels=["person"])
    done = cvat.state.add_project("done", labels=["person"])
    cvat.state.add_task("t", project=done, frames=[jpeg()], status="completed")
    with pytest.raises(FirstpassError, match=f"project {empty.id} has no task\n"):
        list(read_tasks(client(), "project", [empty.id]))
    with pytest.raises(FirstpassError, match=f"project {done.id} has no task in status annotation"):
        list(read_tasks(client(), "project", [done.id], "annotation"))
    assert len(list(read_tasks(client(), "project", [done.id], "completed"))) == 1


def test_a_project_that_is_not_there_is_told(cvat: CvatDouble) -> None:
    with pytest.raises(Gone, match="/api/projects/9 does not exist"):
        list(read_tasks(client(), "project", [9]))
    with pytest.raises(Gone, match="/api/tasks/9 does not exist"):
        list(read_tasks(client(), "task", [9]))


def test_one_size_stands_for_all_frames_where_they_are_equal() -> None:
    assert meta(3, (64, 48)).sizes.tolist() == [[64, 48]] * 3
    assert meta(2, (64, 48), (10, 20)).sizes.tolist() == [[64, 48], [10, 20]]
    assert meta(1, (64, 48)).sizes.tolist() == [[64, 48]]
    assert meta(1).sizes.shape == (0, 2)


def test_frames_have_the_names_that_cvat_gives() -> None:
    assert meta(2, (64, 48), (10, 20)).names == ("photos/0.jpg", "photos/1.jpg")
    assert meta(3, (64, 48)).names == ("photos/0.jpg",), "one stands for all"
    assert meta(1).names == ()


def test_deleted_frames_and_the_stamp_of_the_pictures() -> None:
    found = meta(2, (64, 48), deleted_frames=[1], chunks_updated_date="2026-01-01")
    assert (found.deleted, found.stamp) == (frozenset({1}), "2026-01-01")
    assert meta(1, (64, 48), chunks_updated_date=None).stamp == "None"


def test_jobs_in_annotation_are_open() -> None:
    found = jobs({"stop_frame": 3}, {"start_frame": 4, "stage": "annotation", "state": "in progress"})
    assert (found.segments, found.closed) == ((range(4), range(4, 8)), {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"stage": "validation"}, "its job is in validation"),
        ({"stage": "acceptance"}, "its job is in acceptance"),
        ({"state": "completed"}, "its job is completed"),
        ({"stage": "acceptance", "state": "completed"}, "its job is completed"),
        ({"replicas_count": 2}, "people work on its job in replicas"),
        ({"consensus_replicas": 2}, "people work on its job in replicas"),
        ({"consensus_replicas": 2, "stage": "validation"}, "its job is in validation"),
    ],
)
def test_a_job_beyond_annotation_closes_its_frames_and_no_others(row: dict[str, Any], reason: str) -> None:
    found = jobs({"stop_frame": 3}, {"start_frame": 4, "stop_frame": 6} | row, {"start_frame": 7})
    assert found.closed == dict.fromkeys((4, 5, 6), reason)


def test_where_jobs_overlap_the_closed_one_counts() -> None:
    assert jobs({"stop_frame": 5}, {"start_frame": 4, "state": "completed"}).closed.keys() == {4, 5, 6, 7}
    assert jobs({"start_frame": 4, "state": "completed"}, {"stop_frame": 5}).closed.keys() == {4, 5, 6, 7}


def test_other_jobs_say_nothing_about_annotation() -> None:
    found = jobs(
        {}, {"type": "ground_truth", "stage": "acceptance"}, {"type": "consensus_replica", "state": "completed"}
    )
    assert (found.segments, found.closed) == ((range(8),), {})
    bare = read_jobs(Server(rows=[{"start_frame": 0, "stop_frame": 7, "stage": "annotation", "state": "new"}]), TASK)  # type: ignore[arg-type]
    assert bare.segments == (range(8),), "an older CVAT has no types"


def test_frames_in_no_job_are_closed_in_order() -> None:
    found = jobs({"start_frame": 2, "stop_frame": 4})
    assert list(found.closed.items()) == [(n, "in no annotation job") for n in (0, 1, 5, 6, 7)]
    assert jobs().closed.keys() == set(range(8))


def test_a_job_ends_with_its_task() -> None:
    assert jobs({"start_frame": -1, "stop_frame": 4000}).segments == (range(8),)
    assert jobs({"stop_frame": 7}).segments == (range(8),)


def test_jobs_of_the_task_are_read_page_by_page(cvat: CvatDouble, task: Made) -> None:
    other = cvat.state.add_task("other", labels=["person"], frames=[jpeg()] * 8)
    other.jobs[0].state = "completed"
    task.jobs.append(Job(999, 0, 7, stage="acceptance", type="ground_truth"))
    task.jobs[1].state = "completed"
    found = read_jobs(client(), read_task(client(), task.id))
    assert found.segments == (range(4), range(4, 8))
    assert found.closed == dict.fromkeys(range(4, 8), "its job is completed")
