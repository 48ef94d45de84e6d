"""How wide a text is taken to be, and where a name is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.report.chart_text import GAP, LARGE, LINE, shortened, shortened_inside, text_width

TEXTS = st.text(max_size=40)


@pytest.mark.parametrize(
    ("characters", "width"),
    [
        ("iljtfrIJ.,:;'|!()[]/- ", 0.42),
        ("aegknsz0123456789_?×éßªｱ", 0.65),
        ("ABCHKXZÄÉΩЖ", 0.75),
        ("mwMW@%…—&#<>=+", 1),
        ("猫中한あＡ（😀", 1),
        ("\u0301\u20dd\u200d\u00ad\n\0", 0.05),
    ],
)
def test_every_character_has_the_width_of_its_kind(characters, width):
    assert {character: text_width(character) for character in characters} == dict.fromkeys(characters, width)


def test_a_letter_composed_of_two_characters_is_hardly_wider():
    assert text_width("e\u0301") == pytest.approx(text_width("é") + 0.05)


def test_the_width_of_a_text_is_that_of_its_characters_together():
    assert text_width("") == 0
    assert text_width("iaAW") == pytest.approx(0.42 + 0.65 + 0.75 + 1)


def test_lines_are_further_apart_than_their_text_is_high():
    assert LINE == 1.25 * LARGE == 18.75
    assert 0 < GAP < LARGE


@given(TEXTS, TEXTS)
def test_a_longer_text_is_never_narrower(one, other):
    assert text_width(one + other) >= max(text_width(one), text_width(other))


class TestShortened:
    """The beginning stays, and an ellipsis stands for the rest."""

    def test_what_just_fits_stays_whole(self):
        assert shortened("WWWW", 4) == "WWWW"
        assert shortened("WWWW", 3.999) == "WW…"

    def test_the_ellipsis_takes_its_own_room(self):
        assert shortened("WWWWWW", 4) == "WWW…"
        assert shortened("WWWWWW", 3.99) == "WW…"

    def test_where_there_is_room_for_the_ellipsis_alone_it_stands_alone(self):
        assert shortened("WWWW", 1.01) == "…"
        assert shortened("iiii", 1.5) == "i…"

    def test_nothing_is_nothing(self):
        assert shortened("", 1.5) == ""
        assert shortened_inside("", 1.5) == ""

    def test_a_cut_through_wide_and_narrow_characters_is_where_the_room_ends(self):
        assert shortened("iWiWiWiW", 4) == "iWiW…"
        assert shortened("WiWiWiWi", 4) == "WiWi…"

    @given(TEXTS, st.floats(1.01, 20))
    def test_no_further_character_would_have_fitted(self, text, width):
        short = shortened(text, width)
        if short != text:
            kept = short.removesuffix("…")
            assert text.startswith(kept)
            assert text_width(text[: len(kept) + 1]) > width - 1 - 1e-9


class TestShortenedInside:
    """Beginning and end stay, and an ellipsis stands between them."""

    def test_what_just_fits_stays_whole(self):
        assert shortened_inside("WWWW", 4) == "WWWW"
        assert shortened_inside("ABCDEF", 4.5) == "ABCDEF"
        assert shortened_inside("ABCDEF", 4.49) == "AB…EF"

    def test_both_sides_have_the_same_room(self):
        assert shortened_inside("WMWMMWMW", 5) == "WM…MW"
        assert shortened_inside("WMWMMWMW", 4.99) == "W…W"
        assert shortened_inside("iiiiiiWWWWWW", 5) == "iiii…WW"

    def test_where_there_is_room_for_the_ellipsis_alone_it_stands_alone(self):
        assert shortened_inside("WWWW", 2.9) == "…"

    def test_machines_of_one_cluster_stay_apart(self):
        chance = random.Random(3)
        nodes = [f"gke-firstpass-gpu-pool-{chance.randrange(16**8):08x}-{n:04d}" for n in range(50)]
        assert len({shortened_inside(node, 17) for node in nodes}) == 50

    @given(TEXTS, st.floats(1.01, 20))
    def test_it_begins_and_ends_as_the_text_does(self, text, width):
        short = shortened_inside(text, width)
        if short != text:
            assert any(
                text.startswith(short[:n]) and text.endswith(short[n + 1 :]) and short[n] == "…"
                for n in range(len(short))
            )
            assert text_width(short) <= width + 1e-9
