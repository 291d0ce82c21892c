"""Checks a program by running it, command by command, against the functions it should compute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import pack, unpack
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import PimsimError
from pimsim.microprogram.program import Program
from pimsim.synthesis.task import Task

_COLUMNS = 512


class WrongProgramError(PimsimError):
    """A program that does not compute what it should."""


def require_right(
    task: Task, program: Program, complemented: tuple[str, ...] = (), seed: int = 1
) -> None:
    """Run a program with random bits in every cell and row that it must not depend on.

    Every combination of inputs is in several columns. It is also checked that rows other than
    outputs and scratch rows do not change.

    Raises :class:`WrongProgramError`, with the first output that is wrong.

    >>> from pimsim.microprogram.logic import AND, OR
    >>> from pimsim.synthesis.task import ambit, task
    >>> require_right(task("out = a & b", ambit()), AND)
    >>> require_right(task("out = a & b", ambit()), OR)
    Traceback (most recent call last):
    ...
    pimsim.synthesis.check.WrongProgramError: the program '(a,B0)(b,B1)(C1,B2)(B12,out)' does not \
compute 'out'
    """
    random = np.random.default_rng(seed)
    array = Subarray(_COLUMNS, rows=256, address_map=task.address_map)
    # every combination of inputs, then random ones
    at = np.concatenate(
        [np.arange(1 << len(task.inputs)), random.integers(0, 1 << len(task.inputs), _COLUMNS)]
    )[:_COLUMNS]

    def bits(table: int) -> NDArray[np.uint8]:
        return np.array([table >> int(x) & 1 for x in at], dtype=np.uint8)

    array.randomize(random)
    for cell, table in task.start:
        array.put_cell(cell, pack(bits(table)[None, :]))
    place = {symbol: 2 * number for number, symbol in enumerate(program.symbols)}
    for symbol in task.rows:
        array.write_bits(place[symbol], (at >> task.inputs.index(symbol) & 1)[None, :])
    before = [array.read_bits(row) for row in range(array.data_rows)]
    array.run(program.slots, [array.data_address(place[symbol]) for symbol in program.symbols])

    everywhere = (1 << (1 << len(task.inputs))) - 1
    for one in task.stored:
        wanted = one.tables[0] ^ (everywhere if one.name in complemented else 0)
        if not np.array_equal(array.read_bits(place[one.name])[0], bits(wanted)):
            raise _wrong(program, one.name)
    written = {place[one.name] for one in task.stored} | {place[name] for name in program.scratch}
    for row, values in enumerate(before):
        if row not in written and not np.array_equal(array.read_bits(row), values):
            raise WrongProgramError(f"the program '{program}' overwrites a row that is not its own")
    (ending,) = [
        one for one in task.endings
        if one.complemented == frozenset(complemented) & task.named_at_end
    ]  # fmt: skip
    for cell, table in ending.cells:
        if not np.array_equal(unpack(array.peek_cell(cell), _COLUMNS)[0], bits(table)):
            raise _wrong(program, task.address_map.cells[cell])


def _wrong(program: Program, name: str) -> WrongProgramError:
    return WrongProgramError(f"the program '{program}' does not compute {name!r}")
