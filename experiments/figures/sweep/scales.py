"""Scales and ticks that fit the values of a sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from experiments.figures.sweep.roles import is_numeric
from experiments.output.words import decade_text, value_text, wrapped
from experiments.sweep.results import Axis, Value
from pimsim.errors import InputError

_DECADES_FROM = 100.0
_TICK_LETTERS = 14


def spans_decades(values: Sequence[float]) -> bool:
    """Whether values (none negative) are so spread that they need a logarithmic axis.

    >>> spans_decades([0, 1e-6, 1e-5, 1e-4]), spans_decades([0, 5, 10, 15, 500])
    (True, True)
    >>> spans_decades(list(range(0, 1001, 10))), spans_decades([-1, 1000])
    (False, False)
    """
    positive = sorted(value for value in values if value > 0)
    if len(positive) < 3 or min(values) < 0:
        return False
    middle = positive[len(positive) // 2]
    return positive[-1] >= _DECADES_FROM * positive[0] and middle <= positive[-1] / 4


def doubles(values: Sequence[float]) -> bool:
    """Whether these are three or more powers of two in a row.

    >>> doubles([4, 8, 16, 32]), doubles([1, 2, 3, 4]), doubles([1, 2])
    (True, False, False)
    """
    if len(values) < 3 or values[0] <= 0 or not math.log2(values[0]).is_integer():
        return False
    return all(after == 2 * before for before, after in pairwise(values))


def places(values: Sequence[Value]) -> Mapping[Value, float]:
    """Return the place of each value: the value itself for numbers, else its number in order."""
    if is_numeric(values):
        return {value: float(value) for value in values}
    return {value: float(index) for index, value in enumerate(values)}


def scale_x(
    axes: Axes,
    axis: Axis,
    values: Sequence[Value],
    log: bool | None,
    width_in: float,
    also: Sequence[float] = (),
) -> None:
    """Scale and tick the x axis of a panel that wide; ``log`` None chooses from ``values``.

    ``also`` are other places that must be seen.

    On a logarithmic axis, a zero is drawn one step to the left of the least value.

    Raises :class:`~pimsim.errors.InputError` where ``log`` is impossible.
    """
    at = list(places(values).values())
    if not is_numeric(values):
        if log:
            raise InputError(f"[figure]: `log_x` needs numbers; `{axis.field}` has others")
        named_ticks(axes, values)
        return
    seen = [*at, *also]
    if log and (min(seen) < 0 or max(seen) <= 0):
        raise InputError(
            f"[figure]: `log_x` needs positive numbers; `{axis.field}` has {min(seen):g}"
        )
    if log is not False and doubles(at) and min(seen) > 0:
        axes.set_xscale("log", base=2)
    elif log or (log is None and spans_decades(at) and min(seen) >= 0):
        if min(seen) == 0:
            least = min(value for value in seen if value > 0)
            axes.set_xscale("symlog", linthresh=least, linscale=0.5)
        else:
            axes.set_xscale("log")
    if axes.get_xscale() != "linear":
        axes.xaxis.set_major_formatter(decades())
    _limit(axes, seen)
    _ticks(axes, at, values, width_in - 0.8)


def named_ticks(axes: Axes, values: Sequence[Value], *, turned: bool = False) -> None:
    """Name equally spaced places along x, or along y if ``turned``."""
    which = axes.yaxis if turned else axes.xaxis
    which.set_ticks(range(len(values)), tick_texts(values, 30 if turned else _TICK_LETTERS))
    which.set_tick_params(length=0)


def tick_texts(values: Sequence[Value], letters: int = _TICK_LETTERS) -> list[str]:
    """Return the names of ``values``, in lines of at most so many letters."""
    return [wrapped(value_text(value), letters) for value in values]


def decades() -> FuncFormatter:
    """Return what writes the ticks of a logarithmic axis."""
    return FuncFormatter(lambda number, _: decade_text(float(number)))


def floor_of(positive: Sequence[float]) -> float:
    """Return the lower end of a logarithmic axis: the decade below everything drawn."""
    return float(10.0 ** math.floor(math.log10(min(positive)) - 0.15)) if positive else 1e-3


def _limit(axes: Axes, at: Sequence[float]) -> None:
    to = axes.transScale
    low, high = (to.transform((end, 1.0))[0] for end in (min(at), max(at)))
    room = 0.04 * (high - low) or 0.5
    ends = [to.inverted().transform((end, 0.0))[0] for end in (low - room, high + room)]
    axes.set_xlim(*ends)


def _ticks(axes: Axes, at: Sequence[float], values: Sequence[Value], width_in: float) -> None:
    """Ticks at the values themselves, if their texts have room."""
    axes.xaxis.set_minor_locator(NullLocator())
    spots = axes.transScale.transform([(value, 1.0) for value in (*axes.get_xlim(), *at)])[:, 0]
    shares = (spots[2:] - spots[0]) / (spots[1] - spots[0])
    linear = axes.get_xscale() == "linear"
    texts = [value_text(v) if linear else decade_text(a) for v, a in zip(values, at, strict=True)]
    need = 0.02 + 0.075 * max(len(text) for text in texts) / width_in
    if all(after - before >= need for before, after in pairwise(shares)):
        axes.xaxis.set_major_locator(FixedLocator(list(at)))
        lookup = dict(zip(at, texts, strict=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: lookup.get(place, "")))
