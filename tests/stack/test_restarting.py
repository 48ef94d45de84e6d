"""Sentences about a restart; when there is one is tested with `control`."""

from __future__ import annotations

from firstpass.stack import restarting
from firstpass.stack.started_with import Difference, Differences

BOTH = Differences((Difference("FIRSTPASS_MODEL", "a", "b"), Difference("FIRSTPASS_FLOOR", "", "0.2")), ("AWS_X",))


def test_what_a_run_brings_is_no_difference():
    assert restarting.without(BOTH, {"FIRSTPASS_MODEL"}) == Differences(BOTH.settings[1:], ("AWS_X",))
    assert restarting.without(None, {"FIRSTPASS_MODEL"}) is None


def test_several_settings_are_named_in_one_sentence():
    assert restarting.names(BOTH) == (
        "FIRSTPASS_MODEL (the stack has a, here it is b) and FIRSTPASS_FLOOR (the stack has nothing, here it is 0.2)"
    )
    assert restarting.names(None) == restarting.names(Differences((), ())) == ""
    many = Differences(tuple(Difference(f"X{n}", None, None) for n in range(8)), ())
    assert restarting.names(many) == "X0, X1, X2, X3, X4 and 3 more"
