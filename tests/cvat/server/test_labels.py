"""The labels of a task, and the values that their attributes have unless somebody says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from doubles.cvat import CvatDouble
from firstpass.cvat.server.client import cvat as client
from firstpass.cvat.server.labels import Label, attribute_defaults, read_labels
from firstpass.cvat.server.tasks import Task, read_task
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import jpeg

RAW = {
    "id": 3, "name": "car", "type": "rectangle",
    "attributes": [
        {"id": 5, "default_value": "blue", "values": ["red", "blue"]},
        {"id": 6, "default_value": "", "values": ["a", "b"]},
        {"id": 7, "default_value": "", "values": []},
        {"id": 8},
    ],
}  # fmt: skip


def test_attributes_take_their_defaults() -> None:
    assert Label.from_api(RAW) == Label(3, "car", "rectangle", ((5, "blue"), (6, "a"), (7, ""), (8, "")))


@pytest.mark.parametrize("raw", [{"type": ""}, {"type": None}, {}])
def test_a_label_without_a_type_takes_any_shape(raw: dict[str, str]) -> None:
    assert Label.from_api({"id": 3, "name": "car", "attributes": []} | raw) == Label(3, "car", "any")


def test_defaults_of_all_labels_together() -> None:
    labels = [Label(1, "a", "any", ((5, "x"), (6, "y"))), Label(2, "b", "any"), Label(3, "c", "any", ((7, "z"),))]
    assert attribute_defaults(labels) == {5: "x", 6: "y", 7: "z"}


def test_the_points_of_a_skeleton_are_no_labels_of_their_own(cvat: CvatDouble) -> None:
    skeleton = {"name": "body", "type": "skeleton", "sublabels": [{"name": "knee", "type": "points"}]}
    task = cvat.state.add_task("t", labels=["person", skeleton], frames=[jpeg()])
    found = read_labels(client(), read_task(client(), task.id))
    assert [(label.name, label.type) for label in found] == [("person", "any"), ("body", "skeleton")]


def test_rows_that_belong_to_another_label_are_none_of_their_own() -> None:
    class Server:
        def pages(self, path: str, **query: Any) -> Any:
            assert (path, query) == ("/api/labels", {"task_id": 12})
            rows = ({"id": 1, "parent_id": None}, {"id": 2, "parent_id": 1}, {"id": 3})
            return ({"name": f"label {row['id']}", "attributes": []} | row for row in rows)

    found = read_labels(Server(), Task(12, "t", None, 1))  # type: ignore[arg-type]
    assert [label.id for label in found] == [1, 3]


def test_labels_of_a_project_are_its_tasks_labels(cvat: CvatDouble) -> None:
    project = cvat.state.add_project("city", labels=["Pedestrian"])
    cvat.state.add_task("elsewhere", labels=["person"], frames=[jpeg()])
    task = cvat.state.add_task("t", project=project, frames=[jpeg()])
    assert [label.name for label in read_labels(client(), read_task(client(), task.id))] == ["Pedestrian"]


def test_a_task_without_labels_cannot_be_drafted(cvat: CvatDouble) -> None:
    task = cvat.state.add_task("bare", frames=[jpeg()])
    with pytest.raises(FirstpassError, match=rf"task {task.id} \(bare\) has no labels"):
        read_labels(client(), read_task(client(), task.id))
