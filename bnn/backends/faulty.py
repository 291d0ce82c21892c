"""A mapped stage in which commands go wrong, executed command by command in machine code.

The same commands go wrong in the same columns as in the reference executor, because faults depend
only on bank, output and column. Nothing here knows of time, or where the probabilities come from.

A wrong command leaves wrong bits in rows, and later computations in these rows use them. Where a
bank computes one output after the other, the next output is affected; columns are taken block by
block, in the blocks in which noise is drawn. Where outputs lie side by side, the next batch of
images is affected, because it meets the same weights; a stretch of a row is computed batch by
batch. Blocks and stretches are independent of one another. Only some are held at a time, so memory
stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.backends.noise import Met, NoiseAssignment, Rooms, Stretches
from bnn.backends.retries import Carried, Failed, Repeats, Strip, Task, again
from bnn.backends.stage_rows import Columns, StageRows
from bnn.backends.stage_strings import Laid, StageStrings
from bnn.backends.stream_rows import StreamRows
from bnn.mapped.mapped_stage import MappedStage, StageInputs
from bnn.mapped.parity import Flags, Parities
from bnn.mapped.placement.placement import Turn, cut
from bnn.mapped.readback import Reader, ReadOut
from pimsim.bits import Words
from pimsim.dram.array.faults import Faults, Site, block_width
from pimsim.dram.disturbance.hammer import Loss, Neighbours
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.dealing import Drawing, Noise
from pimsim.executors.faulty.losses import Flips, opened, written
from pimsim.executors.faulty.program import Block, Patch, Placed, Program
from pimsim.executors.faulty.streams import StreamPrograms
from pimsim.microprogram.output_tree.stream import Stream

MEMORY_BYTES = 256 << 20
"""Approximate bytes of rows held at a time where outputs lie side by side."""
CANDIDATES = 1 << 18
"""Approximate number of places where noise may strike that are drawn at a time there.

With sixteen times as many, mnist-cnn takes a gigabyte more and no less time."""
STRETCH = 8192
"""Columns of a stretch, at most."""
TOGETHER = 32
"""Blocks of columns that are computed between one report of progress and the next."""

_VECTOR_COLUMNS = 512


class _Held(NamedTuple):
    """A stretch of a lane, and its rows."""

    lane: int
    columns: Columns
    place: NDArray[np.intp]
    """``(columns,)`` where the result of a column is stored, counted from the first image."""
    tiles: Tiles
    rows: StageRows
    placed: Placed
    flips: Flips | None
    """Bits that rows lose through activations of their neighbours."""


class _Meets(NamedTuple):
    """The noise and losses of a stretch in a batch."""

    images: slice
    noise: Noise
    lost: list[Loss]


class _Run(NamedTuple):
    """The operands of a run, and where its results go."""

    work: StageInputs
    operands: Laid
    """As rows take them in."""
    values: NDArray[Any]
    """``(images * positions, outputs)``."""
    parities: Callable[[int, int], Parities]
    """Returns the parities of the operands of images, from the first number to before the
    second."""


class FaultyStage:
    """A mapped stage, ready to be carried out with faults.

    Raises InputError if the failure table lacks what the commands need.
    """

    def __init__(self, mapped: MappedStage, faults: Faults) -> None:
        self._mapped, self._stage, self._placement = mapped, mapped.stage, mapped.placement
        self._positions = mapped.stage.windows.positions
        self._width = block_width(self._positions)
        program, slots = mapped.program.delivered()
        self._reader, self._slots = Reader(mapped, slots), program.slots
        layout = Layout(mapped.rows, mapped.parts, mapped.system.address_map)
        self._streams: StreamPrograms | None = None
        if mapped.streams is None:
            self._program = Program(Tape(program, layout), faults)
        else:
            self._streams = StreamPrograms(mapped.streams, layout, faults)
            self._program = self._streams.any
        self._inputs = written(mapped.program.phases["inputs"], layout)
        weights = written(mapped.program.phases["weights"], layout)
        self._program.before = np.concatenate([weights, self._inputs])
        self._strings = StageStrings(mapped)

    def run(self, work: StageInputs) -> Carried:
        """Carry the stage out for all images."""
        stage = self._stage
        kind = np.int64 if stage.thresholds is None else np.uint8
        values: NDArray[Any] = np.empty((work.images * self._positions, stage.outputs), kind)
        laid = self._mapped.operands_of
        known = cache(lambda start, stop: Parities(laid, work.integers[start:stop]))
        own = _Run(work, self._strings.of(work.operands), values, known)
        carry_out = self._side_by_side if self._placement.side_by_side else self._in_turn
        flips, repeats = carry_out(own)
        return values.reshape(work.images, self._positions, -1), flips, repeats

    def _rows(self, columns: Columns, outputs: slice) -> tuple[Tiles, StageRows]:
        """Rows of some columns, with what stays in them."""
        layout, words = self._program.tape.layout, _words(len(columns.image))
        tiles = Tiles(
            len(columns.image),
            layout.rows,
            parts=layout.parts,
            tile_words=words,
            address_map=layout.map,
        )
        rows = StageRows(self._strings, tiles, columns, outputs.start)
        rows.write_constants(outputs, threads=1)
        return tiles, rows

    def _patch(self, turn: Turn, lane: int, columns: range) -> Patch:
        """Where columns of a lane's row are."""
        mapped, where = self._mapped, self._placement.where
        sites = tuple(
            Site(mapped.banks(part, [lane])[0], turn.first + part) for part in range(mapped.parts)
        )
        own = columns.start if where is None else where[lane, columns.start : columns.stop]
        return Patch(len(columns), sites, own)

    # -- outputs in turn ---------------------------------------------------------------------

    def _in_turn(self, run: _Run) -> tuple[int, Repeats]:
        """Compute all outputs, and those again whose checksums are wrong."""
        images, each = run.work.images, self._width // self._positions
        teams = [np.arange(outputs.start, outputs.stop) for outputs, _ in self._tiles.values()]
        flips, failed, repeats = 0, Failed(), Repeats()
        for some in cut(images, each * TOGETHER):
            starts = range(some.start, some.stop, each)
            own = [slice(start, min(start + each, images)) for start in starts]
            tasks = [Task(block, int(team[0]), team) for block in own for team in teams]
            struck, wrong = self._carry_out(tasks, run)
            flips, failed = flips + struck, failed + wrong
            run.work.report(some.stop, images)
        for _ in range(self._mapped.system.mitigation.retries):
            if failed:
                _, failed = self._carry_out(again(failed, self._strips, repeats), run)
        return flips, repeats

    def _carry_out(self, tasks: Sequence[Task], run: _Run) -> tuple[int, Failed]:
        """Store results of tasks; return how often noise struck, and which checksums are wrong."""
        columns = Columns(
            *np.divmod(np.arange(self._width), self._positions), np.zeros(self._width, np.intp)
        )
        flips, failed = np.zeros((len(tasks), 1), np.int64), Failed()

        def some(begin: int, end: int) -> None:
            tiles, rows = self._rows(columns, slice(0, 1))
            fresh = tiles.data.copy()
            for number in range(begin, end):
                task = tasks[number]
                tiles.data[:] = fresh
                rows.load(run.operands.some(task.images), threads=1)
                strips = self._strips(task)
                block = Block(
                    task.images.start * self._positions // self._width,
                    strips[-1].columns.stop,
                    self._width,
                    tuple(strip.patch for strip in strips),
                )
                if self._streams is not None:
                    streams = self._streams.run(
                        tiles.data[0],
                        block,
                        task.outputs,
                        stage=self._stage.index,
                        first_output=self._mapped.first_output,
                        attempt=task.attempt,
                        flips=flips[number],
                    )
                    bad = self._take(task, streams, run)
                    if bad is not None:
                        failed.append((task, bad))
                    continue
                found = self._program.run(
                    tiles.data[0],
                    block,
                    task.outputs,
                    stage=self._stage.index,
                    first_output=self._mapped.first_output,
                    attempt=task.attempt,
                    flips=flips[number],
                )
                wrong = self._given(task, found, run)
                if wrong is not None:
                    failed.append((task, wrong))

        spread(some, len(tasks), run.work.threads)
        return int(flips.sum()), failed

    def _take(self, task: Task, streams: Iterable[tuple[Stream, Words]], run: _Run) -> Flags | None:
        """Store results of a task's streams; return columns (streams, columns) that failed."""
        images, every = task.images, slice(0, self._positions)
        into = run.values[images.start * self._positions : images.stop * self._positions]
        shape = 1, images.stop - images.start, self._positions
        wrong = np.zeros((len(task.outputs), len(into)), np.uint16)
        for place, (stream, words) in enumerate(streams):
            rows = StreamRows(self._mapped, stream, words, shape, looking=False)
            given = np.array(rows.given()).reshape(len(stream.outputs), -1)
            if task.mask is None:
                into[:, stream.outputs] = given.T
            else:
                taken = task.mask[place] >> np.arange(len(given))[:, None] & 1
                numbers, columns = np.nonzero(taken)
                into[columns, np.array(stream.outputs)[numbers]] = given[numbers, columns]
            if self._mapped.checks is not None:
                parities = run.parities(images.start, images.stop)
                wrong[place] = rows.wrong(parities, every).reshape(-1)
        if task.mask is not None:
            wrong &= task.mask
        return wrong if wrong.any() else None

    def _given(self, task: Task, found: Words, run: _Run) -> Flags | None:
        """Store rows (outputs, slots, words); return columns (outputs, columns) that failed."""
        images, outputs, every = task.images, task.outputs, np.arange(self._positions)
        shape = len(outputs), images.stop - images.start, self._positions
        read = ReadOut(found, shape, outputs[:, None, None], every)
        given = self._reader.given(read)
        into = run.values[images.start * self._positions : images.stop * self._positions]
        if task.mask is None:
            into[:, outputs[0] : outputs[-1] + 1] = given
        else:
            columns, some = np.nonzero(task.mask.T)
            into[columns, outputs[some]] = given[columns, some]
        if not self._mapped.readback.checks:
            return None
        parities = run.parities(images.start, images.stop)
        wrong = self._reader.wrong(read, parities).reshape(len(outputs), -1)
        if task.mask is not None:
            wrong &= task.mask
        return wrong if wrong.any() else None

    @cached_property
    def _tiles(self) -> dict[int, tuple[slice, list[tuple[int, int, int, int]]]]:
        """Outputs that the same subarrays compute, by the first of them, and where columns lie.

        For each row: the number of its first column, how many it has, its turn and its lane; in the
        order of columns.
        """
        found: dict[int, tuple[slice, list[tuple[int, int, int, int]]]] = {}
        for number, turn in enumerate(self._placement.turns):
            for lane, (block, images) in enumerate(zip(turn.blocks, turn.batches[0], strict=True)):
                first = images.start * self._positions + block.positions.start
                tile = first, self._placement.columns(block, images), number, lane
                found.setdefault(block.outputs.start, (block.outputs, []))[1].append(tile)
        return {first: (team, sorted(tiles)) for first, (team, tiles) in sorted(found.items())}

    def _strips(self, task: Task) -> list[Strip]:
        """Where the columns of a task lie."""
        begin, end = task.images.start * self._positions, task.images.stop * self._positions
        strips = []
        for first, columns, number, lane in self._tiles[task.team][1]:
            start, stop = max(begin, first), min(end, first + columns)
            if start < stop:
                turn = self._placement.turns[number]
                patch = self._patch(turn, lane, range(start - first, stop - first))
                strips.append(Strip(slice(start - begin, stop - begin), number, lane, patch))
        return strips

    # -- outputs side by side ----------------------------------------------------------------

    def _side_by_side(self, run: _Run) -> tuple[int, Repeats]:
        """Compute all outputs; no mapping that lays them side by side has checksums."""
        shares = [
            (turn, outputs) for turn in self._placement.turns for outputs in self._shares(turn)
        ]
        total, done, flips = sum(len(turn.batches) for turn, _ in shares), 0, 0
        rooms = Rooms()
        for turn, outputs in shares:
            for batches, struck in self._carry_out_share(turn, outputs, run, rooms):
                done, flips = done + batches, flips + struck
                run.work.report(done, total)
        return flips, {}

    def _shares(self, turn: Turn) -> list[slice]:
        """Outputs of every block that are held together."""
        most = max(block.size[0] for block in turn.blocks)
        rows = turn.lanes * turn.columns / most * self._program.tape.layout.places / 8
        drawn = len(turn.blocks) * self._columns(turn, self._steps(turn)[0])
        candidates = drawn * self._program.candidates_per_column()
        held = min(MEMORY_BYTES / rows, CANDIDATES / max(candidates, 1.0))
        return cut(most, max(1, int(min(held, most))))

    def _steps(self, turn: Turn) -> list[slice]:
        """Batches that noise is drawn for at a time: about what is drawn together."""
        return cut(len(turn.batches), max(1, self._width // self._columns(turn, slice(0, 1))))

    @cached_property
    def _drawing(self) -> Drawing:
        """Noise of the stage's outputs."""
        return self._program.drawing(self._stage.index)

    def _columns(self, turn: Turn, batches: slice) -> int:
        """Columns of an output in some batches, also if several blocks share them."""
        images = [images for batch in turn.batches[batches] for images in batch]
        count: int = max(own.stop for own in images) - min(own.start for own in images)
        return count * self._positions

    def _carry_out_share(
        self, turn: Turn, outputs: slice, run: _Run, rooms: Rooms
    ) -> Iterator[tuple[int, int]]:
        """Compute some outputs of every block; yield the numbers of batches and of flips."""
        work, stretches = run.work, Stretches.cut(self._mapped, turn, outputs, STRETCH)
        dealt = NoiseAssignment(self._mapped, self._drawing, turn, stretches, work.images, rooms)
        places = stretches.places
        held: dict[int, _Held] = {}
        beside = self._program.neighbours()

        def hold(begin: int, end: int) -> None:
            for item in range(begin, end):
                held[item] = self._hold(turn, *places[item])

        spread(hold, len(places), work.threads)
        for step in self._steps(turn):
            met = dealt.take(range(step.start, step.stop), work.threads)
            losses = [self._lost(beside) for _ in turn.batches[step]]
            flips = np.zeros((len(places), 1), np.int64)

            def meet(
                begin: int,
                end: int,
                batches: Sequence[list[slice]] = turn.batches[step],
                met: Met = met,
                flips: NDArray[np.int64] = flips,
                losses: Sequence[list[Loss]] = losses,
            ) -> None:
                """Carry batches out, in order, in stretches ``begin`` to ``end``."""
                into = empty((1, self._slots, _words(STRETCH)), "rows read out")
                noise = met.sorter()
                for item in range(begin, end):
                    own = held[item]
                    for number, (batch, lost) in enumerate(zip(batches, losses, strict=True)):
                        if own.lane < len(batch):
                            struck = noise(number * len(places) + item)
                            meets = _Meets(batch[own.lane], struck, lost)
                            self._meet(own, meets, into, flips[item], run)

            spread(meet, len(places), work.threads)
            rooms.give_back(met.dealt)
            yield step.stop - step.start, int(flips.sum())

    def _hold(self, turn: Turn, lane: int, columns: range) -> _Held:
        """Write what stays in the rows of a stretch."""
        block = turn.block(lane)
        outputs, image, position = np.unravel_index(
            np.arange(columns.start, columns.stop), self._placement.shape(block)
        )
        outputs, position = outputs + block.outputs.start, position + block.positions.start
        first, last = int(outputs[0]), int(outputs[-1])
        own = Columns(image, position, outputs - first)
        tiles, rows = self._rows(own, slice(first, last + 1))
        place = (image * self._positions + position) * self._stage.outputs + outputs
        patches = [self._patch(turn, lane, columns)]
        placed = self._program.place(patches, tiles.words)
        flips = self._program.flips(patches, tiles.words)
        return _Held(lane, own._replace(output=outputs), place, tiles, rows, placed, flips)

    def _lost(self, beside: Neighbours | None) -> list[Loss]:
        """What rows lose in a batch, after which the inputs of the next are written."""
        if beside is None:
            return []
        found = beside.take(opened(self._program.tape, 0))
        beside.take(self._inputs)
        return found

    def _meet(
        self, held: _Held, meets: _Meets, into: Words, flips: NDArray[np.int64], run: _Run
    ) -> None:
        """Carry out a batch of images, and store its results."""
        images = meets.images
        held.rows.load(run.operands.some(self._strings.apart(images)), threads=1)
        bits = self._program.carry_out(
            held.tiles.data[0], held.placed, meets.noise, into[0], flips,
            lost=held.flips.of(meets.lost) if held.flips is not None else (),
        )  # fmt: skip
        self._program.count(self._stage.index, bits)
        image, position, output = held.columns
        given = self._reader.given(ReadOut(into, image.shape, output, position))[:, 0]
        used = image < images.stop - images.start  # the last images leave columns over
        first = images.start * self._positions * self._stage.outputs
        run.values.reshape(-1)[first + held.place[used]] = given[used]


def _words(columns: int) -> int:
    """Words of a row, whole vectors."""
    return -(-columns // _VECTOR_COLUMNS) * (_VECTOR_COLUMNS // 64)
