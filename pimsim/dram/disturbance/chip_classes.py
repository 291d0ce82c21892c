"""How many activations chips survive: bundled classes, and a CSV file of one's own.

HC_first is the number of activations at which the first bit flips, in any of the rows that were
tried. It is counted for each of two neighbours that are activated equally often (double-sided), or
for one neighbour alone (single-sided). The bundled numbers were counted in the data of
ReadDisturbanceVTS25 (Luo et al., "Revisiting DRAM Read Disturbance", VTS 2025), with both data
patterns and without rows at the edge of a subarray. Each is the least of about two thousand rows; a
whole chip has weaker ones.

>>> chips = bundled()
>>> len(chips), chips[0].name, chips[0].hc_double_sided, chips[-1].hc_double_sided
(12, 'samsung-8gb-e', 5000, 21000)
>>> chips[0].share(pair=2500, one=2500), chips[0].share(pair=0, one=5000)
(0.5, 0.5)
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from pimsim.documents import meant, read_text, shown
from pimsim.errors import InputError

COLUMNS = ("name", "hc_double_sided", "hc_single_sided")
"""Columns that a file must have; ``source`` may come with them."""
MOST = 1_000_000_000
_MOST_BYTES, _MOST_NAME = 1 << 20, 64


@dataclass(frozen=True, slots=True)
class ChipClass:
    """Chips whose first bits flip at the same numbers of activations."""

    name: str
    hc_double_sided: int
    """HC_first: activations of each of both neighbours."""
    hc_single_sided: int
    """HC_first: activations of one neighbour."""
    source: str = ""
    """Where the numbers come from."""

    def share(self, pair: float, one: float) -> float:
        """Return the share of HC_first that a row has seen; at 1 the first bit flips.

        Activations that both neighbours have in common count as double-sided; those that one has
        beyond the other count as single-sided. It is assumed that the two shares add up, which is
        exact if one of them is 0.

        Args:
            pair: activations of each neighbour since the row was restored.
            one: activations of the neighbour that has more.

        """
        return pair / self.hc_double_sided + (one - pair) / self.hc_single_sided


@cache
def bundled() -> tuple[ChipClass, ...]:
    """Return the bundled classes, the weakest first."""
    text = files(__package__).joinpath("chips.csv").read_text("utf-8")
    return tuple(_rows(text, "chips.csv"))


def load(wanted: str | Path) -> tuple[ChipClass, ...]:
    """Return the bundled class of that name, or those of the ``.csv`` file at that path.

    Raises :class:`~pimsim.errors.InputError` for an unknown name, and for a file that cannot be
    read, lacks a column or has an invalid value; the message names file and line.

    >>> [chip.name for chip in load("micron-8gb-e")]
    ['micron-8gb-e']
    >>> load("micron-8gb-f")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `disturbance` must be one of samsung-8gb-e, ... of a .csv file, not \
'micron-8gb-f'; did you mean 'micron-8gb-e'?
    """
    for one in bundled():
        if one.name == wanted:
            return (one,)
    path = Path(wanted)
    if path.suffix != ".csv":
        names = [one.name for one in bundled()]
        raise InputError(
            f"`disturbance` must be one of {', '.join(names)} or the path of a .csv file, "
            f"not {shown(str(wanted))}{meant(wanted, names)}"
        )
    text = read_text(path, f"`disturbance` {shown(str(path))}", "CSV", _MOST_BYTES)
    found = tuple(_rows(text, path.name))
    if not found:
        raise InputError(f"{path.name}, line 2 must have a class of chips below the header")
    return found


def _rows(text: str, file: str) -> Iterator[ChipClass]:
    """Classes of a file, in its order."""
    lines = csv.reader(text.splitlines(), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        for column in COLUMNS:
            if header.count(column) != 1:
                raise InputError(
                    f"{file}, line 1 must have the columns {', '.join(COLUMNS)} once each, and "
                    f"has {header.count(column)} of `{column}`"
                )
        seen: set[str] = set()
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{file}, line {lines.line_num}"
            if len(cells) != len(header):
                raise InputError(f"{where} must have {len(header)} values, not {len(cells)}")
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            yield _row(row, where, seen)
    except csv.Error as error:
        raise InputError(f"{file} is not a CSV file: line {lines.line_num}: {error}") from None


def _row(row: dict[str, str], where: str, seen: set[str]) -> ChipClass:
    name = row["name"]
    if not name or not name.isprintable() or len(name) > _MOST_NAME or name in seen:
        raise InputError(
            f"{where}: `name` must be a text of its own of 1 to {_MOST_NAME} letters, "
            f"not {shown(name)}"
        )
    seen.add(name)
    double, single = (_number(row[column], column, where) for column in COLUMNS[1:])
    if single < double:
        raise InputError(
            f"{where}: `hc_single_sided` must be at least `hc_double_sided` ({double:,}), "
            f"not {single:,}"
        )
    return ChipClass(name, double, single, row.get("source") or f"stated by {where}")


def _number(text: str, column: str, where: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= MOST:
        raise InputError(
            f"{where}: `{column}` must be an integer from 1 to {MOST:,}, not {shown(text)}"
        )
    return int(text)
