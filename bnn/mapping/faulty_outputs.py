"""All outputs of a stage through the literal interpreter, where commands can go wrong.

Columns are taken block by block, as noise is drawn. Within a block the outputs that a bank computes
one after the other share rows, and so what a wrong command leaves behind in them; the outputs of
another bank begin with the operands as they were written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.faulty_retries import Retries, Strip, Task
from bnn.mapping.output_recipe import OutputRecipe
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.repeats import Repeats
from bnn.mapping.spread import Spread
from bnn.mapping.tiles import Tile
from bnn.mapping.work import Work
from bnn.system.ledger import CommandLedger
from bnn.values.bitstrings import BitStrings, Values
from bnn.values.encoding import Integers
from pimsim.bits import Words, pack
from pimsim.dram.array.faults import Faults, Site, block_width
from pimsim.executors.compiled.run.read_rows import strings
from pimsim.executors.compiled.run.run import spread as share
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.program import Block, Patch, Program

MEMORY_BYTES = 64 << 20
"""Rows and results held at a time, about."""

_VECTOR_COLUMNS = 512


class FaultyOutputs:
    """A stage's plan, ready to be carried out with faults.

    Args:
        stage: the stage.
        planned: its plan.
        placed: where its tiles and outputs go.
        machine: the banks.
        first: subarray of each bank that holds the first part of the fan-in.
        faults: what goes wrong.

    Raises InputError if the failure table lacks what the commands need.
    """

    def __init__(
        self,
        stage: Stage,
        planned: OutputPlan,
        placed: Spread,
        machine: CommandLedger,
        first: int,
        faults: Faults,
    ) -> None:
        self._stage, self._plan, self._placed = stage, planned, placed
        self._machine, self._first = machine, first
        self._retries = machine.mitigation.retries
        self._recipe = OutputRecipe(stage, planned, check=self._retries > 0)
        layout = Layout(machine.standard.rows_per_subarray, planned.parts)
        self._program = Program(Tape(self._recipe.recipe, layout), faults)
        self._width = block_width(stage.windows.positions)
        self._images = self._width // stage.windows.positions
        words = -(-self._width // _VECTOR_COLUMNS) * (_VECTOR_COLUMNS // 64)
        rows = layout.places + stage.outputs * self._recipe.recipe.slots
        self._blocks = max(1, MEMORY_BYTES // (8 * words * rows))
        self._words = words
        self._free: list[Words] = []
        self._lock = threading.Lock()
        self.teams: list[NDArray[np.intp]] = [
            np.arange(start, min(start + placed.outputs_per_group, stage.outputs))
            for start in range(0, stage.outputs, placed.outputs_per_group)
        ]
        groups = len(self.teams)
        tiles = {}
        for number, batch in enumerate(placed.batches):
            for bank, (tile, group) in enumerate(zip(batch.tiles, batch.groups, strict=True)):
                tiles[tile.images.start, tile.positions.start, int(group)] = tile, bank, number
        self._tiles: list[list[tuple[Tile, int, int]]] = [
            [found for (*_, own), found in sorted(tiles.items(), key=_order) if own == group]
            for group in range(groups)
        ]
        """Per team, tiles in the order of their columns, the bank of each and its batch."""
        self._starts = [np.array([_begin(tile, stage) for tile, *_ in own]) for own in self._tiles]

    def run(self, work: Work) -> tuple[Values, int, Repeats]:
        """Values of all images, how often noise struck, and what was computed again.

        The values are (images, positions, outputs).
        """
        stage, count = self._stage, work.images
        positions = stage.windows.positions
        values = BitStrings.empty(count, positions, stage.outputs)
        wide = np.empty(values.shape if self._recipe.result is None else 0, np.int64)
        retries = Retries(stage, self._plan, self._recipe, work.integers)
        flips, repeats = 0, Repeats()
        blocks = -(-count // self._images)
        for start in range(0, blocks, self._blocks):
            some = range(start, min(start + self._blocks, blocks))
            found, struck = self._all(some, work)
            flips += struck
            for block, rows in zip(some, found, strict=True):
                images = self._of_block(block, count)
                if self._retries:
                    retries.take(block, images, rows)
                else:
                    self._read(rows[None], images, values, wide, work.threads)
            work.report(min(some.stop * self._images, count), count)
        if self._retries:
            repeats = retries.again(_Again(self, work), self._retries)
            for block, rows in retries.kept.items():
                images = self._of_block(block, count)
                self._read(rows[None], images, values, wide, work.threads)
        return (wide if self._recipe.result is None else values), flips, repeats

    def strips(self, block: int, team: int, count: int) -> list[Strip]:
        """Where the columns of a block lie for a team, of so many images."""
        images, positions = self._of_block(block, count), self._stage.windows.positions
        begin, end = images.start * positions, images.stop * positions
        found, start = [], begin
        for at, columns in self._cut(team, begin, end):
            _, bank, batch = self._tiles[team][at]
            found.append(Strip(slice(start - begin, start - begin + columns), batch, bank))
            start += columns
        return found

    def carry_out(self, tasks: Sequence[Task], work: Work) -> tuple[list[Words], int]:
        """Rows read out, (outputs, slots, words) for each task, and how often noise struck."""
        blocks = sorted({task.block for task in tasks})
        lanes = {block: lane for lane, block in enumerate(blocks)}
        tiles = [self._load(work.integers, range(b, b + 1), work.threads) for b in blocks]
        found: list[Words] = [empty((0, 0, 0), "rows read out") for _ in tasks]
        flips = np.zeros((len(tasks), 1), np.int64)

        def some(begin: int, end: int) -> None:
            rows = self._take()
            for number in range(begin, end):
                task = tasks[number]
                rows[:] = tiles[lanes[task.block]].data[0, 0]
                found[number] = self._program.run(
                    rows,
                    self._block(task.block, task.team, work.images),
                    task.outputs,
                    stage=self._stage.index,
                    first_output=work.first_output,
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
        """Rows of some blocks, one a lane."""
        stage, plan = self._stage, self._plan
        layout = self._program.tape.layout
        tiles = Tiles(
            self._width,
            layout.rows,
            lanes=len(blocks),
            parts=layout.parts,
            tile_words=self._words,
        )
        first = blocks.start * self._images
        here = operands[first : blocks.stop * self._images]
        images = np.arange(len(blocks) * self._images)
        images[len(here) :] = -1
        of_column = np.repeat(images, stage.windows.positions).reshape(len(blocks), -1)
        for part, chunk in enumerate(plan.chunks):
            load(
                tiles,
                Operands(
                    here[:, :, chunk.channels],
                    stage.windows.pixels[:, chunk.places],
                    stage.planes,
                    stage.pad,
                ),
                of_column,
                part=part,
                first_row=plan.first_row,
                threads=threads,
            )
        for row, mask in plan.masks:
            bits = np.tile(mask, self._images)[None].astype(np.uint8)
            for home in plan.homes:
                tiles.save(row, np.repeat(pack(bits), len(blocks), axis=0), home)
        return tiles

    def _all(self, blocks: range, work: Work) -> tuple[list[Words], int]:
        """Rows read out, (outputs, slots, words) for each block, and how often noise struck."""
        tiles = self._load(work.integers, blocks, work.threads)
        slots = self._recipe.recipe.slots
        shape = (self._stage.outputs, slots, self._words)
        found = [empty(shape, "rows read out") for _ in blocks]
        items = [(lane, team) for lane in range(len(blocks)) for team in range(len(self.teams))]
        flips = np.zeros((len(items), 1), np.int64)

        def some(begin: int, end: int) -> None:
            rows = self._take()
            for number in range(begin, end):
                lane, team = items[number]
                rows[:] = tiles.data[lane, 0]
                outputs = self.teams[team]
                found[lane][outputs[0] : outputs[-1] + 1] = self._program.run(
                    rows,
                    self._block(blocks[lane], team, work.images),
                    outputs,
                    stage=self._stage.index,
                    first_output=work.first_output,
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

    def _block(self, number: int, team: int, count: int) -> Block:
        positions = self._stage.windows.positions
        images = self._of_block(number, count)
        begin, end = images.start * positions, images.stop * positions
        patches = tuple(self._patches(team, begin, end))
        return Block(number, end - begin, self._width, patches)

    def _patches(self, team: int, begin: int, end: int) -> Iterator[Patch]:
        """Where columns ``begin`` to ``end`` of the stage lie for a team."""
        for at, columns in self._cut(team, begin, end):
            bank = self._tiles[team][at][1]
            banks = (
                self._plan.banks(self._machine, part, [bank])[0] for part in range(self._plan.parts)
            )
            sites = tuple(Site(bank, self._first + part) for part, bank in enumerate(banks))
            inside = begin - int(self._starts[team][at])
            where = self._placed.where
            own = inside if where is None else where[bank, inside : inside + columns]
            yield Patch(columns, sites, own)
            begin += columns

    def _cut(self, team: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Numbers of the tiles that hold columns ``begin`` to ``end``, and how many of them."""
        starts = self._starts[team]
        at = int(np.searchsorted(starts, begin, side="right")) - 1
        while begin < end:
            inside = begin - int(starts[at])
            columns = min(end - begin, self._tiles[team][at][0].columns - inside)
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
        """Store what a block gave."""
        size, positions = images.stop - images.start, self._stage.windows.positions
        if self._recipe.result is None:
            for steps in self._recipe.given:
                sums = self._recipe.sums(found, steps, size, threads, given=True)
                wide[images] = sums.transpose(1, 2, 0)
            return
        into = values.data[images].reshape(1, size * positions, -1)
        strings(found[:, :, self._recipe.result], size * positions, into, threads=threads)


class _Again:
    """Computes outputs of some work again."""

    def __init__(self, outputs: FaultyOutputs, work: Work) -> None:
        self._outputs, self._work = outputs, work
        self.teams = outputs.teams

    def strips(self, block: int, team: int) -> list[Strip]:
        """Where the columns of a block lie for a team."""
        return self._outputs.strips(block, team, self._work.images)

    def carry_out(self, tasks: Sequence[Task]) -> tuple[list[Words], int]:
        """Rows read out for each task, and how often noise struck."""
        return self._outputs.carry_out(tasks, self._work)


def _begin(tile: Tile, stage: Stage) -> int:
    """First column of a tile among all of the stage."""
    begin: int = tile.images.start * stage.windows.positions + tile.positions.start
    return begin


def _order(item: tuple[tuple[int, int, int], tuple[Tile, int, int]]) -> tuple[int, int]:
    images, positions, _ = item[0]
    return images, positions
