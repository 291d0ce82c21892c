"""Carries out streams with faults: a tape for each group of outputs.

Noise of a group's stream is drawn as for an output: its random stream is named after the first
output of the group. Tapes are made when needed, and only a few are kept, so that memory stays
bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.dram.array.faults import Faults, Job
from pimsim.dram.array.injection import Events
from pimsim.executors.compiled.run.tiles import Layout, empty
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.losses import Flipped, opened
from pimsim.executors.faulty.program import Block, Program
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.tape import AdderTape, templates

TAPE_BYTES = 256 << 20
"""Tapes kept, about."""

_COMMAND_BYTES = 48
"""Bytes that a command of a tape takes, with its candidates for noise."""


def tape_of(stream: Stream, layout: Layout) -> Tape:
    """Return the commands of a stream; reads of rows only for checks are left out."""
    return Tape(stream.program.delivered()[0], layout)


class StreamEvents:
    """How many accesses of each kind streams have: a tape is made once, and not kept."""

    def __init__(self, streams: Sequence[Stream], layout: Layout) -> None:
        self._streams, self._layout = streams, layout
        self._known: dict[int, list[Events]] = {}

    def __call__(self, group: int, part: int) -> Events:
        """Return the number of accesses of each kind of a group in a part."""
        if group not in self._known:
            tape = tape_of(self._streams[group], self._layout)
            self._known[group] = [tape.events(0, own) for own in range(self._layout.parts)]
        return self._known[group][part]


class StreamPrograms:
    """Streams, and the faults that their commands meet.

    Raises InputError as :class:`~pimsim.executors.faulty.program.Program` does.
    """

    def __init__(self, streams: Sequence[Stream], layout: Layout, faults: Faults) -> None:
        self._streams, self._layout = streams, layout
        self.any = Program(Tape(_templates(streams), layout), faults)
        """A program with all templates of the streams: its results on columns are valid for every
        stream."""
        longest = max(1, *map(_commands, streams))
        self._of = lru_cache(max(1, TAPE_BYTES // (_COMMAND_BYTES * longest)))(self._program)

    def run(
        self,
        rows: Words,
        block: Block,
        groups: NDArray[np.intp],
        *,
        stage: int,
        first_output: int,
        attempt: int = 0,
        flips: NDArray[np.int64],
    ) -> Iterator[tuple[Stream, Words]]:
        """Carry streams out one after the other; yield each with the rows that it has read out.

        Args:
            rows: (places, words) of the block, changed in place.
            block: its columns.
            groups: numbers of streams.
            stage: number of the stage, as noise is named after it.
            first_output: what output 0 of a group is to the whole stage, likewise.
            attempt: how often they have been carried out before.
            flips: (1,) number to which those of noise are added.

        """
        placed = self.any.place(block.patches, rows.shape[1])
        beside, own = self.any.neighbours(), self.any.flips(block.patches, rows.shape[1])
        for group in groups.tolist():
            stream, program = self._streams[group], self._of(group)
            lost: Sequence[Flipped] = ()
            if beside is not None and own is not None:
                lost = own.of(beside.take(opened(program.tape, 0)))
            into = empty((program.tape.program.slots, rows.shape[1]), "rows read out")
            job = Job(stage, first_output + stream.outputs[0], 0, attempt)
            met = program.streams(job, block)
            bits = program.carry_out(rows, placed, met, into, flips, lost=lost)
            program.count(stage, bits)
            yield stream, into

    def _program(self, group: int) -> Program:
        return self.any.on(tape_of(self._streams[group], self._layout))


def _commands(stream: Stream) -> int:
    """How many row commands a stream has, all parts together."""
    size = np.array([len(one.program.commands) for one in templates(stream.address_map)])
    return sum(int(part.histogram @ size) for part in stream.tally.parts)


def _templates(streams: Sequence[Stream]) -> RowProgram:
    """Every template that a stream has, once, on some row."""
    address_map, found = streams[0].address_map, RowProgram(1)
    used = np.sum([part.histogram for one in streams for part in one.tally.parts], axis=0)
    row = len(address_map.constants)
    for code, one in enumerate(templates(address_map)):
        if used[code]:
            words = [code] + [row] * len(one.program.symbols)
            found.run(AdderTape(np.array(words, np.int32), address_map))
    return found
