"""The CVAT double, spoken to by CVAT's own SDK, unpatched; and the faults that it can be told to have."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cvat_sdk import Client, models
from cvat_sdk.api_client import exceptions
from cvat_sdk.core.client import AccessTokenCredentials
from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction
from PIL import Image

from doubles.cvat import CvatDouble, Task


def jpeg(width: int = 64, height: int = 48, orientation: int = 1) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture
def cvat() -> Iterator[CvatDouble]:
    with CvatDouble() as double:
        yield double


@pytest.fixture
def sdk(cvat: CvatDouble) -> Iterator[Client]:
    with Client(cvat.url) as client:
        client.login(AccessTokenCredentials(cvat.token))
        yield client


@pytest.fixture
def task(cvat: CvatDouble) -> Task:
    return cvat.state.add_task(
        "night", labels=["person", "car"], frames=[jpeg() for _ in range(5)], chunk_size=2, segment_size=3
    )


def shape(task: Task, frame: int = 0, **options: Any) -> dict[str, Any]:
    return {
        "type": "rectangle", "frame": frame, "label_id": task.labels[0].id, "points": [1.5, 2.5, 3.5, 4.5], **options,
    }  # fmt: skip


def create(sdk: Client, task: Task, *shapes: dict[str, Any]) -> list[Any]:
    data = models.PatchedLabeledDataRequest(shapes=[models.LabeledShapeRequest(**s) for s in shapes])
    answer, _ = sdk.tasks.api.partial_update_annotations("create", task.id, patched_labeled_data_request=data)
    return answer.shapes


def test_the_sdk_reads_a_task(cvat: CvatDouble, sdk: Client, task: Task) -> None:
    assert str(sdk.get_server_version()) == "2.73.0"
    seen = sdk.tasks.retrieve(task.id)
    assert (seen.name, seen.size, seen.mode, seen.dimension) == ("night", 5, "annotation", "2d")
    assert [label.name for label in seen.get_labels()] == ["person", "car"]
    assert [(f.width, f.height) for f in seen.get_frames_info()] == [(64, 48)] * 5
    assert [(j.start_frame, j.stop_frame, j.stage) for j in seen.get_jobs()] == [
        (0, 2, "annotation"), (3, 4, "annotation"),
    ]  # fmt: skip
    assert cvat.problems == []


def test_the_sdk_reads_frames_one_by_one_and_in_chunks(cvat: CvatDouble, sdk: Client, task: Task) -> None:
    assert task.frames
    seen = sdk.tasks.retrieve(task.id)
    assert seen.get_frame(3, quality="original").read() == task.frames[3].data
    assert Image.open(seen.get_frame(3, quality="compressed")).format == "JPEG"
    chunk = io.BytesIO()
    seen.download_chunk(1, chunk, quality="original")
    with zipfile.ZipFile(chunk) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [task.frames[2].data, task.frames[3].data]
    with pytest.raises(exceptions.NotFoundException):
        seen.get_frame(5)


def test_sizes_and_compressed_frames_are_upright(cvat: CvatDouble, sdk: Client) -> None:
    task = cvat.state.add_task("turned", labels=["person"], frames=[jpeg(64, 48, orientation=6)])
    seen = sdk.tasks.retrieve(task.id)
    assert (seen.get_frames_info()[0].width, seen.get_frames_info()[0].height) == (48, 64)
    assert Image.open(seen.get_frame(0, quality="compressed")).size == (48, 64)
    assert Image.open(seen.get_frame(0, quality="original")).size == (64, 48)


def test_the_sdk_makes_a_task_from_files(cvat: CvatDouble, sdk: Client, tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(jpeg())
    made = sdk.tasks.create_from_data(
        spec=models.TaskWriteRequest("made", labels=[models.PatchedLabelRequest(name="person", type="rectangle")]),
        resources=sorted(tmp_path.iterdir(), reverse=True),
        status_check_period=1,
    )
    assert [frame.name for frame in made.get_frames_info()] == ["a.jpg", "b.jpg"]
    assert [(label.name, label.type) for label in made.get_labels()] == [("person", "rectangle")]
    assert cvat.problems == []


def test_creating_twice_doubles_the_shapes(cvat: CvatDouble, sdk: Client, task: Task) -> None:
    first = create(sdk, task, shape(task, score=0.5, source="auto"))
    second = create(sdk, task, shape(task, score=0.5, source="auto"))
    assert first[0].id != second[0].id
    assert [(s.score, s.source) for s in sdk.tasks.retrieve(task.id).get_annotations().shapes] == [(0.5, "auto")] * 2
    assert cvat.problems == []


def test_a_shape_beyond_the_end_is_silently_dropped(sdk: Client, task: Task) -> None:
    assert [s.frame for s in create(sdk, task, shape(task, 4), shape(task, 5))] == [4]


def test_score_is_one_and_source_is_manual_when_not_said(sdk: Client, task: Task) -> None:
    (made,) = create(sdk, task, shape(task))
    assert (made.score, made.source) == (1.0, "manual")


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": [1.0, 2.0, 3.0]},
        {"type": "polygon", "points": [1.0, 2.0, 3.0, 4.0]},
        {"label_id": 99999},
        {"score": 1.5},
        {"score": None},
        {"source": "robot"},
        {"frame": -1},
        {"attributes": [{"spec_id": 99999, "value": "x"}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_the_server_checks_is_refused_whole(cvat: CvatDouble, task: Task, wrong: dict[str, Any]) -> None:
    answer = patch(cvat, task, {"shapes": [shape(task), shape(task) | wrong]})
    assert answer.status == 400
    assert task.shapes == {}


def test_what_the_server_does_not_check_is_taken(cvat: CvatDouble, task: Task) -> None:
    odd = [shape(task, points=[9.0, 9.0, 1.0, 1.0]), shape(task, points=[-5.0, 0.0, 9e9, 1.0]), shape(task, made_up=1)]
    assert patch(cvat, task, {"shapes": odd}).status == 200
    assert len(task.shapes) == 3


def test_update_keeps_the_id_and_delete_takes_ids(sdk: Client, task: Task) -> None:
    (made,) = create(sdk, task, shape(task))
    moved = models.LabeledShapeRequest(**shape(task, points=[9.0, 9.0, 12.0, 12.0]), id=made.id)
    seen = sdk.tasks.retrieve(task.id)
    seen.update_annotations(models.PatchedLabeledDataRequest(shapes=[moved]))
    assert [(s.id, s.points[0]) for s in seen.get_annotations().shapes] == [(made.id, 9.0)]
    seen.update_annotations(models.PatchedLabeledDataRequest(shapes=[moved]), action=AnnotationUpdateAction.DELETE)
    seen.update_annotations(models.PatchedLabeledDataRequest(shapes=[moved]), action=AnnotationUpdateAction.DELETE)
    assert seen.get_annotations().shapes == []


def test_tokens(cvat: CvatDouble, task: Task) -> None:
    assert get(cvat, "/api/tasks", token="").status == 401
    assert get(cvat, "/api/tasks", token="made up").status == 401
    assert get(cvat, f"/api/tasks/{task.id}", token=cvat.stranger_token).status == 403
    assert get(cvat, f"/api/tasks/{task.id}", token=cvat.read_only_token).status == 200
    assert patch(cvat, task, {"shapes": []}, token=cvat.read_only_token).status == 403
    assert get(cvat, "/api/tasks/9").status == 404


def test_lists_come_in_pages(cvat: CvatDouble, sdk: Client) -> None:
    project = cvat.state.add_project("city", labels=["person"])
    for index in range(23):
        cvat.state.add_task(f"t{index}", project=project, frames=[jpeg()])
    assert len(get(cvat, f"/api/tasks?project_id={project.id}").json()["results"]) == 10
    assert len(sdk.projects.retrieve(project.id).get_tasks()) == 23
    assert cvat.problems == []


def test_a_task_without_data(cvat: CvatDouble) -> None:
    empty = cvat.state.add_task("empty", labels=["person"])
    assert get(cvat, f"/api/tasks/{empty.id}/data/meta").status == 400
    assert get(cvat, f"/api/tasks/{empty.id}/data/?type=frame&number=0&quality=original").status == 404


def test_the_schema_is_held(cvat: CvatDouble, task: Task) -> None:
    assert patch(cvat, task, {"shapes": [{"frame": 0}]}).status == 400
    assert "'type' is a required property" in cvat.problems[0]


def test_a_gateway_error_before_or_after_the_request_was_applied(cvat: CvatDouble, task: Task) -> None:
    cvat.faults.add("status", 504, when="before")
    cvat.faults.add("status", 502, when="after")
    assert patch(cvat, task, {"shapes": [shape(task)]}).status == 504
    assert len(task.shapes) == 0
    assert patch(cvat, task, {"shapes": [shape(task)]}).status == 502
    assert len(task.shapes) == 1


@pytest.mark.parametrize(("when", "applied"), [("before", 0), ("after", 1)])
def test_a_dropped_connection(cvat: CvatDouble, task: Task, when: str, applied: int) -> None:
    cvat.faults.add("drop", when=when)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        patch(cvat, task, {"shapes": [shape(task)]})
    assert len(task.shapes) == applied


def test_too_many_requests_says_when_to_come_back(cvat: CvatDouble, task: Task) -> None:
    cvat.faults.add("status", 429, retry_after="1")
    answer = patch(cvat, task, {"shapes": [shape(task)]})
    assert (answer.status, answer.headers["Retry-After"], len(task.shapes)) == (429, "1", 0)


def test_a_request_applied_after_the_gateway_gave_up(cvat: CvatDouble, task: Task) -> None:
    cvat.faults.add("late", 504, seconds=0.05)
    assert patch(cvat, task, {"shapes": [shape(task)]}).status == 504
    for _ in range(100):
        if get(cvat, f"/api/tasks/{task.id}/annotations/").json()["shapes"]:
            return
    pytest.fail("the request was never applied")


def get(cvat: CvatDouble, path: str, token: str | None = None) -> Any:
    return urllib3.request("GET", cvat.url + path, headers=_login(cvat, token), retries=False)


def patch(cvat: CvatDouble, task: Task, body: dict[str, Any], token: str | None = None) -> Any:
    url = f"{cvat.url}/api/tasks/{task.id}/annotations/?action=create"
    return urllib3.request("PATCH", url, json=body, headers=_login(cvat, token), retries=False)


def _login(cvat: CvatDouble, token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {cvat.token if token is None else token}"}
