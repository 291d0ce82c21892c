"""The reference executor: every AAP and AP of a program, literally, on a subarray.

It is the definition of what a program means. A program is bound once (symbolic rows become slots),
then run many times with other rows in the slots; lanes may put different rows there, which is how
one program serves subarrays that hold different weights.

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

from collections.abc import Iterator, Sequence

from pimsim.dram.array.row_storage import Address, Lanes
from pimsim.dram.array.subarray import RowSlot, Subarray
from pimsim.errors import InputError
from pimsim.microprogram.program import Program


class Bound:
    """A program whose fixed addresses are resolved and whose symbols are numbered slots."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._fixed: set[int] = set()
        rows = program.address_map
        slot = {name: index for index, name in enumerate(program.symbols)}

        def resolve(name: str) -> RowSlot:
            if name in slot:
                return True, slot[name]
            self._fixed.add(rows.address(name))
            return False, rows.address(name)

        self.slots = [
            (resolve(c.source), None if c.destination is None else resolve(c.destination))
            for c in program.commands
        ]
        """Source and destination of every command."""

    def check(self, subarray: Subarray) -> None:
        """Raise an error unless the subarray has the program's address map and fixed addresses."""
        if subarray.rows != self.program.address_map:
            raise InputError(
                f"program {self.program.name!r} must run on a subarray with the address map "
                f"{self.program.address_map.name!r}, not {subarray.rows.name!r}"
            )
        for address in self._fixed:
            subarray.check(address)

    def addresses(self, rows: Sequence[int]) -> Iterator[tuple[int, int | None]]:
        """Source and destination of every command, with ``rows[slot]`` behind the symbols."""
        for source, destination in self.slots:
            yield _placed(source, rows), None if destination is None else _placed(destination, rows)

    def run(
        self, subarray: Subarray, addresses: Sequence[Address], lanes: Lanes | None = None
    ) -> None:
        """Execute with ``addresses[slot]`` as the row address of each symbol.

        The program and the addresses must have been checked on this subarray before.

        An address is a number, or one a lane. ``lanes`` restricts execution to some lanes.
        """
        subarray.run(self.slots, addresses, lanes)


def _placed(slot: RowSlot, rows: Sequence[int]) -> int:
    given, origin = slot
    return rows[origin] if given else origin


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
    bound = Bound(program)
    bound.check(subarray)
    bound.run(subarray, [subarray.data_address(rows[name]) for name in program.symbols])
