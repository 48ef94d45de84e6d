"""How much room text takes in a chart, and how a name is shortened. The font is the reader's: widths are estimates."""

from __future__ import annotations

import unicodedata
from itertools import accumulate

# In units of a drawing. report.css has two sizes of text, the larger one for narrow pages: there must be room for it.
LARGE = 15
LINE = 1.25 * LARGE  # from one line to the next
GAP = 8  # between a plot and what is written beside it
OVERHANG = 23  # how far the outer labels of an axis may reach beyond the plot

# Widths in em, on the generous side of DejaVu Sans, the widest of the fonts in page.css.
_NARROW, _USUAL, _CAPITAL, _WIDE = 0.42, 0.65, 0.75, 1.0
_NARROW_ONES = frozenset("iljtfrIJ.,:;'|!()[]/- ")
_WIDE_ONES = frozenset("mwMW@%…—&#<>=+")
_MARK = 0.05  # what is set over another character: a little, so that a name made of nothing else comes to an end


def text_width(text: str) -> float:
    """The width of a text in em."""
    return sum(map(_character_width, text))


def shortened(text: str, width: float) -> str:
    """A text of at most `width` em, which is above 1; an ellipsis stands for an end that has no room."""
    return text if text_width(text) <= width else _beginning(text, width - _WIDE) + "…"


def shortened_inside(text: str, width: float) -> str:
    """The same with the ellipsis in the middle: machines of one cluster differ in how their names begin or end."""
    if text_width(text) <= width:
        return text
    start = _beginning(text, (width - _WIDE) / 2)
    return f"{start}…{_beginning(text[::-1], (width - _WIDE) / 2)[::-1]}"


def _beginning(text: str, width: float) -> str:
    return text[: sum(reached <= width for reached in accumulate(map(_character_width, text)))]


def _character_width(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf", "Cc"}:
        return _MARK
    if character in _NARROW_ONES:
        return _NARROW
    if character in _WIDE_ONES or unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    return _CAPITAL if character.isupper() else _USUAL
