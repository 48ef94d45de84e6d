"""The CVAT double, spoken to by CVAT's own SDK, unpatched; and the faults that it can be told to have."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from cvat_sdk import Client, models
from cvat_sdk.api_client import exceptions
from cvat_sdk.api_client.model_utils import OpenApiModel
from cvat_sdk.core.client import AccessTokenCredentials
from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction
from PIL import Image

from doubles.cvat import CvatDouble, Task, json_bodies, operations, render, schema


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


def test_putting_a_job_gives_all_that_lies_in_it_new_ids_and_leaves_the_others(sdk: Client, task: Task) -> None:
    first, gone, other = create(sdk, task, shape(task, 0), shape(task, 2), shape(task, 3))
    put = models.LabeledDataRequest(shapes=[models.LabeledShapeRequest(**shape(task, frame)) for frame in (0, 4)])
    sdk.jobs.api.update_annotations(task.jobs[0].id, labeled_data_request=put)
    left = {s.id: s.frame for s in sdk.tasks.retrieve(task.id).get_annotations().shapes}
    assert left.pop(other.id) == 3
    assert [*left.values()] == [0], "what lies outside of the job is dropped"
    assert not {first.id, gone.id} & set(left)


def test_putting_a_task_replaces_everything(sdk: Client, task: Task) -> None:
    before = create(sdk, task, shape(task, 0), shape(task, 3))
    put = models.LabeledDataRequest(shapes=[models.LabeledShapeRequest(**shape(task, 3))])
    sdk.tasks.retrieve(task.id).set_annotations(put)
    ((number, made),) = task.shapes.items()
    assert made["frame"] == 3
    assert number not in {s.id for s in before}


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


def test_what_breaks_the_schema_is_refused_and_noted(cvat: CvatDouble, task: Task) -> None:
    assert patch(cvat, task, {"shapes": [{"frame": 0}]}).status == 400
    assert cvat.problems == [
        f"PATCH /api/tasks/{task.id}/annotations/: body: LabeledShapeRequest lacks 'type' and 'label_id'"
    ]


def test_a_double_that_does_not_validate_notes_nothing() -> None:
    with CvatDouble(validate=False) as cvat:
        task = cvat.state.add_task("night", labels=["person"], frames=[jpeg()])
        assert patch(cvat, task, {"shapes": [shape(task, occluded="no")]}).status == 200
        assert cvat.problems == []


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
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if get(cvat, f"/api/tasks/{task.id}/annotations/").json()["shapes"]:
            return
    pytest.fail("the request was never applied")


# What breaks the schema, in requests and in answers: the words are those of the problem that the double notes.

SHAPES = [
    ({"type": ...}, "LabeledShapeRequest lacks 'type'"),
    ({"frame": ...}, "LabeledShapeRequest lacks 'frame'"),
    ({"label_id": ...}, "LabeledShapeRequest lacks 'label_id'"),
    ({"type": "circle"}, "(circle), must be one of"),
    ({"type": ["rectangle"]}, "passed type was list"),
    ({"frame": "0"}, "['shapes'][0]['frame']"),
    ({"frame": 0.5}, "passed type was float"),
    ({"frame": True}, "passed type was bool"),
    ({"frame": -1}, "greater than or equal to `0`"),
    ({"label_id": None}, "passed type was NoneType"),
    ({"points": "1,2,3,4"}, "['points']"),
    ({"points": [1.0, 2.0, 3.0, "4"]}, "['points'][3]"),
    ({"score": None}, "['score']"),
    ({"score": "0.5"}, "['score']"),
    ({"score": 1.5}, "less than or equal to `1`"),
    ({"score": -0.5}, "greater than or equal to `0`"),
    ({"score": float("nan")}, "NaN is no number"),
    ({"source": "robot"}, "shapes[0].source: 'robot' is not allowed"),
    ({"source": None}, "['source']"),
    ({"rotation": 361}, "less than or equal to `360`"),
    ({"occluded": 1}, "['occluded']"),
    ({"z_order": 1.5}, "['z_order']"),
    ({"id": "7"}, "['id']"),
    ({"attributes": [{"value": "x"}]}, "AttributeValRequest lacks 'spec_id'"),
    ({"attributes": [[1, "x"]]}, "attributes[0]: [1, 'x'] is no object"),
    ({"attributes": [{"spec_id": 1, "value": 1}]}, "['attributes'][0]['value']"),
    ({"elements": [{"type": "points", "frame": 0}]}, "SubLabeledShapeRequest lacks 'label_id'"),
]


@pytest.mark.parametrize(("wrong", "words"), SHAPES)
def test_a_shape_that_breaks_the_schema(cvat: CvatDouble, task: Task, wrong: dict[str, Any], words: str) -> None:
    assert patch(cvat, task, {"shapes": [without_dots(shape(task) | wrong)]}).status == 400
    assert words in cvat.problems[0]
    assert task.shapes == {}


LONG = {"name": "colour", "mutable": False, "input_type": "select", "values": ["r" * 201]}
REQUESTS = [
    ("PATCH", "/api/tasks/N/annotations/", {}, "query action: is missing"),
    ("PATCH", "/api/tasks/N/annotations/?action=", {}, "query action: is missing"),
    ("PATCH", "/api/tasks/N/annotations/?action=add", {}, "query action: 'add' is none of"),
    ("PATCH", "/api/tasks/N/annotations/?action=create", [], "body: [] is no object"),
    ("PATCH", "/api/tasks/N/annotations/?action=create", None, "passed type was NoneType"),
    ("PATCH", "/api/tasks/N/annotations/?action=create", {"shapes": {}}, "['shapes']"),
    ("PATCH", "/api/tasks/N/annotations/?action=create", {"shapes": [["rectangle", 1, 0]]}, "is no object"),
    ("PATCH", "/api/tasks/N/annotations/?action=create", {"tags": [{"frame": 0}]}, "LabeledImageRequest lacks"),
    ("PATCH", "/api/tasks/N/annotations/?action=create", {"tracks": [{"frame": 0, "label_id": 1}]}, "lacks 'shapes'"),
    ("PUT", "/api/tasks/N/annotations/", {"shapes": [{"frame": 0}]}, "LabeledShapeRequest lacks"),
    ("GET", "/api/tasks/x", ..., "path id: 'x' is no int"),
    ("GET", "/api/tasks?page=x", ..., "query page: 'x' is no int"),
    ("GET", "/api/tasks?status=done", ..., "query status: 'done' is none of"),
    ("GET", "/api/tasks?project=1", ..., "query project: is unknown to CVAT"),
    ("GET", "/api/jobs?state=done", ..., "query state: 'done' is none of"),
    ("GET", "/api/jobs?type=replica", ..., "query type: 'replica' is none of"),
    ("GET", "/api/labels?task_id=a", ..., "query task_id: 'a' is no int"),
    ("GET", "/api/tasks/N/data/?number=0", ..., "query type: is missing"),
    ("GET", "/api/tasks/N/data/?type=picture&number=0", ..., "query type: 'picture' is none of"),
    ("GET", "/api/tasks/N/data/?type=frame&number=0&quality=best", ..., "query quality: 'best' is none of"),
    ("GET", "/api/tasks/N/annotations", ..., "does not serve"),
    ("GET", "/api/issues", ..., "does not serve"),
    ("DELETE", "/api/tasks/N/annotations/", ..., "does not serve"),
    ("DELETE", "/api/tasks/N", {"id": 1}, "body: application/json is none of []"),
    ("POST", "/api/tasks", ..., "body: is missing"),
    ("POST", "/api/tasks", {}, "TaskWriteRequest lacks 'name'"),
    ("POST", "/api/tasks", {"name": ""}, "length must be greater"),
    ("POST", "/api/tasks", {"name": "x", "labels": ["person"]}, "['labels'][0]"),
    ("POST", "/api/tasks", {"name": "x", "labels": [{"name": "a", "type": "box"}]}, "labels[0].type: 'box'"),
    ("POST", "/api/tasks", {"name": "x", "segment_size": -1}, "greater than or equal to `0`"),
    ("POST", "/api/tasks", {"name": "x", "labels": [{"attributes": [LONG]}]}, "attributes[0].values: "),
    ("PATCH", "/api/jobs/1", {"stage": "done"}, "(done), must be one of"),
    ("PATCH", "/api/jobs/1", {"state": "done"}, "(done), must be one of"),
    ("PATCH", "/api/tasks/N/data/meta", {"deleted_frames": ["1"]}, "['deleted_frames'][0]"),
    ("PATCH", "/api/tasks/N/data/meta", {"deleted_frames": [-1]}, "deleted_frames: [-1] is not allowed"),
    ("POST", "/api/tasks/N/data/", {"server_files": [""]}, "server_files: [''] is not allowed"),
    ("POST", "/api/tasks/N/data/", {"job_file_mapping": [["a.jpg", ""]]}, "job_file_mapping: "),
    ("POST", "/api/tasks/N/data/", {"image_quality": 101}, "less than or equal to `100`"),
]


@pytest.mark.parametrize(("method", "path", "body", "words"), REQUESTS)
def test_a_request_that_breaks_the_schema(
    cvat: CvatDouble, task: Task, method: str, path: str, body: Any, words: str
) -> None:
    sent = b"" if body is ... else json.dumps(body).encode()
    assert send(cvat, method, path.replace("N", str(task.id)), sent).status == 400
    assert words in cvat.problems[0]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"{'shapes': []}", "application/json", "body: no JSON"),
        (b"\xff\xfe", "application/json", "body: no JSON"),
        (b"{}", "text/plain", "body: text/plain is none of"),
    ],
)
def test_a_body_that_is_not_json(cvat: CvatDouble, task: Task, body: bytes, kind: str, words: str) -> None:
    path = f"/api/tasks/{task.id}/annotations/?action=create"
    assert send(cvat, "PATCH", path, body, **{"Content-Type": kind}).status == 400
    assert words in cvat.problems[0]


def test_a_header_that_breaks_the_schema(cvat: CvatDouble, task: Task) -> None:
    assert send(cvat, "POST", f"/api/tasks/{task.id}/data/", **{"Upload-Start": "maybe"}).status == 400
    assert "header Upload-Start: 'maybe' is no bool" in cvat.problems[0]


def test_everything_that_a_shape_may_say_holds_the_schema(cvat: CvatDouble) -> None:
    choice = {"name": "colour", "mutable": True, "input_type": "select", "values": ["red", "blue"]}
    task = cvat.state.add_task("n", labels=[{"name": "dog", "attributes": [choice]}], frames=[jpeg()])
    colour = [{"spec_id": task.labels[0].attributes[0]["id"], "value": "red"}]
    full = shape(task, attributes=colour, group=None, id=None, rotation=360, score=1, source="semi-auto", z_order=-1)
    bones = shape(task, type="skeleton", points=[], elements=[shape(task, type="points", points=[1, 2], outside=True)])
    tag = {"frame": 0, "label_id": task.labels[0].id, "source": "file"}
    track = {**tag, "shapes": [{"type": "rectangle", "frame": 0, "points": [1, 2, 3, 4]}]}
    body = {"version": 0, "shapes": [full, bones], "tags": [tag], "tracks": [track], "made_up": {"by": "us"}}
    assert patch(cvat, task, body).status == 200
    assert get(cvat, f"/api/tasks/{task.id}/annotations/?org=&org_id=1").status == 200
    assert get(cvat, f"/api/labels?task_id={task.id}").status == 200
    assert cvat.problems == []


ANSWERS = [
    ("about", "/api/server/about", {"version": ...}, "About lacks 'version'"),
    ("user", "/api/users/self", {"username": "a b"}, "MetaUser"),
    ("page", "/api/tasks", {"count": ...}, "PaginatedTaskReadList lacks 'count'"),
    ("page", "/api/tasks", {"results": None}, "['results']"),
    ("page", "/api/tasks", {"results": [{}]}, "TaskRead lacks 'jobs' and 'labels'"),
    ("task", "/api/tasks/N", {"jobs": ...}, "TaskRead lacks 'jobs'"),
    ("task", "/api/tasks/N", {"size": "5"}, "['size']"),
    ("task", "/api/tasks/N", {"size": -1}, "greater than or equal to `0`"),
    ("task", "/api/tasks/N", {"name": None}, "['name']"),
    ("task", "/api/tasks/N", {"status": "done"}, "answer.status: 'done' is not allowed"),
    ("task", "/api/tasks/N", {"data_original_chunk_type": "zip"}, "data_original_chunk_type: 'zip'"),
    ("task", "/api/tasks/N", {"owner": {"id": 1}}, "lacks 'username'"),
    ("task", "/api/tasks/N", {"updated_date": "yesterday"}, "Failed to parse 'yesterday' as datetime"),
    ("task", "/api/tasks/N", {"updated_date": "1 January 2026, 10:00"}, "is no ISO 8601 time"),
    ("task", "/api/tasks/N", {"updated_date": "2026-01-01T10:00:00"}, "with a time zone"),
    ("task", "/api/tasks/N", {"consensus_enabled": None}, "consensus_enabled: None"),
    ("job", "/api/jobs", {"labels": ...}, "JobRead lacks 'labels'"),
    ("job", "/api/jobs", {"stage": "done"}, "results[0].stage: 'done'"),
    ("job", "/api/jobs", {"state": None}, "results[0].state: None"),
    ("job", "/api/jobs", {"type": "replica"}, "results[0].type: 'replica'"),
    ("job", "/api/jobs", {"start_frame": 0.5}, "['start_frame']"),
    ("job", "/api/jobs", {"consensus_replicas": "0"}, "results[0].consensus_replicas: '0'"),
    ("label", "/api/labels?task_id=N", {"name": ...}, "Label lacks 'name'"),
    ("label", "/api/labels?task_id=N", {"type": "box"}, "results[0].type: 'box'"),
    ("label", "/api/labels?task_id=N", {"name": "n" * 65}, "less than or equal to `64`"),
    ("meta", "/api/tasks/N/data/meta", {"frames": ...}, "DataMetaRead lacks 'frames'"),
    ("meta", "/api/tasks/N/data/meta", {"frames": [{"name": "a"}]}, "FrameMeta lacks 'related_files'"),
    ("meta", "/api/tasks/N/data/meta", {"deleted_frames": [-1]}, "deleted_frames: [-1]"),
    ("meta", "/api/tasks/N/data/meta", {"storage": "moon"}, "storage: 'moon'"),
    ("finished_request", "/api/requests/R", {"status": "done"}, "(done), must be one of"),
    ("finished_request", "/api/requests/R", {"progress": 1.5}, "less than or equal to `1`"),
]


@pytest.mark.parametrize(("function", "path", "wrong", "words"), ANSWERS)
def test_an_answer_that_breaks_the_schema(
    cvat: CvatDouble, task: Task, monkeypatch: pytest.MonkeyPatch,
    function: str, path: str, wrong: dict[str, Any], words: str,
) -> None:  # fmt: skip
    right = getattr(render, function)

    def broken(*of: Any) -> dict[str, Any]:
        return without_dots(right(*of) | wrong)

    assert get(cvat, path.replace("N", str(task.id))).status == 200
    assert cvat.problems == []
    monkeypatch.setattr(render, function, broken)
    assert get(cvat, path.replace("N", str(task.id))).status == 200
    assert cvat.problems[0].startswith("answer to GET")
    assert words in cvat.problems[0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"label_id": ...}, "LabeledShape lacks 'label_id'"),
        ({"type": "circle"}, "(circle), must be one of"),
        ({"source": "robot"}, "shapes[0].source: 'robot'"),
        ({"score": None}, "['score']"),
        ({"score": 2}, "less than or equal to `1`"),
        ({"points": [None]}, "['points'][0]"),
    ],
)
def test_shapes_in_an_answer_that_break_the_schema(
    cvat: CvatDouble, task: Task, wrong: dict[str, Any], words: str
) -> None:
    task.shapes[1] = without_dots(shape(task, id=1) | wrong)
    assert get(cvat, f"/api/tasks/{task.id}/annotations/").status == 200
    assert words in cvat.problems[0]


@pytest.mark.parametrize(
    ("method", "path", "answer", "problem"),
    [
        ("POST", "/api/tasks", {"status": 200}, "status 200 instead of [201]"),
        ("GET", "/api/tasks/1", {"status": 201}, "status 201 instead of [200]"),
        ("GET", "/api/tasks/1", {"text": "{}"}, "text/plain instead of application/vnd.cvat+json"),
        ("GET", "/api/tasks/1", {"body": b"{", "content_type": schema.CVAT_JSON}, "answer: no JSON"),
        ("GET", "/api/tasks/1", {"body": b"", "content_type": schema.CVAT_JSON}, "answer: no JSON"),
        ("POST", "/api/tasks/1/data/", {"status": 202}, "octet-stream instead of"),
        ("POST", "/api/tasks/1/data/", {"status": 202, "body": b"{}", "content_type": schema.CVAT_JSON}, "answer: "),
    ],
)
def test_an_answer_of_another_kind(method: str, path: str, answer: dict[str, Any], problem: str) -> None:
    assert problem in (schema.response_error(make_mocked_request(method, path), web.Response(**answer)) or "")


def test_no_field_of_the_sdk_is_left_without_a_type_or_a_rule() -> None:
    """The SDK reads anything where it knows no type. A new SDK may have more such fields, and rules may grow old."""
    seen: set[Any] = set()

    def visit(types: Any) -> None:
        if isinstance(types, (tuple, list)):
            for kind in types:
                visit(kind)
        elif issubclass(types, OpenApiModel) and types not in seen:
            seen.add(types)
            for kinds in types.openapi_types.values():
                visit(kinds)

    for operation in operations.served():
        visit(operation.endpoint.settings["response_schema"] or ())
        visit(operation.endpoint.openapi_types[operation.body] if operation.body else ())
    untyped = {(m, field) for m in seen for field, kinds in m.openapi_types.items() if str in kinds and dict in kinds}
    assert untyped <= {(model, field) for model, rules in json_bodies.RULES.items() for field in rules}
    assert len(untyped) > 10
    assert seen >= json_bodies.RULES.keys()
    with_source = {model for model in seen if "source" in model.openapi_types}
    assert with_source == {model for model, rules in json_bodies.RULES.items() if "source" in rules}


def get(cvat: CvatDouble, path: str, token: str | None = None) -> Any:
    return send(cvat, "GET", path, token=token)


def patch(cvat: CvatDouble, task: Task, body: dict[str, Any], token: str | None = None) -> Any:
    path = f"/api/tasks/{task.id}/annotations/?action=create"
    return send(cvat, "PATCH", path, json.dumps(body).encode(), token=token)


def send(cvat: CvatDouble, method: str, path: str, body: bytes = b"", token: str | None = None, **headers: str) -> Any:
    """A body is JSON unless the headers say otherwise."""
    kind = {"Content-Type": "application/json"} if body else {}
    headers = {"Authorization": f"Bearer {cvat.token if token is None else token}", **kind, **headers}
    return urllib3.request(method, cvat.url + path, headers=headers, body=body or None, retries=False)


def without_dots(item: dict[str, Any]) -> dict[str, Any]:
    """Three dots stand for a field that is missing."""
    return {key: value for key, value in item.items() if value is not ...}
