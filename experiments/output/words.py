"""How values, numbers with their units, and ratios are written in tables and figures."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence

from experiments.output.escaping import visible
from experiments.sweep.results import Axis, Value

_LADDERS = {
    "ps": ("ps", "ns", "us", "ms", "s"),
    "pJ": ("pJ", "nJ", "uJ", "mJ", "J"),
}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def value_text(value: Value, unit: str = "") -> str:
    """Return the value of a field for people, with its unit.

    >>> [value_text(value) for value in (True, 3, 10_000, 0.5, 1e-05, "tmr")]
    ['on', '3', '10,000', '0.5', '1e-5', 'tmr']
    >>> value_text(45, "°C")
    '45 °C'
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int):
        text = f"{value:,}" if abs(value) >= 10_000 else str(value)
    else:
        text = re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), f"{value:.6g}")
    return f"{text} {unit}" if unit else text


def exact(number: float) -> str:
    """Return the shortest text that is this number and no other, whole ones without a point.

    >>> [exact(number) for number in (10.0, 0.1, 10.0000001, 1e-9)]
    ['10', '0.1', '10.0000001', '1e-09']
    """
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def decade_text(number: float) -> str:
    """Return a tick of a logarithmic axis.

    >>> [decade_text(number) for number in (1e-5, 0.01, 0.3, 100.0, 1e6, 0.0)]
    ['10⁻⁵', '0.01', '0.3', '100', '10⁶', '0']
    """
    if number > 0 and not 1e-3 <= number < 1e4:
        exponent = round(math.log10(number))
        if math.isclose(number, 10.0**exponent, rel_tol=1e-9):
            return "10" + str(exponent).translate(_SUPERSCRIPTS)
    return value_text(number)


def named(axis: Axis, value: Value) -> str:
    """Return what the axis is and its value.

    >>> named(Axis("celsius", "temperature", "°C", (45, 85)), 45)
    'temperature 45 °C'
    """
    return f"{axis.label} {value_text(value, axis.unit)}"


def decimals(half_widths: Iterable[float]) -> int | None:
    """Return the number of decimals that suits typical half widths of intervals, six at most.

    None if there are no intervals.

    Two digits of the half width if these are at most 35, else one: the rule of the Particle Data
    Group (Review of Particle Physics, introduction, section 5.3).

    >>> [decimals([width]) for width in (12.0, 1.2, 5.0, 0.31, 0.7, 1e-9)]
    [0, 1, 0, 2, 1, 6]
    """
    widths = sorted(width for width in half_widths if width > 0)
    if not widths:
        return None
    typical = widths[len(widths) // 2]
    first = math.floor(math.log10(typical))
    return min(6, max(0, -first + (typical / 10.0**first <= 3.5)))


def rounded(number: float, places: int | None, digits: int = 4) -> str:
    """Return ``number`` with ``places`` decimals, or with ``digits`` digits if that is None.

    >>> rounded(97.418, 1), rounded(12345.6, None), rounded(112.0, None, 2)
    ('97.4', '12350', '110')
    """
    if places is None:
        return value_text(float(f"{number:.{digits}g}"))
    return f"{number:.{places}f}"


NOT_STATED = "not stated"
"""In place of an energy, where a part has no currents."""


def number(value: float | None, form: str) -> str:
    """Return a number in a form of :func:`format`, or 'not stated' for None.

    >>> number(1234.5, ",.1f"), number(None, ",.1f")
    ('1,234.5', 'not stated')
    """
    return NOT_STATED if value is None or math.isnan(value) else format(value, form)


def digits(value: float, count: int = 3) -> str:
    """Return so many digits, and all of those before the point: no power of ten from 1 on.

    >>> [digits(value) for value in (0.012345, 99.96, 999.6, 1106.7, 3e-7)]
    ['0.0123', '100', '1,000', '1,107', '3e-07']
    >>> digits(260.4, 2)
    '260'
    """
    text = f"{value:.{count}g}"
    return f"{value:,.0f}" if "e+" in text else text


def quantity(value: float | None, unit: str) -> str:
    """Return three significant digits, with a unit that keeps them short.

    >>> quantity(1_234_567_000, "ps"), quantity(2.5e9, "pJ"), quantity(0, "ps")
    ('1.23 ms', '2.5 mJ', '0 ps')
    >>> quantity(999.7, "ps"), quantity(1.2346e15, "ps")
    ('1 ns', '1,235 s')
    >>> quantity(None, "pJ")
    'not stated'
    """
    if value is None or math.isnan(value):
        return NOT_STATED
    ladder = _LADDERS[unit]
    step = 0
    while abs(float(f"{value:.3g}")) >= 1000 and step < len(ladder) - 1:
        value, step = value / 1000, step + 1
    return f"{digits(value)} {ladder[step]}"


def slower(ratio: float) -> str:
    """Return a speedup in words: faster from 1 on, else slower.

    >>> slower(0.0494), slower(12.0)
    ('20.2x slower', '12x faster')
    """
    return _times(ratio, "faster", "slower")


def more_energy(ratio: float | None) -> str:
    """Return a ratio of saved energy in words: less energy above 1, more below.

    >>> more_energy(0.0639), more_energy(1.0), more_energy(None)
    ('15.6x more', 'the same', 'not stated')
    """
    if ratio is None:
        return NOT_STATED
    return _times(ratio, "less", "more")


def _times(ratio: float, better: str, worse: str) -> str:
    times, word = (ratio, better) if ratio >= 1 else (1 / ratio, worse)
    shown = digits(times)
    return "the same" if shown == "1" else f"{shown}x {word}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Return names with commas between; after ``most`` names, how many are left out.

    >>> listed(["a", "b"]), listed([f"conv{place}" for place in range(9)], 3)
    ('a, b', 'conv0, conv1, conv2 and 6 more')
    """
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def counted(number: int, name: str) -> str:
    """Return a number with its noun, in the plural if it is not 1.

    >>> counted(1, "image"), counted(1_200, "subarray")
    ('1 image', '1,200 subarrays')
    """
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def sentence(text: str) -> str:
    """Return ``text`` with a capital letter in front.

    >>> sentence("accuracy against VDD")
    'Accuracy against VDD'
    """
    return text[:1].upper() + text[1:]


def wrapped(text: str, width: int) -> str:
    r"""Return ``text`` broken into lines of at most ``width`` letters.

    >>> wrapped("process variation", 10)
    'process\nvariation'
    """
    return textwrap.fill(text, width, break_on_hyphens=False) if text else text
