"""What happens in a bitline pair, as data: which cells hold what, and which word line opens when.

A scenario is one or two cycles. A cycle lets go of the bitlines, opens a word line, senses,
opens perhaps a second word line (the second ACTIVATE of an AAP), closes the rows and precharges.
When that happens, in ns, is the timeline of the circuit's parameters; a scenario only says in
which cycle a word line opens, and whether with the first activation or with the second.

The cells of one side are on the bitline ``bl``, those of the other on its complement ``blb``; a
dual-contact cell has a contact to each. The answer is what ``bl`` holds when rows close in the
last cycle.

>>> scenario = tra("110", copy_out=True)
>>> [(cell.name, cell.stored) for cell in scenario.cells]
[('cell0', 1), ('cell1', 1), ('cell2', 0), ('copy', 0)]
>>> scenario.expected, scenario.cycles
(1, 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pimsim.errors import InputError

Side = Literal["bl", "blb"]
LogicGate = Literal["and", "or"]

Bit = Literal[0, 1]

Stored = Literal[0, 1, "neutral"]
"""What a cell holds; a neutral one is at the precharge level, as FracDRAM leaves it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """An access transistor: from a cell to a bitline, opened by a word line."""

    side: Side
    """Bitline it leads to: ``bl``, or its complement ``blb``."""
    word_line: str
    """Name of the word line at its gate."""


@dataclass(frozen=True, slots=True)
class OpenedCell:
    """A cell that is opened; one with two contacts is a dual-contact cell."""

    name: str
    stored: Stored
    """What it holds before the first cycle."""
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """A word line that opens in one cycle, with the first or the second activation."""

    word_line: str
    cycle: int = 0
    second: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """Cells and openings, the number of cycles, and the value that ``bl`` should end with.

    Names of cells differ, and every cycle opens a word line with its first activation.
    """

    name: str
    """Identifier, such as ``tra-110``."""
    title: str
    """The same in words, for a figure."""
    cells: tuple[OpenedCell, ...]
    openings: tuple[Opening, ...]
    expected: int | None
    """The value that a perfect circuit gives; None where the operands tie."""
    cycles: int = 1

    @property
    def word_lines(self) -> tuple[str, ...]:
        """Names of the word lines, in the order of the cells that they open."""
        return tuple(dict.fromkeys(c.word_line for cell in self.cells for c in cell.contacts))

    @property
    def contacts(self) -> tuple[tuple[int, Contact], ...]:
        """Every access transistor with the index of its cell."""
        return tuple((i, c) for i, cell in enumerate(self.cells) for c in cell.contacts)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of what has a voltage: the sense amplifier's nodes, then the cells."""
        return ("bl", "blb", "san", "sap", *(cell.name for cell in self.cells))

    def holders(self) -> tuple[int, ...]:
        """Indices of the cells that are open to ``bl`` when rows close in the last cycle.

        They must end up holding what ``bl`` holds; the restored level that is reported is theirs.
        """
        opened = {o.word_line for o in self.openings if o.cycle == self.cycles - 1}
        return tuple(i for i, c in self.contacts if c.side == "bl" and c.word_line in opened)


def read(value: int | str) -> Scenario:
    """Read one cell that holds ``value``.

    >>> read(2)
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `pattern` must be 1 of the digits 0 and 1, not '2'
    """
    (bit,) = _bits(str(value), 1)
    return _opened(f"read-{bit}", f"read of {bit}", (bit,), bit)


def tra(pattern: str, *, copy_out: bool = False) -> Scenario:
    """Triple-row activation of cells that hold ``pattern``, such as ``"110"``.

    With ``copy_out`` a cell that holds 0 is opened by the second activation and receives the
    majority.
    """
    bits = _bits(pattern, 3)
    name, title = f"tra-{pattern}", f"TRA of {pattern}"
    if not copy_out:
        return _opened(name, title, bits, _majority(bits))
    return _opened(f"{name}-copy-out", f"{title} with copy-out", bits, _majority(bits), copy=0)


def rowclone(value: int | str) -> Scenario:
    """RowClone copy (AAP) of a cell that holds ``value`` into one that holds the opposite."""
    (bit,) = _bits(str(value), 1)
    opposite: Bit = 0 if bit else 1
    return _opened(f"copy-{bit}", f"RowClone copy of {bit}", (bit,), bit, copy=opposite)


def dual_contact_not(value: int | str) -> Scenario:
    """NOT of a cell that holds ``value`` through a dual-contact cell: two AAPs.

    The first copies the cell's complement into the dual-contact cell, whose n-wordline leads to
    ``blb``; the second copies it, through the d-wordline, into the result. Both cells hold 0
    before.
    """
    (bit,) = _bits(str(value), 1)
    return Scenario(
        name=f"not-{bit}",
        title=f"NOT of {bit} through a dual-contact cell",
        cells=(
            OpenedCell("cell0", bit, (Contact("bl", "wl"),)),
            OpenedCell("dcc", 0, (Contact("bl", "wl_d"), Contact("blb", "wl_n"))),
            OpenedCell("result", 0, (Contact("bl", "wl_result"),)),
        ),
        openings=(
            Opening("wl"),
            Opening("wl_n", second=True),
            Opening("wl_d", cycle=1),
            Opening("wl_result", cycle=1, second=True),
        ),
        expected=1 - bit,
        cycles=2,
    )


def majority(pattern: str, rows: int | None = None) -> Scenario:
    """Majority of an odd number of operands on ``rows`` rows (default: one row an operand).

    Each operand is held by ``rows // len(pattern)`` rows; the rows left over are neutral, at the
    precharge level.

    >>> [cell.stored for cell in majority("100", 8).cells]
    [1, 1, 0, 0, 0, 0, 'neutral', 'neutral']
    >>> majority("110", 2)
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `rows` must be at least the 3 operands, not 2
    """
    bits = _bits(pattern, len(pattern))
    operands = len(bits)
    if operands % 2 == 0:
        raise InputError(f"`pattern` must have an odd number of digits, not {pattern!r}")
    rows = operands if rows is None else rows
    if rows < operands:
        raise InputError(f"`rows` must be at least the {operands} operands, not {rows}")
    copies = rows // operands
    held: list[Stored] = [bit for bit in bits for _ in range(copies)]
    held += ["neutral"] * (rows - len(held))
    return _opened(
        f"maj{operands}-{pattern}-{rows}-rows",
        f"MAJ{operands} of {pattern} on {rows} rows",
        held,
        _majority(bits),
    )


def many_input(gate: LogicGate, pattern: str) -> Scenario:
    """AND or OR of many cells on ``bl`` against as many reference cells on ``blb``.

    One reference cell is neutral, the others hold 1 for AND and 0 for OR, so that the reference
    lies half a cell from the input whose answer differs (FCDRAM).

    >>> [cell.stored for cell in many_input("or", "100").cells if cell.name.startswith("ref")]
    ['neutral', 0, 0]
    """
    bits = _bits(pattern, len(pattern))
    rest: Stored = 1 if gate == "and" else 0
    references = tuple(
        OpenedCell(f"ref{i}", "neutral" if i == 0 else rest, (Contact("blb", "wl"),))
        for i in range(len(bits))
    )
    return Scenario(
        name=f"{gate}-{pattern}",
        title=f"{len(bits)}-input {gate.upper()} of {pattern}",
        cells=(*_cells(bits), *references),
        openings=(Opening("wl"),),
        expected=int(all(bits) if gate == "and" else any(bits)),
    )


def _opened(
    name: str, title: str, held: Sequence[Stored], expected: int, copy: Bit | None = None
) -> Scenario:
    """All cells on ``bl``, opened together by one activation.

    ``copy`` is what a cell holds that the second activation opens, where there is one.
    """
    cells, openings = _cells(held), [Opening("wl")]
    if copy is not None:
        cells = (*cells, OpenedCell("copy", copy, (Contact("bl", "wl_copy"),)))
        openings.append(Opening("wl_copy", second=True))
    return Scenario(name, title, cells, tuple(openings), expected)


def _cells(held: Sequence[Stored]) -> tuple[OpenedCell, ...]:
    return tuple(OpenedCell(f"cell{i}", one, (Contact("bl", "wl"),)) for i, one in enumerate(held))


def _majority(bits: Sequence[Bit]) -> Bit:
    return 1 if 2 * sum(bits) > len(bits) else 0


def _bits(pattern: str, count: int) -> tuple[Bit, ...]:
    if len(pattern) != count or not pattern or not set(pattern) <= {"0", "1"}:
        raise InputError(
            f"`pattern` must be {count or 'one or more'} of the digits 0 and 1, not {pattern!r}"
        )
    return tuple(1 if digit == "1" else 0 for digit in pattern)
