"""Label mapping: one decision a class, each with its reason."""

from __future__ import annotations

import random
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


@pytest.mark.parametrize("target", ["ignore", "Ignore"])
def test_a_review_may_say_to_ignore(target: str) -> None:
    found = decide("person", labels(person="any"), reviewed={"person": target})
    ignored = target == "ignore"
    assert (found.how, found.label) == (DecidedBy.IGNORED if ignored else DecidedBy.UNMATCHED, None)
    assert found.reason == (
        "the review says to ignore 'person'"
        if ignored
        else "the review sends it to 'Ignore', which does not exist here"
    )


def test_an_answer_of_the_review_finds_its_label_normalised_too() -> None:
    found = decide("person", labels(Pedestrian="any"), reviewed={"person": "pedestrian"})
    assert (found.how, found.label and found.label.name) == (DecidedBy.REVIEWED, "Pedestrian")
    assert found.reason == "the review sends 'person' to 'Pedestrian'"


def test_a_target_is_taken_by_its_very_name_before_it_is_normalised() -> None:
    found = decide("x", labels(Person="any", person="any"), aliases={"x": "person"})
    assert (found.how, found.label and found.label.name) == (DecidedBy.ALIAS, "person")
    assert found.reason == "the labels file sends 'x' to 'person'"


def test_a_target_that_two_labels_fit_is_not_guessed_at() -> None:
    found = decide("x", labels(Person="any", PERSON="any"), aliases={"x": "person"})
    assert (found.how, found.label) == (DecidedBy.UNMATCHED, None)
    assert "the labels file sends it to 'person', which 2 labels fit" in found.reason


def test_two_labels_of_one_name_are_not_guessed_between() -> None:
    found = decide("person", [Label(1, "person", "any"), Label(2, "person", "any")])
    assert (found.how, found.label) == (DecidedBy.UNMATCHED, None)


def test_an_alias_by_the_very_name_goes_before_one_that_is_spelt_differently() -> None:
    aliases = {"Person": "car", "person": "lamp", "PERSON": "car"}
    found = decide("person", labels(car="any", lamp="any"), aliases=aliases)
    assert found.label
    assert found.label.name == "lamp"


def test_a_threshold_belongs_to_the_class_of_its_very_name() -> None:
    rules = LabelRules({}, {}, {"person": 0.6})
    found = map_labels(table("person", "Person"), labels(person="any"), rules, outlines=False)
    assert [decision.threshold for decision in found] == [0.6, 0.0]


def test_every_reason_why_no_label_fits_is_told() -> None:
    found = decide("person", labels(person="skeleton", walker="mask"), aliases={"person": "walker"})
    assert found.how is DecidedBy.UNMATCHED
    assert found.reason == (
        "label 'person' is a skeleton, which a detector cannot draw; "
        "label 'walker' takes masks, and this model gives boxes only"
    )


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (labels(person="skeleton", Person="any"), "label 'person' is a skeleton, which a detector cannot draw"),
        (labels(Person="skeleton"), "label 'Person' is a skeleton, which a detector cannot draw"),
        (labels(person="polygon"), "label 'person' takes polygons, and this model gives boxes only"),
        (labels(person="mask"), "label 'person' takes masks, and this model gives boxes only"),
        (labels(person="points"), "label 'person' takes points shapes, and a detector draws none"),
        (labels(car="any"), "no label of this name"),
        ([], "no label of this name"),
    ],
)
def test_why_no_label_fits_is_said_once(of: list[Label], reason: str) -> None:
    found = decide("person", of)
    assert (found.how, found.reason) == (DecidedBy.UNMATCHED, reason)


def test_the_words_for_decisions_are_the_ones_that_warehouses_have() -> None:
    assert [how.value for how in DecidedBy] == ["reviewed", "exact", "normalised", "alias", "ignored", "unmatched"]


def test_a_decision_as_the_report_and_the_review_have_it() -> None:
    drafted = decide("person", [Label(7, "Person", "any", ((70, "x"),))])
    assert drafted.to_json() == {
        "class_id": 1, "class_name": "person", "how": "normalised", "label": "Person", "shape": "rectangle",
        "threshold": 0.0, "reason": "'Person' but for case, spaces, underscores or hyphens",
    }  # fmt: skip
    assert decide("kite", []).to_json()["label"] is None


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


@pytest.mark.parametrize("policy", ["drop", "ask", "fail"])
def test_where_all_is_matched_or_ignored_every_policy_goes_on(policy: str) -> None:
    rules = LabelRules({"kite": "ignore"}, {}, {})
    found = map_labels(table("person", "kite"), labels(person="any"), rules, outlines=False)
    assert settle(found, policy, "task 12")
    everything_ignored = map_labels(table("kite"), [], rules, outlines=False)
    assert settle(everything_ignored, policy, "task 12")


@pytest.mark.parametrize(("count", "rest"), [(10, ""), (11, " and 1 more"), (25, " and 15 more")])
def test_ten_classes_are_named_and_the_rest_are_counted(count: int, rest: str) -> None:
    found = map_labels(table(*(f"c{n}" for n in range(count))), [], LabelRules.none(), outlines=False)
    with pytest.raises(FirstpassError) as caught:
        settle(found, "fail", "task 12")
    assert caught.value.problem.endswith(f"c9 (no label of this name){rest}")


def test_a_task_where_nothing_fits_is_asked_about() -> None:
    assert not settle(map_labels(table("person"), [], LabelRules.none(), outlines=False), "ask", "task 12")


def test_a_task_where_nothing_fits_is_an_error_even_when_dropping() -> None:
    found = map_labels(table("person"), [], LabelRules.none(), outlines=False)
    with pytest.raises(FirstpassError, match="person"):
        settle(found, "drop", "task 12")


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=6), st.lists(st.text(max_size=8), max_size=6))
def test_every_class_gets_exactly_one_decision_with_a_reason(classes: list[str], names: list[str]) -> None:
    of = [Label(i, name, "any") for i, name in enumerate(names)]
    found = map_labels(table(*classes), of, LabelRules.none(), outlines=True)
    assert [d.class_name for d in found] == classes
    assert all(d.reason for d in found)
    assert all((d.label is None) == (d.shape is None) for d in found)


# Few letters in few spellings: so that names meet.
words = st.lists(st.sampled_from(["a", "A", "b", "_", " ", "-", "ａ"]), min_size=1, max_size=3).map("".join)
some_labels = st.lists(
    st.builds(Label, st.integers(1, 10**6), words, st.sampled_from(["any", "rectangle", "polygon", "skeleton"])),
    max_size=5,
    unique_by=(lambda label: label.id, lambda label: label.name),
)
some_rules = st.builds(
    LabelRules,
    aliases=st.dictionaries(words, words | st.just("ignore"), max_size=3),
    reviewed=st.dictionaries(words, words | st.just("ignore"), max_size=2),
    thresholds=st.dictionaries(words, st.floats(0, 1), max_size=2),
)


@given(st.lists(words, unique=True, max_size=4), some_labels, some_rules, st.booleans())
def test_a_class_is_never_sent_to_a_label_that_does_not_exist_or_cannot_take_it(
    classes: list[str], of: list[Label], rules: LabelRules, outlines: bool
) -> None:
    for found in map_labels(table(*classes), of, rules, outlines=outlines):
        assert found.label is None or found.label in of
        assert (found.label is None) == (found.how in (DecidedBy.IGNORED, DecidedBy.UNMATCHED)) == (found.shape is None)
        if found.label:
            assert found.shape == ("rectangle" if not outlines or found.label.type == "rectangle" else "polygon")
            assert found.label.type in ("any", found.shape)


@given(words, some_labels, some_rules, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_labels_decides_nothing(
    name: str, of: list[Label], rules: LabelRules, outlines: bool, dice: random.Random
) -> None:
    shuffled = dice.sample(of, len(of))
    (one,) = map_labels(table(name), of, rules, outlines=outlines)
    (other,) = map_labels(table(name), shuffled, rules, outlines=outlines)
    assert (one.how, one.label, one.shape) == (other.how, other.label, other.shape)


@given(words, some_labels, some_rules)
def test_the_steps_are_taken_in_order(name: str, of: list[Label], rules: LabelRules) -> None:
    """The review, `ignore`, the very name, the normalised one, the alias: the first that leads to one label."""
    of = [Label(label.id, label.name, "any") for label in of]
    (found,) = map_labels(table(name), of, rules, outlines=False)
    exact = [label for label in of if label.name == name]
    alike = [label for label in of if normalise(label.name) == normalise(name)]
    if name in rules.reviewed:
        assert found.how in (DecidedBy.REVIEWED, DecidedBy.IGNORED, DecidedBy.UNMATCHED)
    elif found.how is DecidedBy.IGNORED:
        assert "ignore" in rules.aliases.values()
    elif exact:
        assert (found.how, found.label) == (DecidedBy.EXACT, exact[0])
    elif len(alike) == 1:
        assert (found.how, found.label) == (DecidedBy.NORMALISED, alike[0])
    else:
        assert found.how in (DecidedBy.ALIAS, DecidedBy.UNMATCHED)
