"""Images that a format cannot tell apart, or cannot name."""

from __future__ import annotations

import pytest

from firstpass.exports.image_names import UnfitNames

SHARED = "another image has its name, but for what follows the last dot"


def test_names_that_differ_only_behind_the_last_dot_are_all_left_out():
    names = ["a.jpg", "a.png", "b.jpg", "x/a.jpg", "a.b.jpg", "c.jpg", "c.jpg", "d", "d.png"]
    unfit = UnfitNames(names)
    assert [unfit.reason(name) for name in names] == [SHARED, SHARED, None, None, None, SHARED, SHARED, SHARED, SHARED]


@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", "/etc/a.jpg", "", ".", "a\0.jpg"])
def test_names_that_lead_out_of_the_folder(name):
    assert UnfitNames([name]).reason(name) == "its name leads out of the folder"


@pytest.mark.parametrize("name", ["a\n.jpg", "a\rb.jpg", "x\n/a.jpg"])
def test_names_with_a_line_break(name):
    assert UnfitNames([name]).reason(name) == "there is a line break in its name"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a" * 250 + ".jpeg", True),
        ("a" * 251 + ".jpg", False),
        ("ü" * 125 + ".jpg", True),
        ("ü" * 126 + ".jpg", False),
        ("d" * 251 + "/a.jpg", False),
        ("d" * 250 + "/" + "e" * 250 + "/a.jpg", True),
    ],
)
def test_names_that_file_systems_do_not_take(name, fits):
    assert UnfitNames([name]).reason(name) == (None if fits else "its name is too long")


@pytest.mark.parametrize("name", ["..a.jpg", "a..jpg", ".jpg", "ü &<>'\".png", "a\\b.jpg"])
def test_other_odd_names_are_fine(name):
    assert UnfitNames([name, "other.jpg"]).reason(name) is None


def test_of_nothing():
    assert UnfitNames([]).reason("a.jpg") is None


def test_a_name_that_is_not_text():
    assert UnfitNames(["caf\udce9.jpg"]).reason("caf\udce9.jpg") == "its name is not text"
