"""Carrying out a tape on a block of columns, with what goes wrong there.

A *block* is some columns of one lane, see :func:`pimsim.dram.faults.block_width`; a *team* is the
outputs that the same subarrays compute one after the other, so that what a wrong command leaves
behind in their rows is met by the next output. Blocks and teams have nothing to do with one
another: they may be carried out in any order, on any thread.

>>> from pimsim.circuit.failure_table import Entry, FailureTable
>>> from pimsim.dram.faults import Faults, Site
>>> from pimsim.microprogram.compiled.recipe import Recipe
>>> from pimsim.microprogram.compiled.tiles import Layout, Tiles, pack, unpack
>>> from pimsim.microprogram.logic import NOT
>>> from pimsim.microprogram.schedule import Schedule
>>> schedule, recipe = Schedule(outputs=1), Recipe(1)
>>> schedule.append((NOT,), a=18, out=19)
>>> recipe.run(schedule)
>>> slot = recipe.read(1)
>>> tiles = Tiles(columns=3, rows=24)
>>> tiles.save(0, pack(np.array([[0, 1, 1]])))
>>> rows = [Entry(1, ones, 0, trials=1, wrong=0, bitlines=1, always_wrong=0) for ones in (0, 1)]
>>> program = Program(Tape(recipe, tiles.layout), Faults(FailureTable(tuple(rows), {}), 0, 0))
>>> block = Block(number=0, columns=3, width=3, patches=(Patch(3, (Site(0, 0),), 0),))
>>> words = program.run(tiles.data[0, 0], block, np.array([0]), stage=0)
>>> unpack(words[0, slot], 3)
array([1, 0, 0], dtype=uint8)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, pack
from pimsim.dram.faults import Access, Draws, Faults, Job, Site, patterns
from pimsim.microprogram.compiled.tiles import empty
from pimsim.microprogram.literal.interpreter import (
    CLASSES,
    FIRST_PATTERN,
    PATTERNS,
    SLOTS,
    interpret,
)
from pimsim.microprogram.literal.tape import Tape

_END = np.iinfo(np.int64).max
_VECTOR_COLUMNS = 512


class Patch(NamedTuple):
    """Columns of a block that lie in one row of DRAM."""

    columns: int
    sites: tuple[Site, ...]
    """The subarray of each part."""
    where: int | NDArray[np.intp]
    """The physical column that each of them is, or that of the first, if they follow on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Columns whose noise is drawn together."""

    number: int
    columns: int
    """That are used."""
    width: int
    """Columns of every block of the stage."""
    patches: tuple[Patch, ...]


class Program:
    """A tape and the faults that its commands meet.

    Raises InputError if the failure table lacks what the commands need.
    """

    def __init__(self, tape: Tape, faults: Faults) -> None:
        self.tape, self._faults = tape, faults
        self._accesses = [
            access for access in tape.accesses if access.kind == "sense" or faults.drives
        ]
        self._rates = np.zeros(PATTERNS)
        for access in self._accesses:
            rates = faults.access_rates(access)
            first = FIRST_PATTERN[CLASSES.index(access)]
            self._rates[first : first + len(rates)] = rates
        self._noisy = [a for a in self._accesses if faults.access_rates(a).any()]
        self._static = [a for a in self._accesses if faults.static_rates(a).any()]

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
            flips: (1,) number to which those of noise are added.

        Returns:
            (n, slots, words): rows that are read out.

        """
        tape = self.tape
        words = rows.shape[1]
        results = empty((len(outputs), tape.recipe.slots, words), "rows read out")
        masks, flags, kept = self._masks(block, words)
        buffer = empty((words,), "row buffer")
        counted = np.zeros(1, np.int64) if flips is None else flips
        function = interpret()
        for number, output in enumerate(outputs.tolist()):
            keys, runs, columns, draws = self._noise(
                block, (stage, first_output + output), output, attempt
            )
            function(
                rows.ctypes.data,
                -(-block.columns // _VECTOR_COLUMNS),
                rows.strides[0],
                tape.commands[output].ctypes.data,
                tape.parts.ctypes.data,
                len(tape.parts),
                tape.others.ctypes.data,
                tape.lines.ctypes.data,
                tape.opened,
                tape.layout.stride,
                masks.ctypes.data,
                flags.ctypes.data,
                self._rates.ctypes.data,
                keys.ctypes.data,
                runs.ctypes.data,
                columns.ctypes.data,
                draws.ctypes.data,
                buffer.ctypes.data,
                results[number].ctypes.data,
                words * 8,
                counted.ctypes.data,
            )
        del kept
        return results

    # -- inside ------------------------------------------------------------------------------

    def _masks(
        self, block: Block, words: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Words]]:
        """Per part and pattern the address of a row, per part and kind whether there is any."""
        parts = self.tape.layout.parts
        nothing = empty((words,), "row")
        nothing.fill(0)
        kept = [nothing]
        addresses = np.full((parts, PATTERNS), nothing.ctypes.data, np.int64)
        flags = np.zeros((parts, len(CLASSES)), np.int64)
        for access in self._static:
            rates = self._faults.static_rates(access)
            kind = CLASSES.index(access)
            flags[:, kind] = 1
            for part in range(parts):
                for index, ones in enumerate(patterns(access)):
                    if rates[index] > 0:
                        row = empty((words,), "row")
                        row.fill(0)
                        wrong = self._always_wrong(access, ones, block, part)
                        row[: len(wrong)] = wrong
                        kept.append(row)
                        addresses[part, FIRST_PATTERN[kind] + index] = row.ctypes.data
        return addresses, flags, kept

    def _always_wrong(self, access: Access, ones: int, block: Block, part: int) -> Words:
        """Columns that always get a pattern wrong, packed."""
        found = []
        for patch in block.patches:
            site, where = patch.sites[part], patch.where
            if isinstance(where, int):
                lean = self._faults.weak(site, where + patch.columns, access.kind)[where:]
            else:
                lean = self._faults.weak(site, int(where.max()) + 1, access.kind)[where]
            found.append(self._faults.static_mask(access.kind, access.rows, ones, lean))
        packed: Words = pack(np.concatenate(found)[None].astype(np.uint8))[0]
        return packed

    def _noise(
        self, block: Block, named: tuple[int, int], output: int, attempt: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Where noise may strike, in order, how often at each place; columns and draws."""
        places, found = [np.zeros(0, np.int64)], []
        for access in self._noisy:
            for part in range(self.tape.layout.parts):
                commands, slots = self.tape.where(output, part, access)
                if not len(commands):
                    continue
                job = Job(*named, part, attempt)
                draws = self._faults.draws(job, access, len(commands), block.number, block.width)
                inside = draws.column < block.columns
                event = draws.event[inside]
                places.append(commands[event] * SLOTS + slots[event])
                found.append(Draws(event, draws.column[inside], draws.draw[inside]))
        where = np.concatenate(places)
        if not len(where):
            return np.full(1, _END, np.int64), where, where, np.zeros(1)
        columns = np.concatenate([each.column for each in found])
        draw = np.concatenate([each.draw for each in found])
        if len(found) > 1:  # each is in order
            order = np.argsort(where, kind="stable")
            where, columns, draw = where[order], columns[order], draw[order]
        starts = np.flatnonzero(np.diff(where, prepend=-1))
        runs = np.diff(starts, append=len(where))
        return np.append(where[starts], _END), runs, columns, draw
