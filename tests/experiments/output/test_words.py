"""Numbers for people: no power of ten where digits before the point will do, at any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from experiments.figures import run as figures
from experiments.html import sweep, words
from experiments.output.words import digits, more_energy, quantity, slower
from experiments.pages import page
from experiments.report import break_even, disturbance, tables


def _break_even(value: float) -> str:
    report = {
        "break_even_reuse": value,
        "baselines": {"reuse-aware": {"assumptions": {"reuse": value}}},
    }
    return break_even.words(report)


WAYS: dict[str, Callable[[float], str]] = {
    "digits": digits,
    "two digits": lambda value: digits(value, 2),
    "a time": lambda value: quantity(value, "ps"),
    "seconds": lambda value: quantity(value * 1e12, "ps"),
    "an energy": lambda value: quantity(value, "pJ"),
    "faster": slower,
    "slower": lambda value: slower(1 / value),
    "energy": more_energy,
    "the break-even": _break_even,
    "more of a prevention": disturbance._more,
    "images a second": tables._rate,
    "images a second on a page": words.rate,
    "commands an image": tables._short,
    "an estimate on a page": lambda value: sweep._number(value, "%"),
    "beside a bar": figures._rounded,
    "a table of docs": page.digits,
}
SIZES = [a * 10.0**b for b in range(-1, 6) for a in (1, 1.1067, 4.56, 9.94, 9.96, 9.9951, 9.9996)]


@pytest.mark.parametrize("way", WAYS)
def test_numbers_are_written_without_powers_of_ten(way: str) -> None:
    said = {size: WAYS[way](size) for size in SIZES}
    assert {size: text for size, text in said.items() if "e+" in text} == {}


UNITS = {"": 1, "k": 1e3, "M": 1e6, "ps": 1, "ns": 1e3, "us": 1e6, "pJ": 1, "nJ": 1e3, "uJ": 1e6}


@pytest.mark.parametrize("way", ["digits", "a time", "an energy", "beside a bar"])
def test_what_is_written_is_the_number(way: str) -> None:
    """Three digits of it, in the unit that stands there."""
    for size in SIZES:
        number, _, unit = WAYS[way](size).partition(" ")
        assert float(number.replace(",", "")) * UNITS[unit] == pytest.approx(size, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (999.4, "999 ps"), (999.6, "1 ns"), (999_499, "999 ns"), (999_600, "1 us"),
        (9.996e14, "1,000 s"), (1.2346e15, "1,235 s"), (1.2346e16, "12,346 s"),
    ],
)  # fmt: skip
def test_a_unit_ends_where_its_three_digits_do(value: float, written: str) -> None:
    assert quantity(value, "ps") == written
