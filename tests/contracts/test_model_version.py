"""A model version in model.json: what is written is read back, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.model_version import ModelFile, ModelVersion

REFUSED = ModelVersion(
    name="pets",
    version="0123456789ab",
    kind="tfod_frozen_graph",
    files=(ModelFile("classes.csv", "0" * 64, 12), ModelFile("sub/graph.pb", "f" * 64, 2**40)),
    classes=ClassTable((ModelClass(1, "cat"), ModelClass(5, "größe <b>"))),
    source="s3://models/pets",
    decided_at="2026-01-01T00:00:00+00:00",
    admitted=False,
    threshold=0.1 + 0.2,
    reasons=("class 2 has no name", "„größe“ is there twice"),
    options={"resize": 640, "mean": [0.5, None, True], "nested": {"ä": ""}},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
VERSIONS = st.builds(
    ModelVersion,
    name=st.text(),
    version=st.text(),
    kind=st.text(),
    files=st.lists(st.builds(ModelFile, st.text(), st.text(), st.integers(0)), max_size=3).map(tuple),
    classes=st.lists(st.builds(ModelClass, st.integers(), st.text()), max_size=3).map(tuple).map(ClassTable),
    source=st.text(),
    decided_at=st.text(),
    admitted=st.booleans(),
    threshold=st.floats(0, 1),
    reasons=st.lists(st.text(), max_size=3).map(tuple),
    options=st.none() | st.dictionaries(st.text(), JSON, max_size=3),
)


@given(VERSIONS)
def test_what_is_written_is_read(version):
    assert ModelVersion.from_json(version.to_json()) == version


def test_lists_are_read_as_what_nobody_can_change():
    read = ModelVersion.from_json(REFUSED.to_json())
    assert read == REFUSED
    assert [type(each) for each in (read.files, read.reasons, read.classes.classes)] == [tuple] * 3
    assert hash(read.files) == hash(REFUSED.files)


def test_writing_again_what_was_read_changes_no_byte():
    assert ModelVersion.from_json(REFUSED.to_json()).to_json() == REFUSED.to_json()


def test_a_version_that_says_no_more_than_it_must_was_admitted_without_reasons_and_options():
    short = replace(REFUSED, reasons=(), options=None)
    must = {
        name: getattr(short, name) for name in ModelVersion.__dataclass_fields__ if name not in ("reasons", "options")
    }
    assert ModelVersion(**must) == short


def test_the_file_is_text_that_people_can_read():
    text = REFUSED.to_json()
    assert text.endswith("}\n")
    assert "größe <b>" in text
    assert "„größe“ is there twice" in text
    assert text.splitlines()[1] == ' "name": "pets",'


def test_the_file_has_every_field_under_its_name():
    written = json.loads(REFUSED.to_json())
    assert list(written) == list(ModelVersion.__dataclass_fields__)
    assert written["files"][1] == {"path": "sub/graph.pb", "sha256": "f" * 64, "size": 2**40}
    assert written["classes"] == [{"id": 1, "name": "cat"}, {"id": 5, "name": "größe <b>"}]
    assert written["threshold"] == 0.30000000000000004
    assert written["admitted"] is False


def test_it_is_named_by_name_and_version():
    assert REFUSED.ref == "pets@0123456789ab"
    assert "ref" not in json.loads(REFUSED.to_json())


@pytest.mark.parametrize("text", ["", "{", REFUSED.to_json()[:-3], "\0"])
def test_text_that_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r".+"):
        ModelVersion.from_json(text)


@pytest.mark.parametrize("name", ["files", "classes", "reasons"])
def test_a_list_that_is_not_there_is_named(name):
    raw = json.loads(REFUSED.to_json())
    del raw[name]
    with pytest.raises(KeyError, match=name):
        ModelVersion.from_json(json.dumps(raw))


def test_a_version_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        REFUSED.admitted = True
    with pytest.raises(FrozenInstanceError):
        REFUSED.files[0].size = 0


def test_a_version_of_release_0_1_0_has_no_floor_of_its_own() -> None:
    made = ModelVersion(
        name="pets",
        version="0123456789ab",
        kind="tfod_frozen_graph",
        files=(ModelFile("graph.pb", "00ff", 10),),
        classes=ClassTable((ModelClass(1, "cat"),)),
        source="/artifacts/pets",
        decided_at="2026-01-01T00:00:00.000+00:00",
        admitted=True,
        threshold=0.5,
        floor=0.1,
    )
    old = json.loads(made.to_json())
    assert old.pop("floor") == 0.1
    assert ModelVersion.from_json(json.dumps(old)) == replace(made, floor=None)
