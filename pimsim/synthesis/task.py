"""The task of a search: functions, the places of operands at the start, and of results at the end.

These rules say when a program is a solution, and so what "shortest" means:

- A program is AAPs and APs over the addresses of the map, with the semantics of
  :class:`~pimsim.dram.array.subarray.Subarray`.
- Every input is in a data row, which is only read, unless it is resident: an input that ``start``
  names is only in compute cells. Other compute cells have unknown content at the start. Nothing may
  depend on that: such a cell is not read, and a majority that includes it is taken only if the two
  other cells are equal in every column.
- Every output is stored in its own data row, which gets no other value, or over the row of the
  input that has its name. An output that ``end`` names is in compute cells at the end, and in no
  row.
- An output in ``either`` may be complemented, which the solution says; ``end`` then has the same
  polarity.
- ``scratch`` is the number of further data rows that may be written and read at will.

>>> adder = task("s = a ^ b ^ c; carry = maj(a, b, c)", ambit())
>>> [(one.name, one.tables) for one in adder.outputs]
[('s', (150,)), ('carry', (232,))]
>>> step = task("s = v ^ b ^ ~c; k = maj(v, b, ~c)", ambit(), either=("s",),
...             start="T0 = v, DCC0 = ~v", end="T0 = s, DCC0 = ~s")
>>> step.rows, [one.name for one in step.outputs if one.stored]
(('b', 'c'), ['k'])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from pimsim.documents import meant
from pimsim.dram.array.address_map import AddressMap, ambit
from pimsim.errors import InputError
from pimsim.synthesis import expression

__all__ = ["MOST_SCRATCH", "Ending", "Output", "Task", "ambit", "task"]

MOST_SCRATCH = 4


@dataclass(frozen=True)
class Output:
    """A function that the program must compute."""

    name: str
    tables: tuple[int, ...]
    """Accepted truth tables: the function, and its complement if that is allowed."""
    stored: bool = True
    """Whether it must be in a data row at the end."""


@dataclass(frozen=True)
class Ending:
    """One allowed content of compute cells at the end."""

    complemented: frozenset[str]
    """Outputs that are complemented in it."""
    cells: tuple[tuple[int, int], ...]
    """Cell and truth table, for every cell that matters."""


@dataclass(frozen=True)
class Task:
    """The task of a search; the module explains the rules."""

    address_map: AddressMap
    inputs: tuple[str, ...]
    rows: tuple[str, ...]
    """Inputs that are in data rows."""
    outputs: tuple[Output, ...]
    start: tuple[tuple[int, int], ...] = ()
    """Cell and truth table, for every cell that is known at the start."""
    endings: tuple[Ending, ...] = (Ending(frozenset(), ()),)
    scratch: int = 0

    @property
    def stored(self) -> tuple[Output, ...]:
        """Outputs that must be in data rows."""
        return tuple(one for one in self.outputs if one.stored)

    @property
    def named_at_end(self) -> frozenset[str]:
        """Outputs that are in cells at the end, and may be complemented there."""
        return frozenset(name for ending in self.endings for name in ending.complemented)


def task(
    functions: str,
    address_map: AddressMap,
    *,
    outputs: tuple[str, ...] = (),
    either: tuple[str, ...] = (),
    start: str = "",
    end: str = "",
    scratch: int = 0,
) -> Task:
    """Return the task that texts describe.

    ``functions`` assigns outputs; all of them are needed if ``outputs`` is empty. ``start`` and
    ``end`` are lists such as ``T0 = v, DCC0 = ~v``, of inputs and, at the end, outputs.

    Raises :class:`~pimsim.errors.InputError` for a text that is not an expression, for unknown
    names, and for a map on which no program can compute the task.
    """
    found = expression.assignments(functions)
    wanted = outputs or tuple(found.outputs)
    _require_names("outputs", wanted, tuple(found.outputs))
    _require_names("either", either, wanted)
    if not 0 <= scratch <= MOST_SCRATCH:
        raise InputError(f"`scratch` must be an integer from 0 to {MOST_SCRATCH}, not {scratch!r}")
    tables = expression.input_tables(found.inputs)
    at_start = _cells("start", start, address_map)
    at_end = _cells("end", end, address_map)
    known = tuple(
        (cell, expression.evaluate(node, tables, len(found.inputs))) for cell, node in at_start
    )
    resident = {name for _, node in at_start for name in expression.names(node)}
    named = {name for _, node in at_end for name in expression.names(node)}
    over_resident = [name for name in wanted if name in resident and name not in named]
    if over_resident:
        raise InputError(
            f"the output {over_resident[0]!r} must have a row, or be named by `end`: the input of "
            "this name is in compute cells, by `start`"
        )
    made = tuple(
        Output(name, _polarities(found, name, name in either), name not in named) for name in wanted
    )
    made_task = Task(
        address_map, found.inputs, tuple(n for n in found.inputs if n not in resident), made, known,
        tuple(_endings(at_end, tables, found.outputs, made)), scratch,
    )  # fmt: skip
    _require_able(made_task)
    return made_task


def _polarities(found: expression.Functions, name: str, either: bool) -> tuple[int, ...]:
    table = found.outputs[name]
    return (table, table ^ (1 << (1 << len(found.inputs))) - 1) if either else (table,)


def _require_names(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            raise InputError(
                f"`{what}` must be among the outputs {', '.join(known)}, "
                f"not {name!r}{meant(name, known)}"
            )


def _cells(what: str, text: str, rows: AddressMap) -> list[tuple[int, expression.Node]]:
    found = []
    for cell, node in expression.named(text, what).items():
        if cell not in rows.cells:
            raise InputError(
                f"`{what}` must name compute cells of the map {rows.name!r} "
                f"({', '.join(rows.cells)}), not {cell!r}{meant(cell, rows.cells)}"
            )
        found.append((rows.cells.index(cell), node))
    return found


def _endings(
    cells: list[tuple[int, expression.Node]],
    inputs: Mapping[str, int],
    values: Mapping[str, int],
    outputs: tuple[Output, ...],
) -> list[Ending]:
    """The allowed contents of cells at the end, one for each choice of polarities of outputs."""
    named = {name for _, node in cells for name in expression.names(node)}
    free = [one.name for one in outputs if len(one.tables) > 1 and one.name in named]
    everywhere = (1 << (1 << len(inputs))) - 1
    endings = []
    for flips in product((0, everywhere), repeat=len(free)):
        flipped = dict(zip(free, flips, strict=True))
        known = {**inputs, **{name: values[name] ^ flipped.get(name, 0) for name in values}}
        endings.append(
            Ending(
                frozenset(name for name, flip in flipped.items() if flip),
                tuple(
                    (cell, expression.evaluate(node, known, len(inputs))) for cell, node in cells
                ),
            )
        )
    return endings


# -- what a map can do -----------------------------------------------------------------------------


def _require_able(task: Task) -> None:
    """Raise InputError for names that are addresses, and for a map that cannot compute enough."""
    rows = task.address_map
    symbols = (*task.rows, *(one.name for one in task.stored))
    for name in dict.fromkeys((*symbols, *task.inputs)):
        if rows.has(name):
            raise InputError(f"an input or output must not be named like the address {name}")
        if name in rows.cells:
            raise InputError(f"an input or output must not be named like the cell {name}")
    needed = _needs(task)
    if "majority" in needed and not rows.majorities:
        raise InputError(
            f"the address map {rows.name!r} has no majority, so that it computes nothing: an "
            "address must raise three wordlines"
        )
    if "complement" in needed and not _complements(rows):
        raise InputError(
            f"the address map {rows.name!r} cannot express NOT: a cell must be joined to both "
            'bitlines, by one address as "CELL" and by another as "!CELL"'
        )


def _complements(rows: AddressMap) -> bool:
    """Whether a value written by one address can be read complemented by another."""
    sides = {(line.cell, line.complement) for _, lines in rows.addresses for line in lines}
    return any((cell, not side) in sides for cell, side in sides)


def _needs(task: Task) -> set[str]:
    """What every solution needs."""
    available = set(expression.input_tables(task.inputs).values())
    available |= {table for _, table in task.start}
    columns = 1 << len(task.inputs)
    everywhere = (1 << columns) - 1
    available |= {everywhere * bit for _, bit in task.address_map.constants}
    needs = set()
    for one in task.outputs:
        accepted = set(one.tables)
        if accepted & available:
            continue
        if not {table ^ everywhere for table in accepted} & available:
            needs.add("majority")
        if not any(_monotone(table, len(task.inputs)) for table in accepted):
            needs.add("complement")
    if {table ^ everywhere for _, table in task.start} & {
        table for ending in task.endings for _, table in ending.cells
    }:
        needs.discard("complement")
    return needs


def _monotone(table: int, inputs: int) -> bool:
    """Whether a function is monotone: then it needs no complement."""
    for at in range(inputs):
        for column in range(1 << inputs):
            if not column >> at & 1 and table >> column & 1 and not table >> (column | 1 << at) & 1:
                return False
    return True
