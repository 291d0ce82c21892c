"""Row groups of a subarray: which wordlines an address raises.

A subarray's row addresses fall into three groups: the B-group (compute cells and the combinations
of them that one address opens), the C-group (rows that hold constants) and the D-group (data).
The map is data, read from TOML; Ambit's own is :func:`ambit`. Whatever needs a map takes it from
its caller; :data:`DEFAULT_MAP` stands where none is given.

>>> rows = ambit()
>>> rows.address("B12"), rows.address("C1"), rows.address("D0")
(12, 17, 18)
>>> rows.data_rows(1024), rows.data_rows(512)
(1006, 494)
>>> [rows.cells[w.cell] for w in rows.wordlines(8)]
['DCC0', 'T0']
>>> rows.label(18)
'D0'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from pimsim import documents
from pimsim.errors import InputError

MAX_WORDLINES = 3
_KEYS = {"name", "source", "cells", "constants", "addresses"}
_DATA = re.compile(r"D[0-9]+")
_NAME = re.compile(r"(?!D[0-9]+$)[A-Za-z]\w*")


@dataclass(frozen=True, slots=True)
class Wordline:
    """One wordline: the cell it opens and the bitline it opens that cell to."""

    cell: int
    """Index of the cell among the compute cells, then constants, then data rows."""
    complement: bool = False
    """True for an n-wordline, which joins the cell to the complement bitline."""


@dataclass(frozen=True)
class AddressMap:
    """Addresses of a subarray: B-group first, then C-group, then D-group."""

    name: str
    source: str
    cells: tuple[str, ...]
    """Names of the compute cells."""
    addresses: tuple[tuple[str, tuple[Wordline, ...]], ...]
    """B-group addresses in order, each with the wordlines that it raises."""
    constants: tuple[tuple[str, int], ...]
    """C-group addresses in order, each with the bit it holds in every column."""

    @property
    def first_constant(self) -> int:
        """Address of the first C-group row."""
        return len(self.addresses)

    @property
    def first_data(self) -> int:
        """Address of D0; also the number of addresses that are not data rows."""
        return len(self.addresses) + len(self.constants)

    def data_rows(self, rows: int) -> int:
        """D-group rows of a subarray with ``rows`` row addresses."""
        return rows - self.first_data

    def address(self, label: str) -> int:
        """Address of ``B12``, ``C0`` or ``D17``; raises InputError for a label not in the map."""
        if label in self._fixed:
            return self._fixed[label]
        if _DATA.fullmatch(label):
            return self.first_data + int(label[1:])
        raise InputError(
            f"address must be one of {self.addresses[0][0]}..{self.addresses[-1][0]}, "
            f"{', '.join(name for name, _ in self.constants)} or D0, D1, ..., not {label!r}"
        )

    def has(self, label: str) -> bool:
        """Whether ``label`` names an address."""
        return label in self._fixed or _DATA.fullmatch(label) is not None

    @cached_property
    def _fixed(self) -> dict[str, int]:
        """Addresses of the B- and C-group by name."""
        names = [name for name, _ in (*self.addresses, *self.constants)]
        return {name: address for address, name in enumerate(names)}

    def label(self, address: int) -> str:
        """Name of an address, the inverse of :meth:`address`."""
        if address < self.first_constant:
            return self.addresses[address][0]
        if address < self.first_data:
            return self.constants[address - self.first_constant][0]
        return f"D{address - self.first_data}"

    def wordlines(self, address: int) -> tuple[Wordline, ...]:
        """Wordlines that an address raises."""
        if address < self.first_constant:
            return self.addresses[address][1]
        return (Wordline(address - self.first_constant + len(self.cells)),)

    def shorted(self, first: int, second: int) -> str | None:
        """A compute cell that two addresses, open together, join to bitline and complement.

        The sense amplifier would leave such a cell between 0 and 1.

        >>> ambit().shorted(4, 5), ambit().shorted(4, 4)
        ('DCC0', None)
        """
        if max(first, second) >= self.first_constant:
            return None
        sides = {line.cell: line.complement for line in self.wordlines(first)}
        for line in self.wordlines(second):
            if sides.get(line.cell, line.complement) != line.complement:
                return self.cells[line.cell]
        return None


@cache
def ambit() -> AddressMap:
    """The address map of Ambit (MICRO 2017, Table 1)."""
    text = resources.files(__package__).joinpath("ambit.toml").read_text(encoding="utf-8")
    return parse(documents.toml(text, "ambit.toml"), "ambit.toml")


def load(path: Path) -> AddressMap:
    """Read an address map from a TOML file laid out as ``ambit.toml`` is."""
    text = documents.read_text(
        path, f"the address map {str(path)!r}", "TOML", documents.MOST_TOML_BYTES
    )
    return parse(documents.toml(text, str(path)), str(path))


def parse(table: Mapping[str, Any], where: str) -> AddressMap:
    """Check a decoded table and build the map; ``where`` names it in errors."""
    missing, unknown = _KEYS - table.keys(), table.keys() - _KEYS
    if missing or unknown:
        which, keys = ("missing", missing) if missing else ("unknown", unknown)
        raise InputError(f"{where}: {which} key {', '.join(map(repr, sorted(keys)))}")
    for key in ("name", "source"):
        if not isinstance(table[key], str):
            raise InputError(f"{where}: `{key}` must be a text, not {table[key]!r}")
    names = table["cells"]
    if not isinstance(names, list) or not names or len(set(map(repr, names))) != len(names):
        raise InputError(f"{where}: `cells` must be a list of distinct names, not {names!r}")
    for key in ("addresses", "constants"):
        if not isinstance(table[key], Mapping) or not table[key]:
            raise InputError(f"{where}: `{key}` must be a table with entries, not {table[key]!r}")
    twice = table["addresses"].keys() & table["constants"].keys()
    if twice:
        raise InputError(f"{where}: {min(twice)} must not be both in `addresses` and `constants`")
    for name in (*names, *table["addresses"], *table["constants"]):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"{where}: a name must be a letter, then letters, digits or _, and not that of "
                f"a data row, not {name!r}"
            )
    cells = tuple(names)
    addresses = []
    for name, lines in table["addresses"].items():
        if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_WORDLINES:
            raise InputError(
                f"{where}: {name} must list 1 to {MAX_WORDLINES} wordlines, not {lines!r}"
            )
        wordlines = tuple(_wordline(line, cells, f"{where}: {name}") for line in lines)
        if len({w.cell for w in wordlines}) != len(wordlines):
            raise InputError(f"{where}: {name} must not raise a cell twice, as {lines!r} does")
        addresses.append((name, wordlines))
    for name, bit in table["constants"].items():
        if type(bit) is not int or bit not in (0, 1):
            raise InputError(f"{where}: constant {name} must be 0 or 1, not {bit!r}")
    constants = tuple(table["constants"].items())
    return AddressMap(table["name"], table["source"], cells, tuple(addresses), constants)


def _wordline(text: object, cells: tuple[str, ...], where: str) -> Wordline:
    name = text.removeprefix("!") if isinstance(text, str) else text
    if not isinstance(text, str) or name not in cells:
        raise InputError(f"{where}: a wordline must be a cell, or ! and a cell, not {text!r}")
    return Wordline(cells.index(text.removeprefix("!")), text.startswith("!"))


DEFAULT_MAP = ambit()
"""The map of everything that is not given another."""


# -- majorities over more rows than three ----------------------------------------------------------

ACTIVATION_ROWS = (3, 4, 8, 16, 32)
"""Rows that an activation for a majority may open: Ambit's three, and those of real chips.

Chips open 4, 8, 16 or 32 rows at once. Of N rows each of three operands takes N div 3, which makes
the swing on the bitline larger; rows left over hold half the supply and add nothing. One activation
of many rows also writes all copies of an operand, so that a program takes as many commands as with
three rows. What grows is the number of wordlines raised, and that of compute rows.

Source: Yuksel et al., "Simultaneous Many-Row Activation in Off-the-Shelf DRAM Chips", DSN 2024.
"""


def operand_rows(rows: int) -> int:
    """Rows that each of three operands stands on when ``rows`` are opened."""
    return rows // 3


def rows_taken(rows: int, address_map: AddressMap = DEFAULT_MAP) -> int:
    """Rows of a subarray that copies of compute rows and rows left over take, beyond the map's.

    >>> [(n, operand_rows(n), rows_taken(n)) for n in ACTIVATION_ROWS]
    [(3, 1, 0), (4, 1, 1), (8, 2, 8), (16, 5, 25), (32, 10, 56)]
    """
    return (operand_rows(rows) - 1) * len(address_map.cells) + rows % 3


def extra_sensed(lines: int, rows: int) -> int:
    """Wordlines beyond the first that a first activation raises behind ``lines`` compute cells.

    Of a single operand one copy is read. For a majority all rows are opened, those left over too.

    >>> extra_sensed(1, 8), extra_sensed(3, 8), extra_sensed(3, 3)
    (0, 7, 2)
    """
    if lines == 1:
        return 0
    return (rows if lines == 3 else lines * operand_rows(rows)) - 1


def extra_driven(lines: int, rows: int) -> int:
    """Wordlines beyond the first that a second activation raises: every copy is overwritten.

    >>> extra_driven(1, 8), extra_driven(3, 8), extra_driven(3, 3)
    (1, 5, 2)
    """
    return lines * operand_rows(rows) - 1
