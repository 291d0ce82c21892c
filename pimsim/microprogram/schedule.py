"""Many programs at once that differ only in rows and in small variants.

A mapping writes one schedule for all outputs of a layer. Every output runs the same steps; in each
step an output has its own rows (its weights decide which) and its own variant of the program (the
plain full adder or the one with a complemented operand, say). A subarray then executes the column
of the schedule that belongs to its output.

>>> import numpy as np
>>> from pimsim.dram.array.subarray import Subarray
>>> from pimsim.microprogram.logic import AND, OR
>>> s = Subarray(columns=2)
>>> s.write_bits(0, np.array([[0, 1]]))
>>> s.write_bits(1, np.array([[1, 1]]))
>>> d = s.rows.first_data
>>> schedule = Schedule(outputs=2)
>>> schedule.append((AND, OR), np.array([0, 1]), a=d, b=d + 1, out=np.array([d + 2, d + 3]))
>>> for output in (0, 1):
...     schedule.run(s, np.array([output]))
>>> s.read_bits(2), s.read_bits(3)
(array([[0, 1]], dtype=uint8), array([[1, 1]], dtype=uint8))

All variants of a step have the same kinds of commands in the same order, so that banks with
different weights stay in lock-step, and time does not depend on weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.many_row import ACTIVATION_ROWS
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.timeline.command_stream import Run
from pimsim.errors import InputError
from pimsim.executors.reference import Bound
from pimsim.microprogram.program import Program

Rows = int | NDArray[np.integer[Any]]
"""A row address, or one an output."""

_TOGETHER = 256
"""Arrays that are looked at in one piece: many small looks take longer, all at once take memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Programs that may stand in one step: the same symbols and the same kinds of commands."""

    programs: tuple[Program, ...]
    bound: tuple[Bound, ...]
    """Each of them with its fixed addresses resolved, as the reference executor runs it."""
    symbols: tuple[str, ...]

    def step(self, variant: NDArray[np.uint8] | None, rows: tuple[Rows, ...]) -> Step:
        """A step of them; without ``variant`` all outputs run the first."""
        if variant is None:
            return Step(self.programs[:1], self.bound[:1], None, rows)
        return Step(self.programs, self.bound, variant, rows)

    def only(self, kind: int) -> Variants:
        """One of them."""
        return variants(self.programs[kind : kind + 1])


_VARIANTS: dict[tuple[int, ...], Variants] = {}


def variants(programs: tuple[Program, ...]) -> Variants:
    """Check that programs may stand in one step, once; raises InputError if not."""
    key = tuple(map(id, programs))  # which stay alive in what is found
    found = _VARIANTS.get(key)
    if found is None:
        symbols = programs[0].symbols
        for program in programs[1:]:
            if program.symbols != symbols:
                raise InputError(
                    f"variants must have the symbols {symbols} of {programs[0].name!r}, not "
                    f"{program.symbols} as {program.name!r} has"
                )
            if program.cycle != programs[0].cycle:  # else the time would depend on the weights
                raise InputError(
                    f"variants must have the kinds of commands of {programs[0].name!r}, not those "
                    f"of {program.name!r}: lock-step banks get one sequence"
                )
        found = _VARIANTS[key] = Variants(programs, tuple(map(_bound, programs)), symbols)
    return found


@cache
def _bound(program: Program) -> Bound:
    return Bound(program)


@dataclass(frozen=True, slots=True)
class Step:
    """One program, or variants of one with the same symbols, with rows for every output."""

    programs: tuple[Program, ...]
    bound: tuple[Bound, ...]
    """Each of them with its fixed addresses resolved, as the reference executor runs it."""
    variant: NDArray[np.uint8] | None
    """(outputs,) index into ``programs``, or None when there is only one."""
    rows: tuple[Rows, ...]
    """Address of each symbol: a number, or int32 (outputs,)."""


class Schedule:
    """Steps in order, for ``outputs`` outputs, in subarrays with the address map."""

    def __init__(self, outputs: int, address_map: AddressMap = DEFAULT_MAP) -> None:
        self.outputs, self.address_map = outputs, address_map
        self.steps: list[Step] = []
        self._checked: list[Rows | Bound] | None = None
        self._runs: tuple[Run, ...] | None = None
        self._extra: dict[int, NDArray[np.int64]] = {}

    def append(
        self,
        programs: tuple[Program, ...],
        variant: NDArray[np.integer[Any]] | NDArray[np.bool_] | None = None,
        **rows: Rows,
    ) -> None:
        """Add a step; ``rows`` gives every symbol an address, or an array of one an output.

        The programs are moved to the address map. Raises InputError for variants whose symbols
        differ, for rows or a ``variant`` that do not fit them, and for programs that the address
        map cannot run.
        """
        which = variants(tuple([program.on(self.address_map) for program in programs]))
        if rows.keys() != set(which.symbols):
            names = tuple(rows)
            raise InputError(f"rows of {programs[0].name!r} must be {which.symbols}, not {names}")
        table = tuple([self.fitted(symbol, rows[symbol]) for symbol in which.symbols])
        kinds = None
        if variant is not None and len(programs) > 1:
            kinds = np.broadcast_to(variant, (self.outputs,)).astype(np.uint8)
            if int(kinds.max()) >= len(programs):
                raise InputError(
                    f"`variant` must be 0 to {len(programs) - 1}, not {int(kinds.max())}"
                )
            if not (kinds != kinds[0]).any():
                which, kinds = which.only(int(kinds[0])), None
        self.put([which.step(kinds, table)])

    def put(self, steps: list[Step]) -> None:
        """Add steps that are known to fit these outputs."""
        self._changed()
        self.steps += steps

    def fitted(self, symbol: str, row: Rows) -> Rows:
        """An address as a step holds it; raises InputError for one of another shape."""
        if isinstance(row, int) or np.ndim(row) == 0:
            return int(row)
        if np.shape(row) != (self.outputs,):
            raise InputError(
                f"rows of {symbol!r} must have the shape ({self.outputs},), not {np.shape(row)}"
            )
        return np.asarray(row, dtype=np.int32)

    def extend(self, other: Schedule) -> None:
        """Add all steps of another schedule for the same outputs."""
        if other.outputs != self.outputs:
            raise InputError(
                f"a schedule for {self.outputs} outputs must be extended by one for as many, "
                f"not {other.outputs}"
            )
        self.put(other.steps)

    def run(
        self, subarray: Subarray, outputs: NDArray[np.intp], lanes: Lanes | None = None
    ) -> None:
        """Execute for ``outputs`` (lanes,): the output that each lane works on.

        ``lanes`` names the lanes that take part, all of them if None.
        """
        self.check(subarray)
        alike = bool((outputs == outputs[0]).all())
        first = int(outputs[0])
        for step in self.steps:
            if alike:
                rows = [row if isinstance(row, int) else int(row[first]) for row in step.rows]
                kind = 0 if step.variant is None else step.variant[first]
                step.bound[kind].run(subarray, rows, lanes)
            else:
                self._run_apart(step, subarray, outputs, lanes)

    def addresses(self, output: int) -> Iterator[tuple[int, int | None]]:
        """Source and destination of every command that ``output`` executes; None for an AP."""
        for step in self.steps:
            rows = [row if isinstance(row, int) else int(row[output]) for row in step.rows]
            kind = 0 if step.variant is None else step.variant[output]
            yield from step.bound[kind].addresses(rows)

    def _changed(self) -> None:
        """Forget what was found out about the steps."""
        self._checked = self._runs = None
        self._extra = {}

    @property
    def runs(self) -> tuple[Run, ...]:
        """What every output executes, as far as time is concerned; equal neighbours together."""
        if self._runs is None:
            cycles = groupby(step.programs[0].cycle for step in self.steps)
            self._runs = tuple(Run(cycle, len(list(some))) for cycle, some in cycles)
        return self._runs

    @property
    def extra_wordlines(self) -> NDArray[np.int64]:
        """``(outputs,)`` wordlines raised beyond the first of each activation."""
        return self.further_wordlines(ACTIVATION_ROWS[0])

    def further_wordlines(self, activation_rows: int) -> NDArray[np.int64]:
        """The same where an activation for a majority opens so many rows."""
        if activation_rows not in self._extra:
            found, everywhere = np.zeros(self.outputs, dtype=np.int64), 0
            of: dict[int, int] = {}
            for step in self.steps:
                for program in step.programs:
                    if id(program) not in of:  # which stays alive in the step
                        of[id(program)] = program.further_wordlines(activation_rows)
                each = [of[id(program)] for program in step.programs]
                if step.variant is None or len(set(each)) == 1:
                    everywhere += each[0]
                else:
                    found += np.array(each)[step.variant]
            self._extra[activation_rows] = found + everywhere
        return self._extra[activation_rows]

    def check(self, subarray: Subarray) -> None:
        """Raise an error unless the subarray has every row and the programs' address map."""
        for needed in self._needed():
            if isinstance(needed, Bound):
                needed.check(subarray)
            else:
                subarray.check(needed)

    def _needed(self) -> Iterator[Rows | Bound]:
        """Every program and every address that a run may use; found once."""
        if self._checked is None:
            tables = [row for step in self.steps for row in step.rows]
            numbers = {row for row in tables if isinstance(row, int)}
            arrays = [row for row in tables if not isinstance(row, int)]
            ends: set[int] = set()
            for start in range(0, len(arrays), _TOGETHER):
                some = np.concatenate(arrays[start : start + _TOGETHER])
                ends |= {int(some.min()), int(some.max())}
            bound = {id(each): each for step in self.steps for each in step.bound}
            self._checked = [*bound.values(), *numbers]
            if ends:
                self._checked.append(np.array([min(ends), max(ends)]))
        return iter(self._checked)

    def _run_apart(
        self, step: Step, subarray: Subarray, outputs: NDArray[np.intp], lanes: Lanes | None
    ) -> None:
        rows = [row if isinstance(row, int) else row[outputs] for row in step.rows]
        if step.variant is None:
            step.bound[0].run(subarray, rows, lanes)
            return
        kinds = step.variant[outputs]
        for kind, bound in enumerate(step.bound):
            some = np.flatnonzero(kinds == kind)
            if len(some) == len(outputs):
                bound.run(subarray, rows, lanes)
            elif len(some):
                own = [row if isinstance(row, int) else row[some] for row in rows]
                bound.run(subarray, own, some if lanes is None else lanes[some])
