"""The class table by itself, beside the network's shapes and beside the label maps."""

from __future__ import annotations

import os

import pytest

from firstpass.models.class_checks import ClassFindings, check_classes
from firstpass.models.classes_csv import ClassRow


def rows(*names: str, ids: list[int] | None = None) -> list[ClassRow]:
    """As in a file with a header: the first class stands in its second row."""
    return [
        ClassRow(line, name, number)
        for line, (name, number) in enumerate(zip(names, ids or range(1, len(names) + 1), strict=True), start=2)
    ]


def check(names: list[ClassRow], count: int | None = None, **label_maps: dict[int, str]) -> ClassFindings:
    return check_classes(names, count, {name.replace("_json", ".json"): found for name, found in label_maps.items()})


def test_a_sound_table_has_no_findings_and_its_validations_are_kept():
    found = check(rows("cat", "dog"), 2, map_json={1: "cat", 2: "dog"})
    assert (found.critical, found.warnings) == ([], [])
    assert list(found.validations) == ["classes.csv", "map.json"]
    assert all(validation.success for validation in found.validations.values())
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_each_fault_names_its_row_and_value():
    found = check(rows("cat", "", "x" * 201, "do\ng", "cat", ids=[1, 2, 3, 4, 4]))
    said = found.critical
    assert "classes.csv row 3: the name '' is empty or too long" in said
    assert any(each.startswith("classes.csv row 4: the name 'xxx") for each in said)
    assert r"classes.csv row 5: the name 'do\ng' holds a control character" in said
    assert "classes.csv row 2: the name 'cat' is there twice" in said
    assert "classes.csv row 6: the name 'cat' is there twice" in said
    assert "classes.csv row 5: the id 4 is there twice" in said
    assert len(found.warnings) == 2, "two equal names are equal without their case as well"


@pytest.mark.parametrize("name", ["a", "x" * 200, "größe", "a b", "\u00a0x"])
def test_names_that_are_in_order(name):
    assert check(rows(name)).critical == []


@pytest.mark.parametrize("control", ["\t", "\r", "\n", "\x00", "\x1f", "\x7f"])
def test_a_control_character_anywhere_is_a_fault(control):
    for name in (f"{control}x", f"x{control}y", f"x{control}"):
        assert any("holds a control character" in said for said in check(rows(name, "b")).critical), repr(name)


def test_names_that_only_look_different_are_a_warning_and_no_more():
    found = check(rows("hot dog", "Hot_Dog", "car"))
    assert found.critical == []
    assert found.warnings == [
        f"classes.csv row {n}: 'hotdog', but for case, spaces, underscores and hyphens, is there twice" for n in (2, 3)
    ]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, []),
        (3, ["classes.csv has 2 rows, but the network emits 3 classes (no background)"]),
        (1, ["classes.csv has 2 rows, but the network emits 1 classes (no background)"]),
        (None, []),
    ],
)
def test_there_is_a_row_for_each_class_of_the_network(count, said):
    assert check(rows("cat", "dog"), count).critical == said


def test_there_is_a_row_at_least():
    assert check([], None).critical == ["classes.csv has 0 rows"]


def test_a_label_map_says_the_same_for_every_id():
    found = check(rows("cat", "dog", ids=[1, 2]), None, map_json={1: "dog", 3: "cow"})
    assert found.critical == [
        "classes.csv row 2: id 1 is 'cat' here, but 'dog' in map.json",
        "classes.csv row 3: id 2 is 'dog' here, but '' in map.json",
        "classes.csv (no row): id 3 is '' here, but 'cow' in map.json",
    ]


@pytest.mark.parametrize(("count", "more"), [(5, []), (6, ["classes.csv: the same in 1 more rows"])])
def test_five_rows_are_named_and_the_rest_are_counted(count, more):
    found = check(rows(*(f"c{n}" for n in range(count))), None, map_json={})
    assert len(found.critical) == 5 + len(more)
    assert found.critical[5:] == more
