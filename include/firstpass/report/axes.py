"""Axes of the report's charts: where a value lies in a drawing, and which round values are named beside it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import floor, log10

# Axes of counts that reach so far count in units of such a size, with such a suffix.
_LARGE_COUNTS = ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k"), (0, 1, ""))
# Axes of time that reach no further than so many seconds count in units of so many seconds.
_TIME_UNITS = ((180, 1, "seconds"), (3 * 3600, 60, "minutes"), (float("inf"), 3600, "hours"))


@dataclass(frozen=True, slots=True)
class PlotArea:
    """Where values are drawn, without the labels around it; in units of the drawing, y downwards."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight axis: 0 lies at `start` and `upper`, which is above 0, at `end`; both in units of the drawing."""

    upper: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies, to a hundredth of a unit."""
        return round(self.start + (self.end - self.start) * (value / self.upper), 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in units of the drawing, and what is written beside it."""

    at: float
    label: str


def nice_ticks(upper: float, most: int, *, whole: bool = False) -> list[float]:
    """0 and the multiples of 1, 2 or 5 times a power of ten up to `upper`: from 2 to `most` values.

    `upper` is above 0, `most` at least 3. With `whole` they are whole numbers, and `upper` is at least 1.
    """
    power = floor(log10(upper / most)) - 1
    power = max(power, 0) if whole else power
    for exponent, factor in product(range(power, power + 4), (1, 2, 5)):
        values = [_multiple(n * factor, exponent) for n in range(most + 1)]
        if values[-1] > upper:
            break
    return [value for value in values if value <= upper]


def _multiple(number: int, exponent: int) -> float:
    """The float nearest to number × 10^exponent: 3 × 10^-1 is 0.3, which 3 × 0.1 is not."""
    return float(number * 10**exponent) if exponent >= 0 else number / 10**-exponent


def count_ticks(scale: Scale) -> tuple[Tick, ...]:
    """At most 5 whole numbers: 0, 500, 1,000. Large ones are shortened: 0, 20k, 40k."""
    values = nice_ticks(scale.upper, 5, whole=True)
    _, size, suffix = next(row for row in _LARGE_COUNTS if values[-1] >= row[0])
    return tuple(Tick(scale.at(n), f"{n / size:,.10g}{suffix if n else ''}") for n in values)


def share_ticks(scale: Scale) -> tuple[Tick, ...]:
    """At most 5 shares of 1, as percentages."""
    return tuple(Tick(scale.at(share), f"{100 * share:g}%") for share in nice_ticks(scale.upper, 5))


def time_ticks(scale: Scale) -> tuple[str, tuple[Tick, ...]]:
    """For a scale in seconds: seconds, minutes or hours, whatever reads best, and at most 9 ticks in that unit."""
    _, size, unit = next(row for row in _TIME_UNITS if scale.upper <= row[0])
    return unit, tuple(Tick(scale.at(n * size), f"{n:g}") for n in nice_ticks(scale.upper / size, 9))
