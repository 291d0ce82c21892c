"""Carries out a tape on a block of columns, with the faults there.

A *block* is some columns of one lane, see :func:`pimsim.dram.array.faults.block_width`. A *team* is
the outputs that the same subarrays compute one after the other: an error that a wrong command
leaves in their rows affects the next output. Blocks, and teams, are independent of each other: they
may be carried out in any order, on any thread.

>>> from pimsim.circuit.failure_tables.table import Entry, FailureTable
>>> from pimsim.dram.array.faults import Faults, Site
>>> from pimsim.microprogram.row_program import RowProgram
>>> from pimsim.bits import pack, unpack
>>> from pimsim.executors.compiled.run.tiles import Layout, Tiles
>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule, program = Schedule(outputs=1), RowProgram(1)
>>> schedule.append((NOT,), a=18, out=19)
>>> program.run(schedule)
>>> slot = program.read(1)
>>> tiles = Tiles(columns=3, rows=24)
>>> tiles.save(0, pack(np.array([0, 1, 1])))
>>> rows = [Entry(1, ones, 0, trials=1, wrong=0, bitlines=1, always_wrong=0) for ones in (0, 1)]
>>> program = Program(Tape(program, tiles.layout), Faults(FailureTable(tuple(rows), {}), 0, 0))
>>> block = Block(number=0, columns=3, width=3, patches=(Patch(3, (Site(0, 0),), 0),))
>>> words = program.run(tiles.data[0], block, np.array([0]), stage=0)
>>> unpack(words[0, slot], 3)
array([1, 0, 0], dtype=uint8)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from ctypes import c_void_p, cast
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, ones_in, pack
from pimsim.dram.array.faults import Access, Faults, Job, Site, patterns
from pimsim.dram.array.noise_stream import may_strike
from pimsim.dram.disturbance.hammer import Loss, Neighbours
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.run.tiles import empty
from pimsim.executors.faulty import kernel
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.dealing import END, Drawing, Noise
from pimsim.executors.faulty.interpreter import Kinds, interpret
from pimsim.executors.faulty.kernel import Faulty
from pimsim.executors.faulty.losses import NOTHING_WRITTEN, Flipped, Flips, opened
from pimsim.executors.faulty.noise_source import Source, Streams
from pimsim.executors.faulty.walk import walk

_VECTOR_COLUMNS = 512


class Patch(NamedTuple):
    """Columns of a block that are in one row of DRAM."""

    columns: int
    sites: tuple[Site, ...]
    """The subarray of each part."""
    where: int | NDArray[np.intp]
    """The physical column of each, or of the first one if they are consecutive."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Columns whose noise is drawn together."""

    number: int
    columns: int
    """Number of columns that are used."""
    width: int
    """Columns of every block of the stage."""
    patches: tuple[Patch, ...]


class Placed(NamedTuple):
    """Columns with known physical places, and so with known columns that are always wrong."""

    columns: int
    masks: NDArray[np.int64]
    """Per part and pattern the address of a row."""
    flags: NDArray[np.int64]
    """Per part and kind of access whether there are any."""
    rows: Words
    """Memory of these rows, and last a row buffer; only one thread may use it at a time."""


class Program:
    """A tape and the faults of its commands.

    Raises InputError if the failure table lacks entries that the commands need, or if there is no
    compiler back end.
    """

    def __init__(self, tape: Tape, faults: Faults) -> None:
        self.before = NOTHING_WRITTEN
        """Rows that are written before the tape, see :func:`.losses.written`."""
        if emit.why_not() is not None:
            raise InputError(
                f"faults need a compiler back end, and there is none ({emit.why_not()}): use "
                "the reference executor"
            )
        self.tape, self.faults = tape, faults
        self._accesses = [
            access for access in tape.accesses if access.kind == "sense" or faults.drives
        ]
        self._kinds = Kinds(tape.most)
        self._rates = np.zeros(self._kinds.patterns)
        for access in self._accesses:
            rates = faults.access_rates(access)
            first = self._kinds.first_pattern[self._kinds.accesses.index(access)]
            self._rates[first : first + len(rates)] = rates
        self.noisy = [a for a in self._accesses if may_strike(float(faults.access_rates(a).max()))]
        """Kinds of accesses that noise strikes."""
        self._source = Source(faults, self.noisy, self._kinds, tape.layout.parts)
        self._static = [a for a in self._accesses if faults.static_rates(a).any()]
        self._lost: dict[bytes, list[list[Loss]]] = {}

    def on(self, tape: Tape) -> Program:
        """Return the same faults on another tape of the same layout, without new accesses.

        Results of :meth:`place` are valid for both.
        """
        found = copy(self)
        found.tape, found._lost = tape, {}
        for own in ("_kernels", "places"):
            found.__dict__.pop(own, None)
        return found

    def run(
        self,
        rows: Words,
        block: Block,
        outputs: NDArray[np.intp],
        *,
        stage: int,
        first_output: int = 0,
        attempt: int = 0,
        flips: NDArray[np.int64] | None = None,
    ) -> Words:
        """Carry the tape out for outputs one after the other.

        Args:
            rows: (places, words) of the block, changed in place.
            block: its columns.
            outputs: (n,) in order.
            stage: number of the stage, as noise is named after it.
            first_output: what output 0 of the tape is in the stage.
            attempt: how often the outputs have been computed before.
            flips: (1,) counter to which the flips by noise are added.

            Returns: (n, slots, words): rows that are read out.

        """
        words = rows.shape[1]
        results = empty((len(outputs), self.tape.program.slots, words), "rows read out")
        placed = self.place(block.patches, words)
        counted = np.zeros(1, np.int64) if flips is None else flips
        losses = self._lost_in_turn(outputs)
        own = self.flips(block.patches, words)
        for number, output in enumerate(outputs.tolist()):
            job = Job(stage, first_output + output, 0, attempt)
            met = self.streams(job, block)
            bits = self.carry_out(
                rows, placed, met, results[number], counted, output=output,
                lost=own.of(losses[number]) if own is not None else (),
            )  # fmt: skip
            self.count(stage, bits)
        return results

    def flips(self, patches: Sequence[Patch], words: int) -> Flips | None:
        """Return the bits that rows lose because of their neighbours; None if they lose none."""
        hammer = self.faults.hammer
        return None if hammer is None else Flips(hammer, self.tape.layout, patches, words)

    def neighbours(self) -> Neighbours | None:
        """Return the counter of activations beside each row, after :attr:`before` is written."""
        if self.faults.hammer is None:
            return None
        found = Neighbours(self.faults.hammer, self.tape.layout.parts)
        found.take(self.before)
        return found

    def count(self, stage: int, bits: Counter[int]) -> None:
        """Count bits that rows of a stage have lost."""
        if self.faults.hammer is not None:
            self.faults.hammer.count(stage, bits)

    def place(self, patches: Sequence[Patch], words: int) -> Placed:
        """Find the columns that are always wrong, in rows of so many words."""
        parts, kinds = self.tape.layout.parts, self._kinds
        always = [
            (access, kinds.first_pattern[kinds.accesses.index(access)] + index, ones, part)
            for access in self._static
            for index, ones in enumerate(patterns(access))
            if self.faults.static_rates(access)[index] > 0
            for part in range(parts)
        ]
        rows = empty((len(always) + 2, words), "rows of columns that are always wrong")
        rows[:-1] = 0
        masks = np.full((parts, kinds.patterns), rows[0].ctypes.data, np.int64)
        flags = np.zeros((parts, len(kinds.accesses)), np.int64)
        for row, (access, pattern, ones, part) in zip(rows[1:], always, strict=False):
            wrong = self._always_wrong(access, ones, patches, part)
            row[: len(wrong)] = wrong
            masks[part, pattern] = row.ctypes.data
            flags[part, kinds.accesses.index(access)] = 1
        return Placed(sum(patch.columns for patch in patches), masks, flags, rows)

    def streams(self, job: Job, block: Block) -> Streams:
        """Return the noise of a job in a block, for the interpreter to draw."""
        return self._source.streams(job, block.number, block.width, block.columns)

    @cached_property
    def places(self) -> list[NDArray[np.int64]]:
        """Places at which noise may strike output 0, by part and then by kind of access, in order.

        A place is a command times :attr:`.interpreter.Kinds.slots`, plus the slot.
        """
        size = self._kinds.slots
        found = [
            self.tape.where(0, part, access)
            for part in range(self.tape.layout.parts)
            for access in self.noisy
        ]
        return [commands * size + slots for commands, slots in found]

    def drawing(self, stage: int) -> Drawing:
        """Return the noise of all outputs of a stage, where the tape has the same for each."""
        return self._source.drawing(stage, self.places)

    def candidates_per_column(self) -> float:
        """Return how many candidates for noise an output has in a column, on average."""
        most = [float(self.faults.access_rates(access).max()) for access in self.noisy]
        each = most * self.tape.layout.parts
        return float(sum(len(own) * rate for own, rate in zip(self.places, each, strict=True)))

    def carry_out(
        self,
        rows: Words,
        placed: Placed,
        met: Noise | Streams,
        into: Words,
        flips: NDArray[np.int64],
        *,
        output: int = 0,
        lost: Sequence[Flipped] = (),
    ) -> Counter[int]:
        """Carry the tape out once.

        Args:
            rows: (places, words), changed in place.
            placed: its columns.
            met: noise in these columns; streams advance.
            into: (slots, words) for the rows that are read out.
            flips: (1,) number to which those of noise are added.
            output: of the tape.
            lost: what rows lose before its commands, in their order.

        Returns:
            number of lost bits, by place.

        """
        begin, bits = 0, Counter[int]()
        for flipped in lost:
            if flipped.command > begin:
                some = slice(begin, flipped.command)
                self._some(rows, placed, self._during(met, some), into, flips, output, some)
                begin = flipped.command
            held = rows[flipped.row].copy()
            rows[flipped.row] = held & ~flipped.ones | flipped.zeros
            bits[flipped.place] += ones_in(held ^ rows[flipped.row])
        some = slice(begin, len(self.tape.parts))
        met = self._during(met, some) if begin else met
        self._some(rows, placed, met, into, flips, output, some)
        return bits

    # -- inside ------------------------------------------------------------------------------

    def _lost_in_turn(self, outputs: NDArray[np.intp]) -> list[list[Loss]]:
        """Losses in each of some outputs, in order; cached for all blocks of columns."""
        key, beside = outputs.tobytes(), self.neighbours()
        if beside is None:
            return []
        if key not in self._lost:
            self._lost[key] = [beside.take(opened(self.tape, one)) for one in outputs.tolist()]
        return self._lost[key]

    def _during(self, met: Noise | Streams, commands: slice) -> Noise | Streams:
        """Noise of some commands, with places counted from the first of them; streams advance."""
        if isinstance(met, Streams):
            return met
        size = self._kinds.slots
        ends = [commands.start * size, commands.stop * size]
        first, last = np.searchsorted(met.places[:-1], ends).tolist()
        before = np.concatenate([[0], np.cumsum(met.times[: len(met.places) - 1])])
        own = slice(int(before[first]), int(before[last]))
        places = np.append(met.places[first:last] - ends[0], END)
        return Noise(places, met.times[first:last].copy(), met.columns[own], met.draws[own])

    def _some(
        self,
        rows: Words,
        placed: Placed,
        met: Noise | Streams,
        into: Words,
        flips: NDArray[np.int64],
        output: int,
        commands: slice,
    ) -> None:
        """Carry out some commands of the tape."""
        tape, drawn = self.tape, isinstance(met, Streams)
        literal: Any = interpret(tape.most, drawn=drawn)
        by_steps = drawn and tape.steps.plain and commands.stop - commands.start == len(tape.parts)
        given = (
            rows.ctypes.data,
            -(-placed.columns // _VECTOR_COLUMNS),
            rows.strides[0],
            0 if by_steps else tape.commands[output, commands].ctypes.data,
            tape.parts[commands].ctypes.data,
            commands.stop - commands.start,
            tape.others.ctypes.data,
            tape.lines.ctypes.data,
            tape.opened,
            tape.layout.stride,
            placed.masks.ctypes.data,
            placed.flags.ctypes.data,
            self._rates.ctypes.data,
            placed.rows[-1].ctypes.data,
            into.ctypes.data,
            into.strides[0],
            flips.ctypes.data,
            *(each if isinstance(each, int) else each.ctypes.data for each in met),
        )
        if not by_steps:
            literal(*given)
            return
        steps, (kernels, needed) = tape.steps, self._kernels
        struck = empty((needed, rows.shape[1]), "rows for noise")
        struck[:] = 0
        walk()(
            *given,
            steps.at.ctypes.data,
            len(steps.at),
            steps.forms[output].ctypes.data,
            steps.rows[output].ctypes.data,
            kernels.ctypes.data,
            len(self._kinds.accesses),
            self._kinds.patterns,
            struck.ctypes.data,
            cast(literal, c_void_p).value,
        )

    @cached_property
    def _kernels(self) -> tuple[NDArray[np.int64], int]:
        """Addresses of machine code for the forms of the tape, and rows for noise that it needs."""
        known = self.tape.steps.known
        found = np.array([kernel.address(form, self._faulty) for form in known], np.int64)
        return found, max((kernel.rows_struck(form, self._faulty) for form in known), default=0)

    @cached_property
    def _faulty(self) -> Faulty:
        """What may go wrong."""
        kinds, always, noisy = self._kinds, set[int](), []
        for access in self._accesses:
            kind = kinds.accesses.index(access)
            first, rates = kinds.first_pattern[kind], self.faults.access_rates(access)
            static = np.flatnonzero(self.faults.static_rates(access))
            always |= {first + int(one) for one in static}
            if access in self.noisy:
                order = np.argsort(-rates, kind="stable")
                noisy.append((kind, tuple(first + int(one) for one in order if rates[one] > 0)))
        return Faulty(self.tape.most, self.tape.opened, frozenset(always), tuple(noisy))

    def _always_wrong(
        self, access: Access, ones: int, patches: Sequence[Patch], part: int
    ) -> Words:
        """Columns that always get a pattern wrong, packed."""
        found = []
        for patch in patches:
            site, where = patch.sites[part], patch.where
            if isinstance(where, int):
                lean = self.faults.weak(site, where + patch.columns, access.kind)[where:]
            else:
                lean = self.faults.weak(site, int(where.max()) + 1, access.kind)[where]
            found.append(self.faults.static_mask(access.kind, access.rows, ones, lean))
        packed: Words = pack(np.concatenate(found)[None].astype(np.uint8))[0]
        return packed
