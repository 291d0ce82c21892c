"""Columns of resident weights through the literal interpreter, where commands can go wrong.

Batch after batch streams past the same rows, and what a wrong command leaves behind in them is met
by all batches that follow. So a stretch of a row is carried out batch by batch, in order; stretches
have nothing to do with one another, be they of one lane or of several. Some at a time are held, so
that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.backends.compiled.side_by_side import as_operands, patches, writes
from bnn.mapping.backends.faulty.cache_blocks import CacheBlock, cut_block
from bnn.mapping.backends.faulty.noise import NoiseAssignment
from bnn.mapping.backends.repeats import Repeats
from bnn.mapping.host_popcount import decide
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.placement.placement import Turn, cut
from bnn.mapping.readback import Reader
from bnn.mapping.stage_inputs import StageInputs
from bnn.values.bitstrings import Values
from pimsim.bits import Words, unpack
from pimsim.dram.array.faults import Faults, Site, block_width
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.compiled.run.write_integers import Operands, load
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.faulty.program import Candidates, Patch, Placed, Program, noise

MEMORY_BYTES = 256 << 20
"""Rows held at a time, about."""
CANDIDATES = 1 << 22
"""Places where noise may strike that are drawn at a time, about."""
STRETCH = 8192
"""Columns of a stretch, at most."""

_VECTOR_COLUMNS = 512


class _Held(NamedTuple):
    """A stretch of a lane, and its rows."""

    lane: int
    stretch: CacheBlock
    image_of: NDArray[np.intp]
    """``(columns,)`` which of the images that share the row."""
    position_of: NDArray[np.intp]
    """``(columns,)`` position of the stage."""
    tiles: Tiles
    placed: Placed


class FaultySideBySide:
    """A mapped stage whose outputs lie side by side, ready to be carried out with faults.

    Raises InputError if the failure table lacks what the commands need.
    """

    def __init__(self, mapped: MappedStage, faults: Faults) -> None:
        self._stage, self._mapped = mapped.stage, mapped
        program, slots = mapped.program.delivered()
        self._reader, self._slots = Reader(mapped, slots), program.slots
        layout = Layout(mapped.rows, mapped.parts, mapped.system.address_map)
        self._program = Program(Tape(program, layout), faults)
        self._operands, self._constants = writes(mapped)

    def run(self, work: StageInputs) -> tuple[Values, int, Repeats]:
        """Values (images, positions, outputs), how often noise struck, and no repeats.

        The values are bits, or sums without thresholds. Nothing is computed again here: no
        mapping that lays outputs side by side has checksums.
        """
        stage, positions = self._stage, self._stage.windows.positions
        kind = np.int64 if stage.thresholds is None else np.uint8
        values: NDArray[Any] = np.empty((work.images * positions, stage.outputs), kind)
        shares = [
            (turn, outputs)
            for turn in self._mapped.placement.turns
            for outputs in self._share(turn)
        ]
        total, done, flips = sum(len(turn.batches) for turn, _ in shares), 0, 0
        for turn, outputs in shares:
            for batches, struck in self._carry_out(turn, outputs, work, values):
                done, flips = done + batches, flips + struck
                work.report(done, total)
        shaped: Values = values.reshape(work.images, positions, stage.outputs)
        return shaped, flips, {}

    # -- inside ------------------------------------------------------------------------------

    def _share(self, turn: Turn) -> Iterator[slice]:
        """Outputs of every block that are held together."""
        program = self._program
        most = max(block.outputs.stop - block.outputs.start for block in turn.blocks)
        rows = turn.lanes * turn.columns / most * program.tape.layout.places / 8
        columns = _columns(turn, _steps(turn, self._stage)[0], self._stage)
        drawn = len(turn.blocks) * columns * program.candidates_per_column()
        held = min(MEMORY_BYTES / rows, CANDIDATES / max(drawn, 1.0))
        yield from cut(most, max(1, int(min(held, most))))

    def _carry_out(
        self, turn: Turn, outputs: slice, work: StageInputs, values: NDArray[Any]
    ) -> Iterator[tuple[int, int]]:
        """Compute some outputs of every block; yield how many batches, and flips, as they go."""
        cuts = [
            cut_block(block, self._mapped.placement.images, outputs, STRETCH)
            for block in turn.blocks
        ]
        own = [cuts[lane % len(cuts)].stretches for lane in range(turn.lanes)]
        items = [(lane, stretch) for lane, some in enumerate(own) for stretch in some]
        first = np.cumsum([0, *map(len, own)])[:-1].tolist()
        dealt = NoiseAssignment(self._mapped, self._program, turn, cuts, first, work)
        held: dict[int, _Held] = {}

        def hold(begin: int, end: int) -> None:
            for item in range(begin, end):
                held[item] = self._hold(*items[item], turn.first)

        spread(hold, len(items), work.threads)
        for batches in _steps(turn, self._stage):
            met = dealt.take(batches, len(items), work.threads)
            flips = np.zeros((len(items), 1), np.int64)

            def meet(
                begin: int,
                end: int,
                batches: range = batches,
                met: list[list[Candidates]] = met,
                flips: NDArray[np.int64] = flips,
            ) -> None:
                """Carry batches out, in order, in stretches ``begin`` to ``end``."""
                into = empty((self._slots, _words(STRETCH)), "rows read out")
                for item in range(begin, end):
                    own = held[item]
                    rows = own.tiles.data[0]
                    for batch, candidates in zip(batches, met[item], strict=True):
                        if own.lane < len(turn.batches[batch]):
                            images = turn.batches[batch][own.lane]
                            self._load(own, images, work)
                            struck = noise(candidates)
                            self._program.carry_out(rows, own.placed, struck, into, flips[item])
                            self._store(own, images, into, values)

            spread(meet, len(items), work.threads)
            yield len(batches), int(flips.sum())

    def _hold(self, lane: int, stretch: CacheBlock, first: int) -> _Held:
        """Write what stays in the rows of a stretch, in subarrays from number ``first`` on."""
        words = _words(stretch.columns)
        tiles = Tiles(
            stretch.columns,
            self._mapped.rows,
            parts=self._mapped.parts,
            tile_words=words,
            address_map=self._mapped.system.address_map,
        )
        image_of, position_of = stretch.image_of, stretch.position_of
        outputs, output_of = stretch.outputs, stretch.output_of - stretch.outputs.start
        for row, part, bits in self._constants:
            same = bits.shape[2] == 1
            of_column = np.zeros_like(position_of) if same else position_of
            numbers = as_operands(bits[:, outputs])
            load(tiles, numbers, output_of, of_column, part=part, first_row=row, threads=1)
        sites = tuple(Site(lane, first + part) for part in range(self._mapped.parts))
        patch = Patch(stretch.columns, sites, stretch.first)
        placed = self._program.place([patch], words)
        return _Held(lane, stretch, image_of, position_of, tiles, placed)

    def _load(self, held: _Held, images: slice, work: StageInputs) -> None:
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
        for first_row, part, chunk in self._operands:
            strings, pixels = patches(stage, values, chunk)
            load(
                held.tiles,
                Operands(strings, pixels, stage.planes, stage.pad),
                columns,
                held.position_of,
                part=part,
                first_row=first_row,
                threads=1,
            )

    def _store(self, held: _Held, images: slice, found: Words, values: NDArray[Any]) -> None:
        """Store rows (slots, words) of a batch as values (images * positions, outputs)."""
        stretch, every = held.stretch, self._stage.windows.positions
        inside, own = stretch.inside, stretch.block.positions
        used = min(inside.stop, (images.stop - images.start) * (own.stop - own.start))
        if used <= inside.start:
            return  # the last images leave columns over
        positions = held.position_of[: inside.stop - inside.start]
        given = self._values(found, stretch.outputs, positions)
        start = images.start * every + own.start
        into = values[start + inside.start : start + used, stretch.outputs]
        into[:] = given[:, : used - inside.start].T

    def _values(
        self, found: Words, outputs: slice, positions: NDArray[np.intp]
    ) -> NDArray[np.integer[Any]]:
        """Bits, or sums without thresholds, (outputs, positions).

        Args:
            found: (slots, words) rows read out, output after output.
            outputs: of the stage.
            positions: of the columns of each.

        """
        shape = outputs.stop - outputs.start, len(positions)
        columns, back = shape[0] * shape[1], self._mapped.readback
        if back.result is not None:
            row = found[self._reader.slots[back.result]]
            return unpack(row[None], columns).reshape(shape)
        sums = [
            self._reader.scaled(count, found[None], columns, 1).reshape(shape)
            + count.constant[outputs][:, positions]
            for count in back.counts
        ]
        if self._stage.thresholds is None:
            return sums[0]
        return decide(self._stage, [own[:, None] for own in sums], outputs, positions)[:, 0]


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
