"""Columns of resident weights through the literal interpreter, where commands can go wrong.

Batch after batch streams past the same rows, and what a wrong command leaves behind in them is met
by all batches that follow. So a stretch of a row is carried out batch by batch, in order; stretches
have nothing to do with one another, be they of one lane or of several. Some at a time are held, so
that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.columns import Numbers, Same, patches
from bnn.mapping.dealt_noise import NoiseAssignment
from bnn.mapping.stretches import Stretch, cut_block
from bnn.mapping.tiles import cut
from bnn.mapping.weight_layout import Layout, Resident, Turn
from bnn.mapping.weight_rows import weights
from bnn.mapping.work import Work
from bnn.values.bitstrings import Values
from pimsim.bits import Words
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.faults import Faults, Site, block_width
from pimsim.executors.compiled.run.run import spread
from pimsim.executors.compiled.run.tiles import Layout as Places
from pimsim.executors.compiled.run.tiles import Tiles, empty
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.program import Candidates, Patch, Placed, Program, noise
from pimsim.microprogram.row_program import RowProgram

MEMORY_BYTES = 256 << 20
"""Rows held at a time, about."""
CANDIDATES = 1 << 22
"""Places where noise may strike that are drawn at a time, about."""
STRETCH = 8192
"""Columns of a stretch, at most."""

_VECTOR_COLUMNS = 512


class ReadOut(Protocol):
    """What is done in a column, and what is made of what is read out."""

    recipe: RowProgram
    same: list[Same]
    numbers: Numbers | None

    def values(
        self, found: Words, outputs: slice, positions: NDArray[np.intp]
    ) -> NDArray[np.integer[Any]]:
        """Values (outputs, positions) from rows (slots, words), output after output."""
        ...


class _Held(NamedTuple):
    """A stretch of a lane, and its rows."""

    lane: int
    stretch: Stretch
    image_of: NDArray[np.intp]
    """``(columns,)`` which of the images that share the row."""
    position_of: NDArray[np.intp]
    """``(columns,)`` position of the stage."""
    tiles: Tiles
    placed: Placed


class FaultyColumns:
    """A stage whose weights stay in rows, ready to be carried out with faults.

    Args:
        stage: the stage.
        layout: where columns lie.
        read_out: what is done in them.
        faults: what goes wrong.

    Raises InputError if the failure table lacks what the commands need.
    """

    def __init__(
        self, stage: Stage, layout: Layout[Any], read_out: ReadOut, faults: Faults
    ) -> None:
        self._stage, self._layout, self._read_out = stage, layout, read_out
        planned: Resident = layout.plan
        self._parts = len(planned.chunks)
        self._rows = ambit().first_data + planned.data_rows
        self._program = Program(Tape(read_out.recipe, Places(self._rows, self._parts)), faults)
        held = zip(planned.chunks, planned.weight_rows, strict=True)
        self._same = [
            Same(part, rows.start, weights(stage, chunk)) for part, (chunk, rows) in enumerate(held)
        ]
        self._same += read_out.same

    def run(self, work: Work) -> tuple[Values, int]:
        """Values of all images, (images, positions, outputs), and how often noise struck."""
        stage, positions = self._stage, self._stage.windows.positions
        kind = np.int64 if stage.thresholds is None else np.uint8
        values: NDArray[Any] = np.empty((work.images * positions, stage.outputs), kind)
        shares = [
            (number, turn, outputs)
            for number, turn in enumerate(self._layout.turns)
            for outputs in self._share(turn)
        ]
        total, done, flips = sum(len(turn.batches) for _, turn, _ in shares), 0, 0
        for number, turn, outputs in shares:
            for batches, struck in self._carry_out(number, turn, outputs, work, values):
                done, flips = done + batches, flips + struck
                work.report(done, total)
        shaped: Values = values.reshape(work.images, positions, stage.outputs)
        return shaped, flips

    # -- inside ------------------------------------------------------------------------------

    def _share(self, turn: Turn) -> Iterator[slice]:
        """Outputs of every block that are held together."""
        program = self._program
        most = max(block.outputs.stop - block.outputs.start for block in turn.blocks)
        rows = turn.lanes * self._layout.columns(turn) / most * program.tape.layout.places / 8
        columns = _columns(turn, _steps(turn, self._stage)[0], self._stage)
        drawn = len(turn.blocks) * columns * program.candidates_per_column()
        held = min(MEMORY_BYTES / rows, CANDIDATES / max(drawn, 1.0))
        yield from cut(most, max(1, int(min(held, most))))

    def _carry_out(
        self, number: int, turn: Turn, outputs: slice, work: Work, values: NDArray[Any]
    ) -> Iterator[tuple[int, int]]:
        """Compute some outputs of every block; yield how many batches, and flips, as they go."""
        cuts = [cut_block(block, self._layout.images, outputs, STRETCH) for block in turn.blocks]
        own = [cuts[lane % len(cuts)].stretches for lane in range(turn.lanes)]
        items = [(lane, stretch) for lane, some in enumerate(own) for stretch in some]
        first = np.cumsum([0, *map(len, own)])[:-1].tolist()
        dealt = NoiseAssignment(self._stage, self._program, turn, cuts, first, work)
        subarray = number * self._parts
        held: dict[int, _Held] = {}

        def hold(begin: int, end: int) -> None:
            for item in range(begin, end):
                held[item] = self._hold(*items[item], subarray)

        spread(hold, len(items), work.threads)
        for batches in _steps(turn, self._stage):
            met = dealt.take(batches, len(items), work.threads)
            flips = np.zeros((len(items), 1), np.int64)
            some = partial(self._meet, held, turn, batches, met, work, values, flips)
            spread(some, len(items), work.threads)
            yield len(batches), int(flips.sum())

    def _meet(
        self,
        held: dict[int, _Held],
        turn: Turn,
        batches: range,
        met: list[list[Candidates]],
        work: Work,
        values: NDArray[Any],
        flips: NDArray[np.int64],
        begin: int,
        end: int,
    ) -> None:
        """Carry batches out, in order, in stretches ``begin`` to ``end``."""
        into = empty((self._read_out.recipe.slots, _words(STRETCH)), "rows read out")
        for item in range(begin, end):
            own = held[item]
            rows = own.tiles.data[0, 0]
            for batch, candidates in zip(batches, met[item], strict=True):
                if own.lane < len(turn.batches[batch]):
                    images = turn.batches[batch][own.lane]
                    self._load(own, images, work)
                    self._program.carry_out(rows, own.placed, noise(candidates), into, flips[item])
                    self._store(own, images, into, values)

    def _hold(self, lane: int, stretch: Stretch, first: int) -> _Held:
        """Write what stays in the rows of a stretch, in subarrays from number ``first`` on."""
        words = _words(stretch.columns)
        tiles = Tiles(stretch.columns, self._rows, parts=self._parts, tile_words=words)
        image_of, position_of = stretch.image_of, stretch.position_of
        outputs, output_of = stretch.outputs, stretch.output_of[None] - stretch.outputs.start
        one, where = np.zeros((1, 1), np.intp), np.zeros(stretch.columns, np.intp)
        for part, row, bits in self._same:
            held = bits[:, outputs].T[:, None].astype(np.uint8)
            load(tiles, Operands(held, one), output_of, where, part=part, first_row=row, threads=1)
        numbers = self._read_out.numbers
        if numbers is not None:
            of_position = np.arange(self._stage.windows.positions)[:, None]
            load(
                tiles,
                Operands(numbers.values[outputs], of_position, numbers.planes),
                output_of,
                position_of,
                first_row=numbers.row,
                threads=1,
            )
        sites = tuple(Site(lane, first + part) for part in range(self._parts))
        patch = Patch(stretch.columns, sites, stretch.first)
        placed = self._program.place([patch], words)
        return _Held(lane, stretch, image_of, position_of, tiles, placed)

    def _load(self, held: _Held, images: slice, work: Work) -> None:
        """Write the activations of images; columns of others get 0."""
        stage, stretch, count = self._stage, held.stretch, images.stop - images.start
        columns = np.where(held.image_of < count, held.image_of, -1)
        values, width = work.integers[images], stage.weights.shape[2]
        if stage.groups > 1:  # channels of a group, image by image, as images of their own
            group = stage.group_of[stretch.output_of]
            first, last = int(group[0]), int(group[-1]) + 1
            some = values[:, :, first * width : last * width]
            apart = some.reshape(count, -1, last - first, width).transpose(2, 0, 1, 3)
            values = apart.reshape(-1, *apart.shape[2:])
            columns = np.where(columns < 0, -1, columns + (group - first) * count)
        for part, chunk in enumerate(self._layout.plan.chunks):
            strings, pixels = patches(stage, values, chunk)
            load(
                held.tiles,
                Operands(strings, pixels, stage.planes, stage.pad),
                columns[None],
                held.position_of,
                part=part,
                threads=1,
            )

    def _store(self, held: _Held, images: slice, found: Words, values: NDArray[Any]) -> None:
        """Store what a batch gave."""
        stretch, every = held.stretch, self._stage.windows.positions
        inside, own = stretch.inside, stretch.block.positions
        used = min(inside.stop, (images.stop - images.start) * (own.stop - own.start))
        if used <= inside.start:
            return  # the last images leave columns over
        positions = held.position_of[: inside.stop - inside.start]
        given = self._read_out.values(found, stretch.outputs, positions)
        start = images.start * every + own.start
        into = values[start + inside.start : start + used, stretch.outputs]
        into[:] = given[:, : used - inside.start].T


def _words(columns: int) -> int:
    """Words of a row, whole vectors."""
    return -(-columns // _VECTOR_COLUMNS) * (_VECTOR_COLUMNS // 64)


def _steps(turn: Turn, stage: Stage) -> list[range]:
    """Batches that noise is drawn for at a time: about what is drawn together."""
    positions = stage.windows.positions
    size = max(1, block_width(positions) // _columns(turn, range(1), stage))
    return [range(some.start, some.stop) for some in cut(len(turn.batches), size)]


def _columns(turn: Turn, batches: range, stage: Stage) -> int:
    """Columns of an output that some batches bring, be they spread over several blocks."""
    images = [images for batch in batches for images in turn.batches[batch]]
    count: int = max(own.stop for own in images) - min(own.start for own in images)
    return count * stage.windows.positions
