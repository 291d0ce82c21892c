"""Row groups of a subarray: which wordlines an address raises.

A subarray's row addresses fall into three groups: the B-group (compute cells and the combinations
of them that one address opens), the C-group (rows that hold constants) and the D-group (data).
The map is data, read from TOML. The maps that come with pimsim lie in ``pimsim/dram/address_maps``;
a user's own file loads by its path. Code that needs a map takes it as an argument; the default is
:data:`DEFAULT_MAP`, Ambit's.

>>> rows = load("ambit")
>>> rows.address("B12"), rows.address("C1"), rows.address("D0")
(12, 17, 18)
>>> rows.data_rows(1024), rows.data_rows(512)
(1006, 494)
>>> [rows.cells[w.cell] for w in rows.wordlines(8)]
['DCC0', 'T0']
>>> rows.label(18)
'D0'
>>> load("ambic")  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
pimsim.errors.InputError: `address_map` must be one of ambit, ... or the path of a .toml file, \
not 'ambic'; did you mean 'ambit'?
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pimsim import documents, sections
from pimsim.documents import shown
from pimsim.errors import InputError

MOST_WORDLINES = 32
"""Most wordlines that one address raises: real chips open up to 32 rows at once (Yuksel et al., DSN
2024)."""
MOST_CELLS, MOST_ADDRESSES = 64, 1_024
"""Most addresses of a map: more than any design has, and few enough to search through."""
_KEYS = ("name", "source", "cells", "constants", "addresses")
_OPTIONAL = ("description",)
_DATA = re.compile(r"D[0-9]+")
_NAME = re.compile(r"(?!D[0-9]+$)[A-Za-z]\w{0,63}")
_MOST_TEXT = 400


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
    description: str = field(default="", compare=False)
    """One line: what distinguishes it."""

    def __repr__(self) -> str:
        sizes = f"{len(self.addresses)} addresses, {len(self.cells)} cells"
        return f"<AddressMap {self.name!r}: {sizes}>"

    def __hash__(self) -> int:
        """Hash of the name alone, because maps are keys of caches that are looked up very often."""
        return hash(self.name)

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
        raise InputError(f"address must be one of {self.labels()}, not {shown(label)}")

    def knows(self, label: str) -> bool:
        """Whether a label is one of the map's.

        >>> [load("ambit").knows(label) for label in ("B12", "D17", "a")]
        [True, True, False]
        """
        return label in self._fixed or _DATA.fullmatch(label) is not None

    def labels(self) -> str:
        """Return all labels, as messages list them.

        >>> load("ambit").labels()
        'B0..B15, C0, C1 or D0, D1, ...'
        """
        return f"{_listed(self.addresses)}, {_listed(self.constants)} or D0, D1, ..."

    def constant(self, bit: int) -> int:
        """Address of the first row that holds ``bit`` in every column.

        >>> load("ambit").constant(1)
        17

        Raises :class:`~pimsim.errors.InputError` if there is none.
        """
        for index, (_, held) in enumerate(self.constants):
            if held == bit:
                return self.first_constant + index
        raise InputError(
            f"address map {self.name!r} must have a row of the constant {bit}: "
            f"add `C{bit} = {bit}` under [constants]"
        )

    def has(self, label: str) -> bool:
        """Whether ``label`` names an address."""
        return label in self._fixed or _DATA.fullmatch(label) is not None

    @cached_property
    def _fixed(self) -> dict[str, int]:
        """Addresses of the B- and C-group by name."""
        names = [name for name, _ in (*self.addresses, *self.constants)]
        return {name: address for address, name in enumerate(names)}

    @cached_property
    def inverts(self) -> bool:
        """Whether some cell can be written through one of its wordlines and read by the other."""
        alone = {lines[0] for _, lines in self.addresses if len(lines) == 1}
        every = {line for _, lines in self.addresses for line in lines}
        return any(Wordline(one.cell, not one.complement) in every for one in alone)

    @cached_property
    def majorities(self) -> tuple[int, ...]:
        """Numbers of wordlines whose majority some address computes.

        >>> load("ambit").majorities
        (3,)
        """
        counts = {len(lines) for _, lines in self.addresses}
        return tuple(sorted(count for count in counts if count >= 3 and count % 2))

    def require_logic(self) -> None:
        """Raise InputError unless the map has NOT, a majority of three and both constants."""
        if not self.inverts:
            raise InputError(
                f"address map {self.name!r} must have a NOT: a cell that one address opens to the "
                "bitline, and another one to its complement; add such as "
                f'`N0 = ["!{self.cells[0]}"]` under [addresses]'
            )
        if 3 not in self.majorities:
            written = ", ".join(f'"{name}"' for name in self.cells[:3])
            cells = " and cells" if len(self.cells) < 3 else f" such as `M0 = [{written}]`"
            raise InputError(
                f"address map {self.name!r} must have a majority: an address that raises three "
                f"wordlines; add one{cells} under [addresses]"
            )
        self.constant(0)
        self.constant(1)

    @cached_property
    def on_both_bitlines(self) -> tuple[str, ...]:
        """Addresses of majorities whose cells are not all on the same bitline of the pair.

        >>> load("ambit").on_both_bitlines
        ()
        """
        return tuple(
            name
            for name, lines in self.addresses
            if len(lines) in self.majorities and len({line.complement for line in lines}) == 2
        )

    @property
    def hardware(self) -> dict[str, int]:
        """What hardware the map needs in a subarray, beside the rows of constants.

        >>> load("three-dcc").hardware
        {'cells': 6, 'wordlines': 9, 'addresses': 17, 'rows_at_once': 3}
        """
        every = {line for _, lines in self.addresses for line in lines}
        return {
            "cells": len(self.cells),
            "wordlines": len(every),
            "addresses": len(self.addresses),
            "rows_at_once": max(len(lines) for _, lines in self.addresses),
        }

    @cached_property
    def content(self) -> dict[str, Any]:
        """What decides what a program computes and costs, as JSON values: no name, no source."""
        return {
            "cells": list(self.cells),
            "constants": [list(one) for one in self.constants],
            "addresses": [[name, list(self.raised(name))] for name, _ in self.addresses],
        }

    def raised(self, label: str) -> tuple[str, ...]:
        """The wordlines of an address as a file writes them.

        >>> load("ambit").raised("B8")
        ('!DCC0', 'T0')
        """
        return tuple(self.written(line) for line in self.wordlines(self.address(label)))

    def written(self, line: Wordline) -> str:
        """A wordline of a compute cell as a file writes it."""
        return f"{'!' * line.complement}{self.cells[line.cell]}"

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

    def undecided(self, address: int) -> bool:
        """Whether its cells, sensed together, may tie: half of them ones and half zeros.

        That is so for an even number of four cells or more. Two cells do not count: programs make
        them equal first.
        """
        lines = len(self.wordlines(address))
        return lines > 2 and not lines % 2

    def shorted(self, first: int, second: int) -> str | None:
        """A compute cell that two addresses, open together, connect to bitline and complement.

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


_SHELF = sections.Shelf("address_map", "pimsim.dram", "address_maps")


def names() -> tuple[str, ...]:
    """Names of the maps that come with pimsim, sorted."""
    return _SHELF.names()


def load(wanted: str | Path) -> AddressMap:
    """Return the map of that name, or the one in the ``.toml`` file at that path.

    Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), and a
    file that cannot be read or is no map; the message names the file and what is wrong with it.
    """
    if isinstance(wanted, str) and wanted in names():
        return _bundled(wanted)
    return _read(wanted)


@cache
def _bundled(name: str) -> AddressMap:
    return _read(name)


def _read(wanted: str | Path) -> AddressMap:
    text, file, _ = _SHELF.text_of(wanted)
    return parse(documents.toml(text, file), file)


def text(wanted: str | Path) -> str:
    """Return the TOML text of a map, to edit; raises as :func:`load` does."""
    load(wanted)
    return _SHELF.text_of(wanted)[0]


def ambit() -> AddressMap:
    """The address map of Ambit (MICRO 2017, Table 1)."""
    return load("ambit")


def parse(table: Mapping[str, Any], where: str) -> AddressMap:
    """Check a decoded table and build the map; ``where`` names it in errors."""
    missing = [key for key in _KEYS if key not in table]
    if missing:
        keys = ", ".join(f"`{key}`" for key in sorted(missing))
        raise InputError(f"{where}: it must have the key{'s' * (len(missing) > 1)} {keys}")
    documents.require_known(table, (*_KEYS, *_OPTIONAL), where)
    for key in ("name", "source", *(key for key in _OPTIONAL if key in table)):
        stated = table[key]
        if not isinstance(stated, str) or not stated.isprintable() or not stated:
            raise InputError(f"{where}: `{key}` must be a text of one line, not {shown(stated)}")
        if len(stated) > _MOST_TEXT:
            raise InputError(
                f"{where}: `{key}` must have at most {_MOST_TEXT} characters, not {len(stated):,}"
            )
    cells = _cells(table["cells"], where)
    for key in ("addresses", "constants"):
        if not isinstance(table[key], Mapping) or not table[key]:
            raise InputError(
                f"{where}: `{key}` must be a table with entries, not {shown(table[key])}"
            )
    twice = table["addresses"].keys() & table["constants"].keys()
    if twice:
        raise InputError(f"{where}: {min(twice)} must not be both in `addresses` and `constants`")
    count = len(table["addresses"]) + len(table["constants"])
    if count > MOST_ADDRESSES:
        raise InputError(
            f"{where}: there must be at most {MOST_ADDRESSES:,} addresses and constants, "
            f"not {count:,}"
        )
    for name in (*cells, *table["addresses"], *table["constants"]):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"{where}: a name must be a letter, then letters, digits or _, at most 64, and "
                f"not that of a data row, not {shown(name)}"
            )
    addresses = tuple(
        (name, _wordlines(name, lines, cells, where)) for name, lines in table["addresses"].items()
    )
    for name, bit in table["constants"].items():
        if type(bit) is not int or bit not in (0, 1):
            raise InputError(f"{where}: constant {name} must be 0 or 1, not {shown(bit)}")
    return AddressMap(
        table["name"],
        table["source"],
        cells,
        addresses,
        tuple(table["constants"].items()),
        table.get("description", ""),
    )


def _cells(names: object, where: str) -> tuple[Any, ...]:
    if not isinstance(names, list) or not names or len(set(map(repr, names))) != len(names):
        raise InputError(f"{where}: `cells` must be a list of distinct names, not {shown(names)}")
    if len(names) > MOST_CELLS:
        raise InputError(f"{where}: `cells` must be at most {MOST_CELLS} names, not {len(names):,}")
    return tuple(names)


def _wordlines(
    name: str, lines: object, cells: tuple[str, ...], where: str
) -> tuple[Wordline, ...]:
    if not isinstance(lines, list) or not 1 <= len(lines) <= MOST_WORDLINES:
        raise InputError(
            f"{where}: {name} must list 1 to {MOST_WORDLINES} wordlines, not {shown(lines)}"
        )
    wordlines = tuple(_wordline(line, cells, f"{where}: {name}") for line in lines)
    if len({w.cell for w in wordlines}) != len(wordlines):
        raise InputError(f"{where}: {name} must not raise a cell twice, as {shown(lines)} does")
    return wordlines


def _wordline(text: object, cells: tuple[str, ...], where: str) -> Wordline:
    name = text.removeprefix("!") if isinstance(text, str) else text
    if not isinstance(text, str) or name not in cells:
        raise InputError(f"{where}: a wordline must be a cell, or ! and a cell, not {shown(text)}")
    return Wordline(cells.index(text.removeprefix("!")), text.startswith("!"))


def _listed(entries: tuple[tuple[str, Any], ...]) -> str:
    """Names as messages show them: consecutive numbers by their ends, else some of the names."""
    names = [name for name, _ in entries]
    stem = names[0].rstrip("0123456789")
    if len(names) > 3 and names == [f"{stem}{number}" for number in range(len(names))]:
        return f"{names[0]}..{names[-1]}"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}"


DEFAULT_MAP = ambit()
"""The map that is used where no other is given."""
