"""Names of classes by id, and the one rule for names that only look different."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstpass.contracts.class_table import ClassTable, ModelClass, normalise

TABLE = ClassTable((ModelClass(1, "person"), ModelClass(2, "größe"), ModelClass(5, "dog")))


def test_names_and_ids_are_each_others_reverse():
    assert TABLE.names == {1: "person", 2: "größe", 5: "dog"}
    assert TABLE.ids == {"person": 1, "größe": 2, "dog": 5}
    assert len(TABLE) == 3


def test_its_json_is_read_back():
    assert TABLE.to_json()[2] == {"id": 5, "name": "dog"}
    assert ClassTable.from_json(json.loads(json.dumps(TABLE.to_json()))) == TABLE


def test_ids_and_names_are_read_as_what_they_are_however_they_were_written():
    assert ClassTable.from_json([{"id": "3", "name": 7}]) == ClassTable((ModelClass(3, "7"),))


@pytest.mark.parametrize(
    "name",
    [
        "Traffic Light", "traffic_light", "TRAFFIC-LIGHT", "trafficLight", "ｔｒａｆｆｉｃ light", "traffic\u00a0light",
        "traffic\u2010light", "traffic\u2013light", "traffic\u2014light", "traffic\u2015light", " traffic__ light\t\n",
    ],
)  # fmt: skip
def test_case_spaces_underscores_hyphens_and_unicode_variants_make_no_other_name(name):
    assert normalise(name) == "trafficlight"


@pytest.mark.parametrize(
    ("one", "other"), [("light 1", "light 2"), ("car.a", "car a"), ("a/b", "ab"), ("café", "cafe")]
)
def test_whatever_else_differs_makes_another_name(one, other):
    assert normalise(one) != normalise(other)


@given(st.text())
def test_normalising_twice_changes_nothing(name):
    assert normalise(normalise(name)) == normalise(name)


@pytest.mark.parametrize(("one", "other"), [("ışık", "IŞIK"), ("straße", "STRASSE"), ("σκύλος", "ΣΚΎΛΟΣ")])
def test_a_name_in_capitals_is_the_same_name(one, other):
    assert normalise(one) == normalise(other)


@given(st.text(), st.sampled_from([str.upper, str.title, str.lower, str.casefold]))
@example("ı", str.upper)
@example("𝚤", str.title)
@example("ŉ", str.upper)
def test_case_never_matters(name, turn):
    assert normalise(turn(normalise(name))) == normalise(name)
