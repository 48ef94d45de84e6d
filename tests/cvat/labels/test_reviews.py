"""Questions about a mapping: put once, answered once, remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from psycopg2.extensions import connection

from firstpass.cvat.labels import reviews
from firstpass.cvat.labels.mapping import DecidedBy, Decision
from firstpass.cvat.labels.reviews import Review
from firstpass.cvat.server.labels import Label
from firstpass.errors import FirstpassError

SERVER, SCOPE, MODEL = "https://cvat.example.org", "project/3", "toy@1"
LABELS = ["Pedestrian", "Car", "lamp"]
DECISIONS = (
    Decision(1, "person", DecidedBy.UNMATCHED, "no label of this name"),
    Decision(2, "car", DecidedBy.NORMALISED, "'Car' but for case", Label(7, "Car", "any"), "rectangle"),
)

Ask = Callable[..., Review]


@pytest.fixture
def asked(warehouse: connection) -> Ask:
    """Asks, and gives the question as it then is; as if so many minutes ago."""

    def ask(server: str = SERVER, scope: str = SCOPE, model: str = MODEL, age: int = 0, **fields: Any) -> Review:
        reviews.ask(warehouse, server, scope, model, fields.get("decisions", DECISIONS), fields.get("labels", LABELS))
        if age:
            with warehouse, warehouse.cursor() as cur:
                cur.execute(
                    "UPDATE label_mappings SET changed_at = now() - make_interval(mins => %s)"
                    " WHERE (server, scope, model) = (%s, %s, %s)",
                    [age, server, scope, model],
                )
        return found(warehouse, server, scope, model)

    return ask


def found(warehouse: connection, server: str = SERVER, scope: str = SCOPE, model: str = MODEL) -> Review:
    review = reviews.find_review(warehouse, server, scope, model)
    assert review
    return review


def answered_by(warehouse: connection) -> str:
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT answered_by FROM label_mappings")
        return str(cur.fetchall()[0][0])


def test_a_question_says_what_is_proposed_and_what_there_is_to_choose_from(warehouse: connection, asked: Ask) -> None:
    review = asked()
    assert (review.server, review.scope, review.model, review.state, review.answer) == (
        SERVER, SCOPE, MODEL, "asked", None,
    )  # fmt: skip
    assert review.proposal == [decision.to_json() for decision in DECISIONS]
    assert review.labels == LABELS
    assert isinstance(review.asked_at, datetime)


def test_each_server_scope_and_model_has_a_question_of_its_own(warehouse: connection, asked: Ask) -> None:
    asked()
    for other in (("https://other", SCOPE, MODEL), (SERVER, "project/4", MODEL), (SERVER, SCOPE, "toy@2")):
        assert reviews.find_review(warehouse, *other) is None
        asked(*other, labels=["another"])
        reviews.reject(warehouse, found(warehouse, *other), "bob")
    assert (found(warehouse).labels, found(warehouse).state) == (LABELS, "asked")


def test_the_same_question_again_keeps_its_time(asked: Ask) -> None:
    first = asked(age=10)
    assert asked() == first


@pytest.mark.parametrize("changed", [{"decisions": DECISIONS[:1]}, {"labels": LABELS[:2]}])
def test_a_question_that_has_changed_is_a_new_one(asked: Ask, changed: dict[str, Any]) -> None:
    first = asked(age=10)
    second = asked(**changed)
    assert second.asked_at > first.asked_at
    assert (len(second.proposal), len(second.labels)) == (
        len(changed.get("decisions", DECISIONS)),
        len(changed.get("labels", LABELS)),
    )


def test_a_question_that_was_answered_is_open_again_when_it_is_asked_again(warehouse: connection, asked: Ask) -> None:
    reviews.approve(warehouse, asked(), {}, "ada")
    assert asked().state == "asked"
    reviews.reject(warehouse, asked(), "ada")
    assert asked().state == "asked"


def test_open_questions_come_oldest_first(warehouse: connection, asked: Ask) -> None:
    for scope, age in (("project/1", 10), ("project/2", 30), ("project/3", 20), ("project/4", 40), ("project/5", 50)):
        asked(scope=scope, age=age)
    reviews.approve(warehouse, found(warehouse, scope="project/4"), {}, "ada")
    reviews.reject(warehouse, found(warehouse, scope="project/5"), "ada")
    assert [review.scope for review in reviews.open_reviews(warehouse)] == ["project/2", "project/3", "project/1"]


def test_approving_takes_the_proposal_and_ignores_what_is_unmatched(warehouse: connection, asked: Ask) -> None:
    answer = reviews.approve(warehouse, asked(age=10), {}, "ada")
    assert answer == {"person": "ignore", "car": "Car"}
    review = found(warehouse)
    assert (review.state, review.answer, answered_by(warehouse)) == ("approved", answer, "ada")


def test_changes_go_before_the_proposal(warehouse: connection, asked: Ask) -> None:
    answer = reviews.approve(warehouse, asked(), {"person": "Pedestrian", "car": "ignore"}, "ada")
    assert answer == found(warehouse).answer == {"person": "Pedestrian", "car": "ignore"}


@pytest.mark.parametrize(
    ("changes", "problem", "fix"),
    [
        ({"dog": "Car"}, "names the class 'dog', which toy@1 does not have", "choose from what there is"),
        ({"person": "Dog"}, "sends 'person' to 'Dog', which is no label of project/3", "Pedestrian, Car, lamp"),
        ({"person": "pedestrian"}, "which is no label of project/3", "Pedestrian"),
        ({"person": "Pedestrian", "car": "x"}, "sends 'car' to 'x'", "lamp"),
    ],
)
def test_an_answer_that_cannot_be_is_not_kept(
    warehouse: connection, asked: Ask, changes: dict[str, str], problem: str, fix: str
) -> None:
    before = asked()
    with pytest.raises(FirstpassError, match=problem) as caught:
        reviews.approve(warehouse, before, changes, "ada")
    assert fix in caught.value.fix
    assert found(warehouse) == before


def test_of_many_labels_the_first_are_named(warehouse: connection, asked: Ask) -> None:
    review = asked(labels=[f"label {n}" for n in range(30)])
    with pytest.raises(FirstpassError) as caught:
        reviews.approve(warehouse, review, {"person": "x"}, "ada")
    assert caught.value.fix.endswith("label 18, label 19")


def test_postponing_puts_the_same_question_anew(warehouse: connection, asked: Ask) -> None:
    before = asked(age=10)
    reviews.postpone(warehouse, before)
    after = found(warehouse)
    assert (after.state, after.answer, after.proposal) == ("asked", None, before.proposal)
    assert after.asked_at > before.asked_at
    assert answered_by(warehouse) == ""


def test_rejecting_keeps_no_answer(warehouse: connection, asked: Ask) -> None:
    review = asked(age=10)
    reviews.approve(warehouse, review, {}, "ada")
    reviews.reject(warehouse, review, "bob")
    after = found(warehouse)
    assert (after.state, after.answer, answered_by(warehouse)) == ("rejected", None, "bob")
    assert after.asked_at > review.asked_at
