"""Label mapping: one decision a class, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.contracts.class_table import ClassTable, ModelClass, normalise
from firstpass.cvat.labels.mapping import DecidedBy, Decision, LabelRules, map_labels, settle
from firstpass.cvat.server.labels import Label
from firstpass.errors import FirstpassError


def table(*names: str) -> ClassTable:
    return ClassTable(tuple(ModelClass(i, name) for i, name in enumerate(names, start=1)))


def labels(**types: str) -> list[Label]:
    """Labels by name, `_` in a name standing for itself."""
    return [Label(i, name, type_) for i, (name, type_) in enumerate(types.items(), start=10)]


def decide(
    name: str,
    of: list[Label],
    *,
    aliases: Mapping[str, str] | None = None,
    reviewed: Mapping[str, str] | None = None,
    outlines: bool = False,
) -> Decision:
    (decision,) = map_labels(table(name), of, LabelRules(aliases or {}, reviewed or {}, {}), outlines=outlines)
    return decision


def test_the_same_name_is_taken() -> None:
    found = decide("person", labels(person="rectangle", Person="rectangle"))
    assert (found.how, found.label and found.label.name) == (DecidedBy.EXACT, "person")


@pytest.mark.parametrize(
    "written", ["Traffic Light", "traffic_light", "TRAFFIC-LIGHT", "trafficLight", "ｔｒａｆｆｉｃ light"]
)
def test_case_spaces_underscores_hyphens_and_unicode_variants_do_not_matter(written: str) -> None:
    found = decide("traffic light", [Label(7, written, "any")])
    assert (found.how, found.label and found.label.id) == (DecidedBy.NORMALISED, 7)


def test_labels_that_differ_only_by_case_are_not_guessed_between() -> None:
    found = decide("person", labels(Person="any", PERSON="any"))
    assert found.how is DecidedBy.UNMATCHED
    assert "'Person' and 'PERSON' fit equally well" in found.reason


def test_an_alias_says_which_of_two() -> None:
    found = decide("person", labels(Person="any", PERSON="any"), aliases={"person": "PERSON"})
    assert (found.how, found.label and found.label.name) == (DecidedBy.ALIAS, "PERSON")


def test_an_alias_is_used_where_names_do_not_fit_and_finds_its_label_normalised_too() -> None:
    found = decide("person", labels(Pedestrian="any"), aliases={"Person": "pedestrian"})
    assert (found.how, found.label and found.label.name) == (DecidedBy.ALIAS, "Pedestrian")


def test_an_alias_to_a_label_that_does_not_exist() -> None:
    found = decide("person", labels(car="any"), aliases={"person": "Pedestrian"})
    assert (found.how, found.label) == (DecidedBy.UNMATCHED, None)
    assert "'Pedestrian', which does not exist here" in found.reason


def test_ignore_holds_even_where_the_name_fits() -> None:
    found = decide("person", labels(person="any"), aliases={"person": "ignore"})
    assert (found.how, found.label) == (DecidedBy.IGNORED, None)


def test_the_review_goes_before_everything() -> None:
    found = decide(
        "person", labels(person="any", crowd="any"), aliases={"person": "ignore"}, reviewed={"person": "crowd"}
    )
    assert (found.how, found.label and found.label.name) == (DecidedBy.REVIEWED, "crowd")


def test_a_reviewed_label_that_was_renamed_since_is_asked_about_again() -> None:
    found = decide("person", labels(person="any"), reviewed={"person": "pedestrian"})
    assert (found.how, found.label) == (DecidedBy.UNMATCHED, None)


def test_several_classes_may_share_a_label() -> None:
    rules = LabelRules({"car": "vehicle", "truck": "vehicle"}, {}, {"truck": 0.8})
    found = map_labels(table("car", "truck", "kite"), labels(vehicle="rectangle"), rules, outlines=False)
    assert [(d.label and d.label.name, d.threshold) for d in found] == [
        ("vehicle", 0.0), ("vehicle", 0.8), (None, 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label_type", "outlines", "shape"),
    [
        ("rectangle", False, "rectangle"), ("rectangle", True, "rectangle"),
        ("polygon", True, "polygon"), ("polygon", False, None),
        ("mask", True, "mask"), ("mask", False, None),
        ("any", False, "rectangle"), ("any", True, "polygon"),
        ("skeleton", True, None), ("points", True, None), ("tag", False, None), ("cuboid", True, None),
    ],
)  # fmt: skip
def test_the_label_type_decides_the_shape(label_type: str, outlines: bool, shape: str | None) -> None:
    found = decide("person", labels(person=label_type), outlines=outlines)
    assert found.shape == shape
    assert (found.how is DecidedBy.UNMATCHED) == (shape is None)
    assert shape or "'person'" in found.reason


def test_an_alias_leads_around_a_label_of_the_wrong_type() -> None:
    found = decide("person", labels(person="skeleton", person_box="rectangle"), aliases={"person": "person_box"})
    assert (found.how, found.label and found.label.name) == (DecidedBy.ALIAS, "person_box")


def test_policy_fail_names_what_is_unmatched() -> None:
    found = map_labels(table("person", "kite"), labels(person="any"), LabelRules.none(), outlines=False)
    assert settle(found, "drop", "task 12")
    assert not settle(found, "ask", "task 12")
    with pytest.raises(
        FirstpassError, match=r"1 of 2 classes have no label in task 12: kite \(no label of this name\)"
    ):
        settle(found, "fail", "task 12")


def test_a_task_where_nothing_fits_is_an_error_even_when_dropping() -> None:
    found = map_labels(table("person"), [], LabelRules.none(), outlines=False)
    with pytest.raises(FirstpassError, match="person"):
        settle(found, "drop", "task 12")


def test_attributes_take_their_defaults() -> None:
    raw = {
        "id": 3, "name": "car", "type": "rectangle",
        "attributes": [
            {"id": 5, "default_value": "red", "values": ["red", "blue"]},
            {"id": 6, "default_value": "", "values": ["a", "b"]},
            {"id": 7, "default_value": "", "values": []},
        ],
    }  # fmt: skip
    assert Label.from_api(raw) == Label(3, "car", "rectangle", ((5, "red"), (6, "a"), (7, "")))


@given(st.text())
def test_normalising_twice_changes_nothing(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=6), st.lists(st.text(max_size=8), max_size=6))
def test_every_class_gets_exactly_one_decision_with_a_reason(classes: list[str], names: list[str]) -> None:
    of = [Label(i, name, "any") for i, name in enumerate(names)]
    found = map_labels(table(*classes), of, LabelRules.none(), outlines=True)
    assert [d.class_name for d in found] == classes
    assert all(d.reason for d in found)
    assert all((d.label is None) == (d.shape is None) for d in found)
