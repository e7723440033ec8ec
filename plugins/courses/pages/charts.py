"""What a chart needs beside its numbers: a scale of round steps, a unit in which they can be read, what has changed."""

from collections.abc import Sequence
from datetime import date
from math import ceil, log10
from typing import Annotated, Literal

from litestar.params import QueryParameter
from msgspec import Struct

from plugins.courses.queries.days_in_care import Days

STEPS = 4
_POINTS = 12
_HOUR_S, _MINUTE_S = 3600, 60
_ROUND = (1, 2, 5, 10)
Unit = Literal["count", "hours", "minutes"]
Period = Annotated[Literal[7, 30, 90], QueryParameter(name="days", description="How many days up to today.")]


class Line(Struct, frozen=True):
    """A line over days, and that of the days before, in one unit."""

    days: Sequence[date]
    values: Sequence[float]
    before: Sequence[float]
    unit: Unit
    ticks: Sequence[float]
    """From the top of the scale down to nothing."""


def counted_line(days: Days) -> Line:
    """Return a line of numbers."""
    return _line(days, days.counts, days.before, "count")


def watched_line(days: Days) -> Line:
    """Return a line of watched seconds, in hours if there are days with more than two."""
    longest = max(*days.counts, *days.before)
    unit: Unit = "hours" if longest > 2 * _HOUR_S else "minutes"
    size = _HOUR_S if unit == "hours" else _MINUTE_S
    values, before = ([round(each / size, 1) for each in counts] for counts in (days.counts, days.before))
    return _line(days, values, before, unit)


def spark(counts: Sequence[float]) -> Sequence[float]:
    """Return a dozen sums of neighbours, in the same order, for a line as small as a word."""
    size = max(1, ceil(len(counts) / _POINTS))
    # The first sum may be of fewer days: what is newest is compared in full.
    short = len(counts) % size
    starts = [0, *range(short, len(counts), size)] if short else range(0, len(counts), size)
    return [sum(counts[start : (start + size) if start or not short else short]) for start in starts]


def change(now: float, before: float) -> int | None:
    """Return by how many per cent something has grown; None where there was nothing to compare with."""
    return round(100 * (now - before) / before) if before else None


def _line(days: Days, values: Sequence[float], before: Sequence[float], unit: Unit) -> Line:
    step = _round_step(max(*values, *before) / STEPS)
    return Line(days.days, values, before, unit, [step * number for number in range(STEPS, -1, -1)])


def _round_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is not less."""
    if least <= 1:
        return 1
    power = 10 ** int(log10(least))
    return next(int(each * power) for each in _ROUND if each * power >= least)
