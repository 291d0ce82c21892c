"""The reference executor: every AAP and AP of a program, literally, on a subarray.

It is the definition of what a program means.

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

from pimsim.dram.array.subarray import Subarray
from pimsim.errors import InputError
from pimsim.microprogram.program import Program


def execute(program: Program, subarray: Subarray, **rows: int) -> None:
    """Run a program once with its symbolic rows bound to data rows (0 is D0).

    Raises InputError when a row is missing or unknown, or the subarray has another address map,
    and DramError for a data row beyond the subarray.
    """
    missing = [name for name in program.symbols if name not in rows]
    unknown = [name for name in rows if name not in program.symbols]
    if missing or unknown:
        what, names = ("missing", missing) if missing else ("unknown", unknown)
        raise InputError(f"program {program.name!r}: {what} row {', '.join(names)}")
    program.check(subarray)
    subarray.run(program.slots, [subarray.data_address(rows[name]) for name in program.symbols])
