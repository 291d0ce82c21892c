"""The addresses of one map among those of another, found by the wordlines that they raise.

The names that maps give to cells and addresses play no part. First, every cell of one map is
matched with a cell of the other. An address then stands for another if both raise matching
wordlines. A dual-contact cell may also be matched the other way round, with its two wordlines
exchanged.

>>> from pimsim.dram.array.address_map import ambit, parse
>>> small = parse(
...     {
...         "name": "small", "source": "made up", "cells": ["X", "Y"], "constants": {"ZEROS": 0},
...         "addresses": {"P": ["Y"], "Q": ["!X"], "R": ["X"]},
...     },
...     "small.toml",
... )
>>> found = translation(ambit(), small)
>>> found.labels["B4"], found.labels["B5"], found.labels["C0"]
('R', 'Q', 'ZEROS')
>>> print(refusal(ambit(), small, "B8", found))
no address raises !DCC0 and T0 together, as B8 of 'ambit' does: add `B8 = ["!X", "Y"]` under \
[addresses]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pimsim.dram.array.address_map import AddressMap, Wordline

_Lines = tuple[Wordline, ...]
_Cells = Mapping[int, Wordline]
"""For cells of one map, the wordline of the other that stands for the d-wordline."""

_MOST_TRIES = 20_000


@dataclass(frozen=True, slots=True)
class Translation:
    """What stands for the addresses and cells of one map in another; some may be missing.

    A cell of the other map stands for one cell at most. Programs with the same translation
    therefore find in the compute cells what they left there.
    """

    labels: Mapping[str, str]
    """By the name of an address or a constant."""
    cells: _Cells
    exhausted: bool = False
    """Whether the search was cut short, so that more tries might have found more."""


@cache
def translation(
    source: AddressMap, target: AddressMap, wanted: tuple[str, ...] | None = None
) -> Translation:
    """Return what stands for addresses of ``source`` in ``target``, for as many as possible.

    Args:
        source: the map of a program.
        target: the map that it is to run on.
        wanted: addresses that are needed, all of the map if None.

    """
    if wanted is None:
        wanted = tuple(name for name, _ in (*source.constants, *source.addresses))
    constants = dict(source.constants)
    labels = {
        name: found
        for name in wanted
        if name in constants and (found := _constant(name, constants[name], target))
    }
    lines = {
        name: source.wordlines(source.address(name)) for name in wanted if name not in constants
    }
    search = _Search(source, target)
    search.run(lines)
    labels |= {name: search.label(name, lines[name]) for name in lines if name in search.kept}
    return Translation(labels, search.cells, search.tries > _MOST_TRIES)


def refusal(source: AddressMap, target: AddressMap, label: str, found: Translation) -> str:
    """Return why a map has nothing for an address, and what would repair it."""
    constants = dict(source.constants)
    if label in constants:
        bit = constants[label]
        return f"no row holds the constant {bit}: add `C{bit} = {bit}` under [constants]"
    lines = source.wordlines(source.address(label))
    own = " and ".join(filter(None, (", ".join(map(source.written, lines[:-1])),
                                     source.written(lines[-1]))))  # fmt: skip
    together = " together" if len(lines) > 1 else ""
    why = f"no address raises {own}{together}, as {label} of {source.name!r} does"
    if any(line.complement for line in lines) and not target.inverts:
        why = f"it has no NOT: no address raises the n-wordline of a cell, as {label} of "
        why += f"{source.name!r} does ({own})"
    elif len(lines) >= 3 and not target.majorities:
        why = f"it has no majority: no address raises three wordlines, as {label} of "
        why += f"{source.name!r} does ({own})"
    if found.exhausted:
        why += f", as far as {_MOST_TRIES:,} tries showed"
    there = [_image(line, found.cells) for line in lines]
    if None in there:
        return f"{why}: add one, and cells if need be, under [addresses]"
    written = ", ".join(f'"{target.written(line)}"' for line in there if line is not None)
    name = label
    while target.has(name):
        name = f"{name}_"
    return f"{why}: add `{name} = [{written}]` under [addresses]"


def _constant(name: str, bit: int, target: AddressMap) -> str | None:
    there = [one for one, held in target.constants if held == bit]
    return name if name in there else there[0] if there else None


def _image(line: Wordline, cells: _Cells) -> Wordline | None:
    """What a wordline becomes; None if nothing stands for its cell."""
    there = cells.get(line.cell)
    return there and Wordline(there.cell, there.complement ^ line.complement)


_Choices = dict[str, list[frozenset[Wordline]]]
"""For every address that can still be matched, what may stand for it."""


class _Search:
    """Matches cells so that as many addresses as possible exist: branch and bound.

    Equal names are tried first, and cells with the fewest candidates are matched first.
    """

    def __init__(self, source: AddressMap, target: AddressMap) -> None:
        self._source, self._target = source, target
        self._there: dict[frozenset[Wordline], list[str]] = {}
        for name, lines in target.addresses:
            self._there.setdefault(frozenset(lines), []).append(name)
        self._lines: Mapping[str, _Lines] = {}
        self.kept: frozenset[str] = frozenset()
        """Addresses that the best match so far has."""
        self.cells: _Cells = {}
        self.tries = 0
        self._most_tries = _MOST_TRIES
        self._least = 1
        """A match with fewer addresses than this is not looked for."""

    def label(self, name: str, lines: _Lines) -> str:
        """The address that raises what ``lines`` become; one of the same name comes first."""
        there = frozenset(one for own in lines if (one := _image(own, self.cells)))
        names = self._there[there]
        return name if name in names else names[0]

    def run(self, lines: Mapping[str, _Lines]) -> None:
        """Find the cells for addresses that raise ``lines``."""
        self._lines = lines
        every = {
            name: [there for there in self._there if len(there) == len(own)]
            for name, own in lines.items()
        }
        choices = {name: some for name, some in every.items() if some}
        self._least, self._most_tries = len(choices), _MOST_TRIES // 20
        self._go_on(choices, {})  # whether all of them are there is soon known
        if not self.kept:
            self._least, self._most_tries, self.tries = 1, _MOST_TRIES, 0
            self._go_on(choices, {})

    def _go_on(self, choices: _Choices, cells: dict[int, Wordline]) -> None:
        if len(choices) < max(self._least, len(self.kept) + 1) or self.tries > self._most_tries:
            return
        open_ = [
            (len(some), line.cell)
            for name, some in choices.items()
            for line in self._lines[name]
            if line.cell not in cells
        ]
        if not open_:
            self.kept, self.cells = frozenset(choices), cells
            return
        _, cell = min(open_)
        of = [(name, line) for name in choices for line in self._lines[name] if line.cell == cell]
        for there in self._candidates(cell, of, choices, cells):
            self.tries += 1
            left = dict(choices)
            for name, line in of:
                now = Wordline(there.cell, there.complement ^ line.complement)
                left[name] = [one for one in choices[name] if now in one]
            self._go_on({name: some for name, some in left.items() if some}, {**cells, cell: there})
        named = {name for name, _ in of}
        without = {name: some for name, some in choices.items() if name not in named}
        self._go_on(without, cells)

    def _candidates(
        self, cell: int, of: Sequence[tuple[str, Wordline]], choices: _Choices, cells: _Cells
    ) -> list[Wordline]:
        """What may stand for the d-wordline of a cell that the addresses ``of`` raise."""
        taken = {there.cell for there in cells.values()}
        every = {
            Wordline(one.cell, one.complement ^ line.complement)
            for name, line in of
            for one in frozenset().union(*choices[name])
            if one.cell not in taken
        }
        name = self._source.cells[cell]
        return sorted(
            every, key=lambda one: (self._target.cells[one.cell] != name, one.complement, one.cell)
        )
