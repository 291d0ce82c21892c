"""One table of the allowed ranges, with units, of every number that a file or a user can set.

The ranges are wide: they include every part and circuit that can be built. They exclude numbers in
the wrong unit, typing errors, and numbers that would overflow later.

>>> mistake("t_ras_ps", -5)
'`t_ras_ps` must be an integer from 1,000 to 1,000,000 ps, not -5'
>>> mistake("capacitance_ff", 22.0)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from pimsim.documents import shown
from pimsim.errors import InputError

UNITS = MappingProxyType(
    {
        "ps": "ps", "clocks": "clocks", "ma": "mA", "mw": "mW", "pj_per_bit": "pJ a bit",
        "mv": "mV", "ff": "fF", "ohm": "Ω", "um": "µm", "nm": "nm", "ns": "ns", "ms": "ms",
        "celsius": "°C", "ff_per_um": "fF/µm", "ua_per_v2": "µA/V²", "per_v": "1/V",
    }
)  # fmt: skip
"""Units by the ending of a name."""


class Range(NamedTuple):
    """From the least to the most value, both allowed."""

    least: float
    most: float
    whole: bool = False
    """Whether it must be an integer."""

    def holds(self, value: object) -> bool:
        """Return whether a value is in it, and an integer if it must be."""
        right = type(value) is int or (isinstance(value, float) and not self.whole)
        return right and self.least <= value <= self.most  # type: ignore[operator]

    def text(self, unit: str = "") -> str:
        """Return what a value must be, in words.

        >>> whole(1, 1_024).text(), Range(0, 0.5).text("mV")
        ('an integer from 1 to 1,024', 'a number from 0 to 0.5 mV')
        """
        noun = "an integer" if self.whole else "a number"
        ends = " to ".join(f"{int(one):,}" if one == int(one) else f"{one:g}" for one in self[:2])
        return f"{noun} from {f'{ends} {unit}'.strip()}"


def whole(least: int, most: int) -> Range:
    """Return the range of the integers from ``least`` to ``most``."""
    return Range(least, most, whole=True)


_BY_NAME = {
    # timing of a DRAM part
    "t_ck_ps": whole(10, 100_000),
    "t_rcd_ps": whole(1_000, 1_000_000),
    "t_ras_ps": whole(1_000, 1_000_000),
    "t_rp_ps": whole(1_000, 1_000_000),
    "t_rc_ps": whole(1_000, 1_000_000),
    "t_rfc_ps": whole(1_000, 10_000_000),
    "t_refi_ps": whole(1_000, 1_000_000_000),
    # its geometry
    "channels": whole(1, 256),
    "ranks": whole(1, 64),
    "chips_per_rank": whole(1, 1_024),
    "banks": whole(1, 1_024),
    "bank_groups": whole(1, 1_024),
    "subarrays_per_bank": whole(1, 65_536),
    "t_faw_ps": whole(1, 400_000),  # four row cycles
    "rows_per_subarray": whole(1, 65_536),
    "row_bytes": whole(1, 1_048_576),
    "channel_bits": whole(8, 65_536),
    "burst_length": whole(2, 1_024),
    "transfers_per_clock": whole(2, 64),
    # its command bus
    "act_clocks": whole(1, 16),
    "column_clocks": whole(1, 16),
    "other_clocks": whole(1, 16),
    "act_counts_from": whole(1, 16),
    "buses": whole(1, 2),
    # its currents and pins
    "idd3n_open_banks": whole(1, 1_024),
    "open_bank_share": Range(0, 1),
    "read_pins": whole(1, 100_000),
    "write_pins": whole(1, 100_000),
    # a bitline pair
    "vt_mv": Range(-10_000, 10_000),
    "leak_to_mv": Range(-10_000, 100_000),
    "row": whole(0, 65_535),
    "cells": whole(1, 65_536),
    "segments": whole(1, 1_024),
    "resistance_ohm": Range(1e-6, 1e6),
    "word_line_ramp_ns": Range(1e-3, 1e6),
    "sense_ramp_ns": Range(1e-3, 1e6),
    "time_constant_ms": Range(1e-6, 1e15),
    "halving_celsius": Range(1e-3, 1e3),
    "log_scale": Range(0, 100),
    "reference_celsius": Range(-273.15, 1_000),
    "kp_ua_per_v2": Range(1e-3, 1e7),
    "lambda_per_v": Range(0, 10),
}
"""Ranges of single values."""

_BY_UNIT = {
    "ps": whole(1, 200_000),
    "clocks": whole(1, 1_000),
    "ma": Range(1e-3, 1e5),
    "mw": Range(1e-6, 1e5),
    "pj_per_bit": Range(1e-6, 1e5),
    "mv": Range(1, 1e5),
    "ff": Range(1e-3, 1e6),
    "um": Range(1e-4, 1e4),
    "nm": Range(1e-2, 1e4),
    "ns": Range(0, 1e6),
    "ff_per_um": Range(0, 1e4),
    "share": Range(0, 1),
}
"""Ranges of all other values, by the ending of the name."""


def end(name: str, known: Iterable[str] = UNITS) -> str:
    """Return the ending of a name that gives its unit, or another known ending; '' if it has none.

    >>> end("set_load_ff"), end("overlap_ff_per_um"), end("banks")
    ('ff', 'ff_per_um', '')
    """
    return max((one for one in known if name.endswith(f"_{one}")), key=len, default="")


@cache
def _range_of(name: str) -> Range | None:
    return _BY_NAME.get(name) or _BY_UNIT.get(end(name, _BY_UNIT))


def mistake(name: str, value: object) -> str | None:
    """Return what is wrong with a value; None if nothing is, or the name has no range."""
    found = _range_of(name)
    if found is None or found.holds(value):
        return None
    unit = UNITS.get(
        end(name), "of vdd" if name.endswith("_share") and name not in _BY_NAME else ""
    )
    return f"`{name}` must be {found.text(unit)}, not {shown(value)}"


@dataclass(frozen=True, slots=True)
class Ranged:
    """A dataclass whose values are checked where it is made.

    Raises :class:`~pimsim.errors.InputError` if values are out of range.
    """

    def __post_init__(self) -> None:
        require(self)


def require(owner: Any) -> None:
    """Raise :class:`~pimsim.errors.InputError` if values of a dataclass are out of range.

    The error names all of them. Values that are None are not checked.
    """
    given = ((field.name, getattr(owner, field.name)) for field in fields(owner))
    wrong = [text for name, value in given if value is not None and (text := mistake(name, value))]
    if wrong:
        raise InputError.of(wrong)
