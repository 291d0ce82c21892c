"""Many programs at once that differ only in rows and in small variants.

A mapping writes one schedule for all outputs of a layer. Every output runs the same steps. In each
step, the weights of an output decide its rows and its variant of the program: for example, the
plain full adder or the one with a complemented operand. A subarray executes the column of the
schedule that belongs to its output.

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

All variants of a step have the same kinds of commands in the same order. So banks with different
weights stay in lock-step, and the time does not depend on the weights.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.array.many_rows import ACTIVATION_ROWS
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import RowSlot, Subarray
from pimsim.dram.timeline.command_stream import Run
from pimsim.errors import InputError
from pimsim.microprogram.program import Program

Rows = int | NDArray[np.integer[Any]]
"""A row address for all outputs, or one for each."""

_MANY_OBJECTS = 50_000
"""Made while the collector is off: from here on it takes them as old, as they stay."""
_TOGETHER = 256
"""How many arrays are handled together: fewer would take longer, all at once too much memory."""


@cache
def variants(programs: tuple[Program, ...]) -> tuple[Program, ...]:
    """Check, once, that programs may be variants of one step, and return them; else InputError."""
    symbols = programs[0].symbols
    for program in programs[1:]:
        if program.symbols != symbols:
            raise InputError(
                f"variants must have the symbols {symbols} of {programs[0].name!r}, not "
                f"{program.symbols} as {program.name!r} has"
            )
        if program.cycle != programs[0].cycle:  # otherwise, the time would depend on the weights
            raise InputError(
                f"variants must have the kinds of commands of {programs[0].name!r}, not those "
                f"of {program.name!r}: lock-step banks get one sequence"
            )
    return programs


@dataclass(frozen=True, slots=True)
class Step:
    """One program, or variants of one with the same symbols, with rows for every output."""

    programs: tuple[Program, ...]
    variant: NDArray[np.uint8] | None
    """(outputs,) index into ``programs``, or None when there is only one."""
    rows: tuple[Rows, ...]
    """Address of each symbol: a number, or int32 (outputs,)."""

    def commands(self, outputs: int) -> NDArray[np.int16]:
        """Return what every command opens first, and what it drives, (outputs, commands, 2).

        -1 stands for nothing, which an AP drives.
        """
        table = np.empty((outputs, len(self.programs[0].commands), 2), np.int16)
        for kind, program in enumerate(self.programs):
            some = slice(None) if self.variant is None else np.flatnonzero(self.variant == kind)
            for number, command in enumerate(program.slots):
                for side, slot in enumerate(command):
                    if slot is None:
                        table[some, number, side] = -1
                        continue
                    given, origin = slot
                    address = self.rows[origin] if given else origin
                    table[some, number, side] = (
                        address if isinstance(address, int) else address[some]
                    )
        return table


class Schedule:
    """Steps in order, for ``outputs`` outputs, in subarrays with an address map."""

    def __init__(self, outputs: int, address_map: AddressMap = DEFAULT_MAP) -> None:
        self.outputs, self.address_map = outputs, address_map
        self.steps: list[Step] = []
        self._checked: list[Rows | Program] | None = None
        self._runs: tuple[Run, ...] | None = None
        self._extra: dict[int, NDArray[np.int64]] = {}

    def __bool__(self) -> bool:
        """Whether there is a step."""
        return bool(self.steps)

    def append(
        self,
        programs: tuple[Program, ...],
        variant: NDArray[np.integer[Any]] | NDArray[np.bool_] | None = None,
        **rows: Rows,
    ) -> None:
        """Add a step; ``rows`` gives every symbol an address, or an array of one for each output.

        The programs are translated to the address map. Raises InputError for variants whose symbols
        differ, for rows or a ``variant`` that do not fit them, and for programs that the address
        map cannot run.
        """
        which = variants(tuple([program.on(self.address_map) for program in programs]))
        symbols = which[0].symbols
        if rows.keys() != set(symbols):
            names = tuple(rows)
            raise InputError(f"rows of {programs[0].name!r} must be {symbols}, not {names}")
        table = tuple([self.fitted(symbol, rows[symbol]) for symbol in symbols])
        kinds = None
        if variant is not None and len(programs) > 1:
            kinds = np.broadcast_to(variant, (self.outputs,)).astype(np.uint8)
            if int(kinds.max()) >= len(programs):
                raise InputError(
                    f"`variant` must be 0 to {len(programs) - 1}, not {int(kinds.max())}"
                )
            if not (kinds != kinds[0]).any():
                which, kinds = (which[int(kinds[0])],), None
        self.put([Step(which if kinds is not None else which[:1], kinds, table)])

    def put(self, steps: list[Step]) -> None:
        """Add steps that are known to fit these outputs."""
        self._checked = self._runs = None
        self._extra = {}
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
                subarray.run(step.programs[kind].slots, rows, lanes)
            else:
                self._run_apart(step, subarray, outputs, lanes)

    def addresses(self, output: int) -> Iterator[tuple[int, int | None]]:
        """Source and destination of every command that ``output`` executes; None for an AP."""
        for step in self.steps:
            rows = [row if isinstance(row, int) else int(row[output]) for row in step.rows]
            kind = 0 if step.variant is None else step.variant[output]
            for source, target in step.programs[kind].slots:
                yield _placed(source, rows), None if target is None else _placed(target, rows)

    def tables(self, outputs: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """``(commands, outputs, 2)`` what :meth:`addresses` has, -1 for None, in pieces."""
        chosen = np.array(outputs, dtype=np.intp)
        for start in range(0, len(self.steps), _TOGETHER):
            steps = self.steps[start : start + _TOGETHER]
            sizes = [len(step.programs[0].slots) for step in steps]
            starts = np.cumsum([0, *sizes])
            found = np.empty((starts[-1], len(chosen), 2), np.int64)
            alike: dict[tuple[int, ...], list[int]] = {}
            for index, step in enumerate(steps):
                alike.setdefault(tuple(map(id, step.programs)), []).append(index)
            for indices in alike.values():
                where = starts[indices][:, None] + np.arange(sizes[indices[0]])
                found[where] = _addresses([steps[index] for index in indices], chosen)
            yield found

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that every output executes, for timing; equal neighbours are joined."""
        if self._runs is None:
            cycles = groupby(step.programs[0].cycle for step in self.steps)
            self._runs = tuple(Run(cycle, len(list(some))) for cycle, some in cycles)
        return self._runs

    def extra_wordlines(self, activation_rows: int = ACTIVATION_ROWS[0]) -> NDArray[np.int64]:
        """``(outputs,)`` wordlines raised beyond the first of each activation.

        An activation for a majority opens ``activation_rows`` rows.
        """
        if activation_rows not in self._extra:
            found, everywhere = np.zeros(self.outputs, dtype=np.int64), 0
            plain: dict[int, tuple[Program, int]] = {}
            of: dict[Program, int] = {}
            for step in self.steps:
                if step.variant is None and len(step.programs) == 1:
                    (program,) = step.programs
                    _, times = plain.get(id(program), (program, 0))
                    plain[id(program)] = program, times + 1
                    continue
                for program in step.programs:
                    if program not in of:
                        of[program] = program.extra_wordlines(activation_rows)
                each = [of[program] for program in step.programs]
                if step.variant is None or len(set(each)) == 1:
                    everywhere += each[0]
                else:
                    found += np.array(each)[step.variant]
            for program, times in plain.values():
                everywhere += times * program.extra_wordlines(activation_rows)
            self._extra[activation_rows] = found + everywhere
        return self._extra[activation_rows]

    def check(self, subarray: Subarray) -> None:
        """Raise an error unless the subarray has every row and the programs' address map."""
        for needed in self._needed():
            if isinstance(needed, Program):
                needed.check(subarray)
            else:
                subarray.check(needed)

    def _needed(self) -> list[Rows | Program]:
        """Every program and every address that a run may use; found once."""
        if self._checked is None:
            tables = [row for step in self.steps for row in step.rows]
            numbers = {row for row in tables if isinstance(row, int)}
            arrays = [row for row in tables if not isinstance(row, int)]
            ends: set[int] = set()
            for start in range(0, len(arrays), _TOGETHER):
                some = np.concatenate(arrays[start : start + _TOGETHER])
                ends |= {int(some.min()), int(some.max())}
            programs = dict.fromkeys(each for step in self.steps for each in step.programs)
            self._checked = [*programs, *numbers]
            if ends:
                self._checked.append(np.array([min(ends), max(ends)]))
        return self._checked

    def _run_apart(
        self, step: Step, subarray: Subarray, outputs: NDArray[np.intp], lanes: Lanes | None
    ) -> None:
        rows = [row if isinstance(row, int) else row[outputs] for row in step.rows]
        if step.variant is None:
            subarray.run(step.programs[0].slots, rows, lanes)
            return
        kinds = step.variant[outputs]
        for kind, program in enumerate(step.programs):
            some = np.flatnonzero(kinds == kind)
            if len(some) == len(outputs):
                subarray.run(program.slots, rows, lanes)
            elif len(some):
                own = [row if isinstance(row, int) else row[some] for row in rows]
                subarray.run(program.slots, own, some if lanes is None else lanes[some])


def _addresses(steps: Sequence[Step], outputs: NDArray[np.intp]) -> NDArray[np.int64]:
    """``(steps, commands, outputs, 2)`` addresses that steps of the same programs name."""
    programs, width = steps[0].programs, len(outputs)
    rows = np.empty((len(steps[0].rows), len(steps), width), np.int64)
    for index, step in enumerate(steps):
        for symbol, row in enumerate(step.rows):
            rows[symbol, index] = row if isinstance(row, int) else row[outputs]
    found = np.empty((len(steps), len(programs[0].slots), width, 2), np.int64)
    for kind, program in enumerate(programs):
        of_kind = np.empty_like(found) if kind else found
        for command, slots in enumerate(program.slots):
            for side, slot in enumerate(slots):
                given, origin = (False, -1) if slot is None else slot
                of_kind[:, command, :, side] = rows[origin] if given else origin
        if kind:
            chosen = [step.variant is not None and step.variant[outputs] == kind for step in steps]
            mask = np.array([np.broadcast_to(each, width) for each in chosen])
            np.copyto(found, of_kind, where=mask[:, None, :, None])
    return found


def _placed(slot: RowSlot, rows: Sequence[int]) -> int:
    given, origin = slot
    return rows[origin] if given else origin


@contextmanager
def gc_paused() -> Iterator[None]:
    """Leave the cyclic garbage collector off until the end, if it was on; also decorates functions.

    Writing and compiling a schedule makes hundreds of thousands of objects that are all kept. The
    collector would go over them again and again and find nothing. Measured, that took a fifth of
    the time.

    >>> with gc_paused():
    ...     gc.isenabled()
    False
    """
    on, before = gc.isenabled(), gc.get_count()[0]
    gc.disable()
    try:
        yield
    finally:
        if on:
            # To count what is frozen takes as long as walking over it, so not after a short pause.
            if gc.get_count()[0] - before > _MANY_OBJECTS and not gc.get_freeze_count():
                gc.freeze()  # and back: what was made meanwhile counts as old, and so is not
                gc.unfreeze()  # walked over at once, but with all that is old
            gc.enable()
