"""Writes whose fate is unknown: never again without a look, and not for ever."""

from __future__ import annotations

import pytest

from firstpass.cvat.server import uncertain_writes
from firstpass.cvat.server.client import CvatDown, Unsure
from firstpass.cvat.server.uncertain_writes import until_known


class Script:
    """What was done in which order; each of `doubts` is how one try ends, and those after them go well."""

    def __init__(self, *doubts: Exception) -> None:
        self.doubts = list(doubts)
        self.done: list[str | float] = []

    def act(self) -> None:
        self.done.append("act")
        if self.doubts:
            raise self.doubts.pop(0)

    def look(self) -> None:
        self.done.append("look")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    def run(*doubts: Exception) -> list[str | float]:
        script = Script(*doubts)
        monkeypatch.setattr("time.sleep", script.done.append)
        try:
            until_known(script.act, script.look)
        except (CvatDown, KeyError) as error:
            script.done.append(str(error))
        return script.done

    return run


def test_what_goes_well_is_done_once_and_not_looked_at(run) -> None:
    assert run() == ["act"]


def test_a_doubt_is_waited_out_and_looked_into_before_the_next_try(run) -> None:
    assert run(Unsure("lost"), Unsure("lost")) == ["act", 0.5, "look", "act", 1.0, "look", "act"]


def test_the_server_may_ask_for_more_time_than_we_would_wait(run) -> None:
    assert run(Unsure("busy", 7.0), Unsure("busy", 0.2)) == ["act", 7.0, "look", "act", 1.0, "look", "act"]


def test_waits_double_up_to_a_longest_one_and_the_last_try_is_not_waited_for(run) -> None:
    done = run(*(Unsure(f"lost {n}") for n in range(99)))
    assert [item for item in done if isinstance(item, float)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0]
    assert (done.count("act"), done.count("look")) == (10, 9)
    assert done[-1] == "after 10 tries it is still not done: lost 9"


def test_how_often_it_is_tried_and_how_long_it_is_waited_for_can_be_set(run, monkeypatch) -> None:
    monkeypatch.setattr(uncertain_writes, "TRIES", 2)
    monkeypatch.setattr(uncertain_writes, "FIRST_WAIT", 3.0)
    assert run(Unsure("a"), Unsure("b")) == ["act", 3.0, "look", "act", "after 2 tries it is still not done: b"]


def test_any_other_error_is_no_doubt(run) -> None:
    assert run(KeyError("x")) == ["act", "'x'"]
    assert run(CvatDown("is away")) == ["act", "is away"]
