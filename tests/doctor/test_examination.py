"""One examination that hangs or raises costs no other."""

from __future__ import annotations

import threading

from firstpass import findings
from firstpass.doctor.examination import Examination, examine
from firstpass.errors import FirstpassError, Unavailable
from firstpass.findings import Standing


def refuse():
    raise FirstpassError("no such thing", "make one")


def exits():
    raise SystemExit(3)


def breaks():
    yield findings.ok("first", "was seen")
    raise ZeroDivisionError("by nothing")


def test_the_others_are_told_in_their_order():
    hang = threading.Event()
    found = examine(
        [
            Examination("hangs", hang.wait, 0.2),
            Examination("refuses", refuse, 30),
            Examination("exits", exits, 30),
            Examination("breaks", breaks, 30),
            Examination("one", lambda: findings.ok("one", "fine"), 30),
            Examination("two", lambda: [findings.warning("two", "hm", "look"), findings.unused("two", "no")], 30),
        ]
    )
    hang.set()
    assert [f.item for f in found] == ["hangs", "refuses", "exits", "breaks", "one", "two", "two"]
    assert [f.standing for f in found[:4]] == [Standing.PROBLEM] * 4
    assert "no answer within" in found[0].words
    assert (found[1].words, found[1].fix) == ("no such thing", "make one")
    assert "SystemExit" in found[2].words
    assert "ZeroDivisionError: by nothing" in found[3].words


def test_what_people_can_understand_is_explained():
    def explain(error):
        return Unavailable("the disk is full", "free space") if isinstance(error, OSError) else None

    def full():
        raise OSError(28, "No space left on device")

    (found,) = examine([Examination("disk", full, 30)], explain)
    assert (found.words, found.fix) == ("the disk is full", "free space")
