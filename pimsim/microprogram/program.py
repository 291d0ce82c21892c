"""Programs of AAP and AP over symbolic rows.

A program is written as the literature writes it: ``(a,B8)`` is AAP(a, B8) and ``[B14]`` is
AP(B14). Names that the address map does not know are symbolic rows, bound to data or constant
rows when the program runs.

>>> xor = Program.parse("xor", "(a,B8)(b,B9)(C0,B10)[B14][B15](C1,B2)(B12,out)",
...                     inputs=("a", "b"), outputs=("out",))
>>> xor.aap, xor.ap, xor.extra_wordlines()
(5, 2, 9)
>>> xor.symbols
('a', 'b', 'out')
>>> print(xor)
(a,B8)(b,B9)(C0,B10)[B14][B15](C1,B2)(B12,out)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import groupby

from pimsim.documents import shown
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.many_rows import ACTIVATION_ROWS, extra_driven, extra_sensed
from pimsim.dram.array.subarray import RowSlot, Subarray
from pimsim.dram.array.translation import refusal, translation
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle
from pimsim.errors import InputError

_MOST_SHOWN = 8
"""Commands of a program that are shown."""
_TOKEN = re.compile(r"\(([^(),\s]+),([^(),\s]+)\)|\[([^\[\]\s]+)\]|(\s+)|(.)")


@dataclass(frozen=True, slots=True)
class Command:
    """AAP(source, destination), or AP(source) when there is no destination."""

    source: str
    destination: str | None = None

    def __str__(self) -> str:
        if self.destination is None:
            return f"[{self.source}]"
        return f"({self.source},{self.destination})"


@dataclass(frozen=True, eq=False)
class Program:
    """Commands in order, and the names of the rows that they read, write and use in between.

    Two programs are never equal, even with the same commands.
    """

    name: str
    commands: tuple[Command, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    scratch: tuple[str, ...] = ()
    """Rows that the program overwrites and whose contents have no meaning afterwards."""
    address_map: AddressMap = field(default=DEFAULT_MAP, repr=False)

    def __repr__(self) -> str:
        short = str(self) if len(self) <= _MOST_SHOWN else f"{self.aap} AAP and {self.ap} AP"
        return f"<Program {self.name!r}: {short}>"

    def __post_init__(self) -> None:
        known, rows = set(self.symbols), self.address_map
        if len(known) != len(self.symbols):
            raise InputError(f"program {self.name!r} must not name a row twice in {self.symbols}")
        for symbol in self.symbols:
            if rows.has(symbol):
                raise InputError(
                    f"program {self.name!r} must not name a row like the address {symbol}"
                )
        for command in self.commands:
            try:
                fixed = [
                    rows.address(row)
                    for row in (command.source, command.destination)
                    if row is not None and row not in known
                ]
            except InputError:
                raise self._undeclared() from None
            if command.source not in known and rows.undecided(fixed[0]):
                raise InputError(
                    f"program {self.name!r}: {command} must not sense the "
                    f"{len(rows.wordlines(fixed[0]))} cells of {command.source} together: half of "
                    "them may differ from the others"
                )
            cell = rows.shorted(*fixed) if len(fixed) == 2 else None
            if cell is not None:
                raise InputError(
                    f"program {self.name!r}: {command} must not connect {cell} to the bitline and "
                    "to its complement"
                )

    def _undeclared(self) -> InputError:
        """The message about rows that are neither symbols nor addresses."""
        named = {row for one in self.commands for row in (one.source, one.destination) if row}
        rows = self.address_map
        unknown = sorted(row for row in named.difference(self.symbols) if not rows.knows(row))
        return InputError(
            f"program {self.name!r}: {', '.join(map(shown, unknown))} must be among `inputs`, "
            f"`outputs` or `scratch`, or an address of the map {rows.name!r}: {rows.labels()}"
        )

    @classmethod
    def parse(
        cls,
        name: str,
        text: str,
        *,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        scratch: tuple[str, ...] = (),
        address_map: AddressMap = DEFAULT_MAP,
    ) -> Program:
        """Read a program as the literature writes it: ``(a,B8)(B12,out)[B14]``.

        Args:
            name: what messages and reports call it.
            text: its commands, ``(from,to)`` for an AAP and ``[row]`` for an AP.
            inputs: rows that it reads, by the names they have in ``text``.
            outputs: rows that it writes.
            scratch: rows that it overwrites besides.
            address_map: whose addresses ``text`` names.

        Raises InputError for text that it cannot read, and for rows that are not among the names.

        >>> Program.parse("not", "(a,B5)(B4,out)", inputs=("a",), outputs=("result",))
        Traceback (most recent call last):
        ...
        pimsim.errors.InputError: program 'not': 'out' must be among `inputs`, `outputs` or \
`scratch`, or an address of the map 'ambit': B0..B15, C0, C1 or D0, D1, ...
        """
        return cls(name, tuple(parse(text)), inputs, outputs, scratch, address_map)

    def on(self, address_map: AddressMap, *, alone: bool = False) -> Program:
        """Return the same program on another address map.

        An address is replaced by the one that raises the same wordlines there, whatever it is
        called (see :mod:`pimsim.dram.array.translation`). All programs of one map are translated to
        the same cells, so a program finds what another has left in them. ``alone``: this program
        needs nothing from others, and may use any cells.

        Raises InputError, naming what is missing, if the map lacks such addresses.
        """
        return self if address_map is self.address_map else _on(self, address_map, alone)

    def fits(self, address_map: AddressMap) -> bool:
        """Return whether a map has all addresses that the program needs.

        >>> from pimsim.dram.array.address_map import load
        >>> five = Program.parse("five", "[B19]", inputs=(), outputs=(),
        ...                      address_map=load("five-row"))
        >>> five.fits(load("five-row")), five.fits(load("ambit"))
        (True, False)
        """
        found = translation(self.address_map, address_map, self.opened)
        return found.labels.keys() >= {*self.opened}

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbolic rows: inputs, outputs and scratch, each once."""
        return tuple(dict.fromkeys((*self.inputs, *self.outputs))) + self.scratch

    @cached_property
    def aap(self) -> int:
        """Number of ACTIVATE-ACTIVATE-PRECHARGE commands."""
        return sum(c.destination is not None for c in self.commands)

    @cached_property
    def ap(self) -> int:
        """Number of ACTIVATE-PRECHARGE commands."""
        return len(self.commands) - self.aap

    @property
    def activations(self) -> int:
        """Activations, two an AAP and one an AP."""
        return 2 * self.aap + self.ap

    def extra_wordlines(self, activation_rows: int = ACTIVATION_ROWS[0]) -> int:
        """Wordlines raised beyond the first of each activation, summed over the program.

        An activation for a majority opens ``activation_rows`` rows.

        >>> maj3 = Program.parse("maj3", "(a,B0)(b,B1)(c,B2)(B12,out)",
        ...                      inputs=("a", "b", "c"), outputs=("out",))
        >>> maj3.extra_wordlines(), maj3.extra_wordlines(32)
        (2, 58)
        """
        rows = self.address_map
        lines = {row: len(rows.wordlines(rows.address(row))) for row in self.opened}
        for constant, _ in rows.constants:  # no compute cells: only these have copies
            lines.pop(constant, None)
        return sum(
            raise_extra(lines[row], activation_rows)
            for command in self.commands
            for raise_extra, row in (
                (extra_sensed, command.source),
                (extra_driven, command.destination),
            )
            if row in lines
        )

    @cached_property
    def cycle(self) -> RowCycle:
        """The kinds of the commands in order, with the length of each run of equal ones.

        >>> copy = Program.parse("copy", "(a,B0)(B0,out)[B0]", inputs=("a",), outputs=("out",))
        >>> [(kind.name, times) for kind, times in copy.cycle]
        [('AAP', 2), ('AP', 1)]
        """
        kinds = (Kind.AP if c.destination is None else Kind.AAP for c in self.commands)
        return tuple((kind, len(list(some))) for kind, some in groupby(kinds))

    @cached_property
    def slots(self) -> list[tuple[RowSlot, RowSlot | None]]:
        """Source and destination of every command, symbols by their number among :attr:`symbols`.

        This is what :meth:`~pimsim.dram.array.subarray.Subarray.run` takes.
        """
        number = {name: (True, index) for index, name in enumerate(self.symbols)}

        def slot(name: str) -> RowSlot:
            return number.get(name) or (False, self.address_map.address(name))

        return [
            (slot(c.source), None if c.destination is None else slot(c.destination))
            for c in self.commands
        ]

    def check(self, subarray: Subarray) -> None:
        """Raise an error unless a subarray has the address map and the fixed addresses."""
        if subarray.rows != self.address_map:
            raise InputError(
                f"program {self.name!r} must run on a subarray with the address map "
                f"{self.address_map.name!r}, not {subarray.rows.name!r}"
            )
        for address in self._fixed:
            subarray.check(address)

    @cached_property
    def opened(self) -> tuple[str, ...]:
        """Names of the compute and constant rows that it opens, each once, in order."""
        rows = (row for c in self.commands for row in (c.source, c.destination) if row is not None)
        known = set(self.symbols)
        some = dict.fromkeys(row for row in rows if row not in known)
        first = self.address_map.first_data
        return tuple(row for row in some if self.address_map.address(row) < first)

    @cached_property
    def _fixed(self) -> set[int]:
        return {slot[1] for pair in self.slots for slot in pair if slot and not slot[0]}

    def placed(self, **rows: str) -> tuple[Command, ...]:
        """The commands with symbolic rows renamed, as pieces for a longer program.

        >>> copy = Program.parse("copy", "(a,out)", inputs=("a",), outputs=("out",))
        >>> str(copy.placed(a="x3", out="y")[0])
        '(x3,y)'
        """
        return _renamed(self.commands, rows)

    def __len__(self) -> int:
        return len(self.commands)

    def __str__(self) -> str:
        return "".join(map(str, self.commands))


def _renamed(commands: Iterable[Command], rows: Mapping[str, str]) -> tuple[Command, ...]:
    return tuple(
        Command(
            rows.get(c.source, c.source),
            None if c.destination is None else rows.get(c.destination, c.destination),
        )
        for c in commands
    )


@cache
def _on(program: Program, address_map: AddressMap, alone: bool) -> Program:
    own = program.address_map
    found = translation(own, address_map)
    if alone and not found.labels.keys() >= {*program.opened}:
        found = translation(own, address_map, program.opened)
    for label in program.opened:
        if label not in found.labels:
            raise InputError(
                f"program {program.name!r} cannot run on the address map {address_map.name!r}: "
                f"{refusal(own, address_map, label, found)}"
            )
    return replace(
        program, commands=_renamed(program.commands, found.labels), address_map=address_map
    )


def parse(text: str) -> Iterable[Command]:
    """Commands written as ``(source,destination)`` and ``[address]``.

    >>> list(map(str, parse("(a,B0) [B12]")))
    ['(a,B0)', '[B12]']
    """
    for match in _TOKEN.finditer(text):
        source, destination, single, _, wrong = match.groups()
        if wrong is not None:
            raise InputError(
                f"a program must be (source,destination) and [address] only, not {wrong!r} "
                f"at position {match.start()} of {text!r}"
            )
        if single is not None:
            yield Command(single)
        elif source is not None:
            yield Command(source, destination)
