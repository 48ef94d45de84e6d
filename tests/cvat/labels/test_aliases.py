"""The labels file: what people say about mapping, from the general to the particular."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firstpass.cvat.labels.aliases import read_rules
from firstpass.cvat.labels.mapping import LabelRules
from firstpass.cvat.server.tasks import Task
from firstpass.errors import FirstpassError
from firstpass.settings import settings

TASK = Task(12, "night", 3, 10)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    file = tmp_path / "labels.yaml"
    monkeypatch.setenv("FIRSTPASS_CVAT_LABELS", str(file))
    settings.cache_clear()

    def write(text: str) -> Path:
        file.write_text(text, "utf-8")
        return file

    yield write
    settings.cache_clear()


def test_no_file_says_nothing(write: Write) -> None:
    assert read_rules(TASK, {}) == LabelRules.none()


def test_an_empty_file_or_section_says_nothing(write: Write) -> None:
    for text in ("", "# nothing\n", '"*":\n', "project/3: {}\n", "project/3:\n  aliases: {}\n"):
        write(text)
        assert read_rules(TASK, {}) == LabelRules.none()


def test_the_particular_goes_before_the_general(write: Write) -> None:
    write(
        """
        "*":       {aliases: {person: human, kite: ignore}, thresholds: {person: 0.5, car: 1}}
        project/3: {aliases: {person: Pedestrian}}
        project/4: {aliases: {person: Walker}}
        task/12:   {thresholds: {person: 0.7}}
        """
    )
    rules = read_rules(TASK, {"car": "Vehicle"})
    assert rules.aliases == {"person": "Pedestrian", "kite": "ignore"}
    assert rules.thresholds == {"person": 0.7, "car": 1.0}
    assert rules.reviewed == {"car": "Vehicle"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "is not YAML"),
        ("- a\n- b", "not sections"),
        ("project/3: [person]", "is not understood"),
        ("project/3: {alias: {a: b}}", "'alias' is not understood"),
        ("project/3: {aliases: [a]}", "'aliases' is not understood"),
        ("project/3: {aliases: {person: }}", "the alias of 'person' is None"),
        ("project/3: {aliases: {person: 3}}", "the alias of 'person' is 3"),
        ("project/3: {aliases: {person: ' '}}", "the alias of 'person' is ' '"),
        ("project/3: {thresholds: {person: '0.5'}}", "the threshold of 'person' is '0.5'"),
        ("project/3: {thresholds: {person: -0.1}}", "the threshold of 'person' is -0.1"),
        ("project/3: {thresholds: {person: 1.5}}", "the threshold of 'person' is 1.5"),
        ("project/3: {thresholds: {person: true}}", "the threshold of 'person' is True"),
    ],
)
def test_what_does_not_fit_the_form_names_file_section_and_value(write: Write, text: str, problem: str) -> None:
    file = write(text)
    with pytest.raises(FirstpassError) as caught:
        read_rules(TASK, {})
    assert str(file) in caught.value.problem
    assert problem in caught.value.problem


def test_a_threshold_may_be_either_bound_and_is_a_number_however_it_is_written(write: Write) -> None:
    write('"*": {thresholds: {person: 0, car: 1, 7: 0.5}}')
    rules = read_rules(TASK, {})
    assert rules.thresholds == {"person": 0.0, "car": 1.0, "7": 0.5}
    assert all(isinstance(value, float) for value in rules.thresholds.values())


def test_a_task_without_a_project_has_no_projects_rules(write: Write) -> None:
    write("project/3: {aliases: {person: Pedestrian}}\nproject/None: {aliases: {car: x}}")
    assert read_rules(Task(12, "night", 4, 10), {}).aliases == {}


def test_bytes_that_are_no_text(write: Write) -> None:
    write("").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FirstpassError, match="is not YAML"):
        read_rules(TASK, {})
