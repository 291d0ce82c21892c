"""All outputs of a stage through the literal interpreter, where commands can go wrong.

Columns are taken block by block, as noise is drawn. Within a block the outputs that a bank computes
one after the other share rows, and so what a wrong command leaves behind in them; the outputs of
another bank begin with the operands as they were written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.faulty.retries import Retries, Strip, Task
from bnn.mapping.backends.repeats import Repeats
from bnn.mapping.mapped_stage import ConstantRows, MappedStage, OperandRows
from bnn.mapping.placement.placement import Turn
from bnn.mapping.readback import Reader
from bnn.mapping.stage_inputs import StageInputs
from bnn.values.bitstrings import BitStrings, Values
from bnn.values.encoding import Integers
from pimsim.bits import Words, pack
from pimsim.dram.array.faults import Faults, Site, block_width
from pimsim.executors.compiled.run.processors import spread as share
from pimsim.executors.compiled.run.read_rows import strings
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.program import Block, Patch, Program
from pimsim.microprogram.row_program import Write

MEMORY_BYTES = 64 << 20
"""Rows and results held at a time, about."""

_VECTOR_COLUMNS = 512


class FaultyInTurn:
    """A mapped stage in which outputs are computed in turn, ready to be carried out with faults.

    Raises InputError if the failure table lacks what the commands need.
    """

    def __init__(self, mapped: MappedStage, faults: Faults) -> None:
        stage, placement = mapped.stage, mapped.placement
        self._stage, self._mapped = stage, mapped
        program, slots = mapped.program.delivered()
        self._reader, self._slots = Reader(mapped, slots), program.slots
        layout = Layout(mapped.rows, mapped.parts, mapped.system.address_map)
        self._program = Program(Tape(program, layout), faults)
        self._width = block_width(stage.windows.positions)
        self._images = self._width // stage.windows.positions
        words = -(-self._width // _VECTOR_COLUMNS) * (_VECTOR_COLUMNS // 64)
        rows = layout.places + stage.outputs * self._slots
        self._blocks = max(1, MEMORY_BYTES // (8 * words * rows))
        self._words = words
        self._free: list[Words] = []
        self._lock = threading.Lock()
        of_team: dict[int, dict[int, _Tile]] = {}
        sizes: dict[int, int] = {}
        for number, turn in enumerate(placement.turns):
            for lane, (block, images) in enumerate(zip(turn.blocks, turn.batches[0], strict=True)):
                first = images.start * stage.windows.positions + block.positions.start
                tile = _Tile(first, placement.columns(block, images), turn, lane, number)
                of_team.setdefault(block.outputs.start, {})[first] = tile
                sizes[block.outputs.start] = block.outputs.stop
        self.teams: list[NDArray[np.intp]] = [
            np.arange(start, stop) for start, stop in sorted(sizes.items())
        ]
        self._tiles = [
            [tile for _, tile in sorted(of_team[start].items())] for start in sorted(of_team)
        ]
        """Per team, tiles in the order of their columns."""
        self._starts = [np.array([tile.first for tile in own]) for own in self._tiles]

    def run(self, work: StageInputs) -> tuple[Values, int, Repeats]:
        """Values of all images, how often noise struck, and what was computed again.

        The values are (images, positions, outputs).
        """
        stage, count = self._stage, work.images
        positions = stage.windows.positions
        values = BitStrings.empty(count, positions, stage.outputs)
        wide = np.empty(values.shape if stage.thresholds is None else 0, np.int64)
        checked = self._mapped.system.mitigation.retries if self._mapped.readback.checks else 0
        retries = Retries(self._mapped, self._reader.slots, work.integers)
        flips, repeats = 0, Repeats()
        blocks = -(-count // self._images)
        for start in range(0, blocks, self._blocks):
            some = range(start, min(start + self._blocks, blocks))
            found, struck = self._all(some, work)
            flips += struck
            for block, rows in zip(some, found, strict=True):
                images = self._of_block(block, count)
                if checked:
                    retries.take(block, images, rows)
                else:
                    self._read(rows, images, values, wide, work.threads)
            work.report(min(some.stop * self._images, count), count)
        if checked:
            repeats = retries.again(_Again(self, work), checked)
            for block, rows in retries.kept.items():
                images = self._of_block(block, count)
                self._read(rows, images, values, wide, work.threads)
        return (wide if stage.thresholds is None else values), flips, repeats

    def strips(self, block: int, team: int, count: int) -> list[Strip]:
        """Where the columns of a block lie for a team, of so many images."""
        images, positions = self._of_block(block, count), self._stage.windows.positions
        begin, end = images.start * positions, images.stop * positions
        found, start = [], begin
        for at, columns in self._cut(team, begin, end):
            tile = self._tiles[team][at]
            inside = slice(start - begin, start - begin + columns)
            found.append(Strip(inside, tile.number, tile.lane))
            start += columns
        return found

    def carry_out(self, tasks: Sequence[Task], work: StageInputs) -> tuple[list[Words], int]:
        """Rows read out, (outputs, slots, words) for each task, and how often noise struck."""
        blocks = sorted({task.block for task in tasks})
        number_of = {block: number for number, block in enumerate(blocks)}
        tiles = [self._load(work.integers, range(b, b + 1), work.threads) for b in blocks]
        found: list[Words] = [empty((0, 0, 0), "rows read out") for _ in tasks]
        flips = np.zeros((len(tasks), 1), np.int64)

        def some(begin: int, end: int) -> None:
            rows = self._take()
            for number in range(begin, end):
                task = tasks[number]
                rows[:] = tiles[number_of[task.block]].data[0]
                found[number] = self._program.run(
                    rows,
                    self._block(task.block, task.team, work),
                    task.outputs,
                    stage=self._stage.index,
                    first_output=self._mapped.first_output,
                    attempt=task.attempt,
                    flips=flips[number],
                )
            self._give(rows)

        share(some, len(tasks), work.threads)
        return found, int(flips.sum())

    # -- inside ------------------------------------------------------------------------------

    def _of_block(self, block: int, count: int) -> slice:
        return slice(block * self._images, min((block + 1) * self._images, count))

    def _load(self, operands: Integers, blocks: range, threads: int | None) -> Tiles:
        """Rows of some blocks, a tile for each, that hold operands (images, pixels, channels)."""
        stage = self._stage
        layout = self._program.tape.layout
        shape = len(blocks), self._words * 64
        tiles = Tiles(
            shape[0] * shape[1],
            layout.rows,
            parts=layout.parts,
            tile_words=self._words,
            address_map=layout.map,
        )
        first = blocks.start * self._images
        here = operands[first : blocks.stop * self._images]
        images = np.arange(len(blocks) * self._images)
        images[len(here) :] = -1
        of_column = np.full(shape, -1)
        of_column[:, : self._width] = np.repeat(images, stage.windows.positions).reshape(
            len(blocks), -1
        )
        position = np.arange(shape[1]) % stage.windows.positions
        for item in self._mapped.program.phases["inputs"]:
            match item:
                case Write(rows, part, OperandRows(chunk)):
                    load(
                        tiles,
                        Operands(
                            here[:, :, chunk.channels],
                            stage.windows.pixels[:, chunk.places],
                            stage.planes,
                            stage.pad,
                        ),
                        of_column.reshape(-1),
                        np.tile(position, len(blocks)),
                        part=part,
                        first_row=rows[0],
                        threads=threads,
                    )
                case Write(rows, part, ConstantRows(bits)):
                    held = np.zeros((len(rows), self._words), np.uint64)
                    own = pack(np.tile(bits[:, 0], self._images).astype(np.uint8))
                    held[:, : own.shape[1]] = own
                    for row, words in zip(rows, held, strict=True):
                        tiles.save(row, np.tile(words, len(blocks)), part)
        return tiles

    def _all(self, blocks: range, work: StageInputs) -> tuple[list[Words], int]:
        """Rows read out, (outputs, slots, words) for each block, and how often noise struck."""
        tiles = self._load(work.integers, blocks, work.threads)
        shape = (self._stage.outputs, self._slots, self._words)
        found = [empty(shape, "rows read out") for _ in blocks]
        items = [(at, team) for at in range(len(blocks)) for team in range(len(self.teams))]
        flips = np.zeros((len(items), 1), np.int64)

        def some(begin: int, end: int) -> None:
            rows = self._take()
            for number in range(begin, end):
                at, team = items[number]
                rows[:] = tiles.data[at]
                outputs = self.teams[team]
                found[at][outputs[0] : outputs[-1] + 1] = self._program.run(
                    rows,
                    self._block(blocks[at], team, work),
                    outputs,
                    stage=self._stage.index,
                    first_output=self._mapped.first_output,
                    flips=flips[number],
                )
            self._give(rows)

        share(some, len(items), work.threads)
        return found, int(flips.sum())

    def _take(self) -> Words:
        """Rows of a block for a thread alone."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return empty((self._program.tape.layout.places, self._words), "rows of a block")

    def _give(self, rows: Words) -> None:
        with self._lock:
            self._free.append(rows)

    def _block(self, number: int, team: int, work: StageInputs) -> Block:
        positions = self._stage.windows.positions
        images = self._of_block(number, work.images)
        begin, end = images.start * positions, images.stop * positions
        patches = tuple(self._patches(team, begin, end))
        return Block(number, end - begin, self._width, patches)

    def _patches(self, team: int, begin: int, end: int) -> Iterator[Patch]:
        """Where columns ``begin`` to ``end`` of the stage lie for a team."""
        mapped, where = self._mapped, self._mapped.placement.where
        for at, columns in self._cut(team, begin, end):
            tile = self._tiles[team][at]
            sites = tuple(
                Site(mapped.banks(part, [tile.lane])[0], tile.turn.first + part)
                for part in range(mapped.parts)
            )
            inside = begin - tile.first
            own = inside if where is None else where[tile.lane, inside : inside + columns]
            yield Patch(columns, sites, own)
            begin += columns

    def _cut(self, team: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Numbers of the tiles that hold columns ``begin`` to ``end``, and how many of them."""
        starts = self._starts[team]
        at = int(np.searchsorted(starts, begin, side="right")) - 1
        while begin < end:
            inside = begin - int(starts[at])
            columns = min(end - begin, self._tiles[team][at].columns - inside)
            yield at, columns
            begin, at = begin + columns, at + 1

    def _read(
        self,
        found: Words,
        images: slice,
        values: BitStrings,
        wide: NDArray[np.int64],
        threads: int | None,
    ) -> None:
        """Store rows (outputs, slots, words) of some images, as bits or as sums."""
        size, positions = images.stop - images.start, self._stage.windows.positions
        result = self._mapped.readback.result
        if result is None:
            for count in self._mapped.readback.counts:
                if count.given:
                    sums = self._reader.sums(count, found, size, threads)
                    wide[images] = sums.transpose(1, 2, 0)
            return
        into = values.data[images].reshape(size * positions, -1)
        words = found[:, self._reader.slots[result]]
        strings(words, size * positions, into, threads=threads)


class _Tile(NamedTuple):
    """Columns of a stage that lie in one row."""

    first: int
    """Which of all columns of the stage the first one is."""
    columns: int
    turn: Turn
    lane: int
    number: int
    """Of the turn."""


class _Again:
    """Computes outputs of some work again."""

    def __init__(self, outputs: FaultyInTurn, work: StageInputs) -> None:
        self._outputs, self._work = outputs, work
        self.teams = outputs.teams

    def strips(self, block: int, team: int) -> list[Strip]:
        """Where the columns of a block lie for a team."""
        return self._outputs.strips(block, team, self._work.images)

    def carry_out(self, tasks: Sequence[Task]) -> tuple[list[Words], int]:
        """Rows read out for each task, and how often noise struck."""
        return self._outputs.carry_out(tasks, self._work)
