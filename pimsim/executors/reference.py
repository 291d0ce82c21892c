"""The reference executor: carries out every AAP and AP on subarrays, one by one.

It defines what a program, and a row program, means.

>>> import numpy as np
>>> from pimsim.dram.array.subarray import Subarray
>>> from pimsim.microprogram.program import Program
>>> s = Subarray(columns=2)
>>> s.write_bits(0, np.array([[0, 1]]))
>>> execute(Program.parse("not", "(a,B5)(B4,out)", inputs=("a",), outputs=("out",)), s, a=0, out=1)
>>> s.read_bits(1)
array([[1, 0]], dtype=uint8)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.microprogram.primitives import Primitive, program_of
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import Item, Look, Move, Read, Run


def execute(program: Program | Primitive | str, subarray: Subarray, **rows: int) -> None:
    """Run a program once on a subarray, command by command.

    Args:
        program: a program; or a primitive, or the name of one, whose program at its usual width is
            taken.
        subarray: where it runs.
        rows: for each row that the program names, the data row to take: ``a=0`` is D0.

    Raises InputError when a row is missing or unknown, or the subarray has another address map,
    and DramError for a data row beyond the subarray.
    """
    program = program_of(program, subarray.rows)
    missing = [name for name in program.symbols if name not in rows]
    unknown = [name for name in rows if name not in program.symbols]
    if missing or unknown:
        wrong = (("missing", missing), ("unknown", unknown))
        said = [f"{what} row {', '.join(names)}" for what, names in wrong if names]
        raise InputError(f"program {program.name!r}: {'; '.join(said)}")
    program.check(subarray)
    subarray.run(program.slots, [subarray.data_address(rows[name]) for name in program.symbols])


def carry_out(
    items: Sequence[Item],
    parts: Sequence[Subarray],
    outputs: NDArray[np.intp],
    lanes: Lanes | None = None,
    span: int | None = None,
    *,
    by_host: bool = True,
) -> dict[int, Words]:
    """Carry out items of a row program; return rows (lanes, words) by the number of their read.

    Args:
        items: without writes.
        parts: the subarrays of each part, a lane for each bank.
        outputs: (lanes,) the output that each lane computes.
        lanes: those that take part, all if None.
        span: columns of a row that are moved over the channel, all if None.
        by_host: rows are moved through the host, not from bank to bank.

    """
    found: dict[int, Words] = {}
    for item in items:
        match item:
            case Run(schedule, part):
                schedule.run(parts[part], outputs, lanes)
            case Move(row, part, to_row, to_part) if by_host:
                parts[to_part].write(to_row, parts[part].read(row, span, lanes), span, lanes)
            case Move(row, part, to_row, to_part):
                parts[to_part].receive(to_row, parts[part].send(row, span, lanes), lanes)
            case Read(row, part, number):
                found[number] = parts[part].read(row, span, lanes)
            case Look(row, part, number):
                found[number] = parts[part].peek(row, lanes)
    return found
