"""Carrying a mapped stage out literally, row command by row command, in subarrays in lock-step.

Where counts are compared with checksums, outputs that fail are computed again when the turn is
done, by lanes with operands that are written anew, see :mod:`bnn.mapping.backends.repeats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.account import book, occupancy
from bnn.mapping.backends.repeats import Repeat, Repeats, repeated
from bnn.mapping.host_popcount import decide
from bnn.mapping.mapped_stage import ConstantRows, Count, MappedStage, OperandRows
from bnn.mapping.parity import Parities
from bnn.mapping.placement.fan_in import Chunk
from bnn.mapping.placement.placement import Block, Turn, cut
from bnn.mapping.stage_inputs import Result, StageInputs
from pimsim.bits import pack, unpack
from pimsim.dram.array.faults import Job, Site, block_width
from pimsim.dram.array.injection import Injector, Span
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.faulty.command_tape import Tape
from pimsim.executors.reference import carry_out
from pimsim.microprogram.row_program import Item, Write

Failed = dict[tuple[int, int], NDArray[np.bool_]]
"""By bank and output, columns (images, positions) whose checksum was wrong."""


def execute(mapped: MappedStage, work: StageInputs) -> Result:
    """Carry a stage out turn by turn, and book every command.

    The values are (images, positions, outputs): bits, or sums without thresholds.
    """
    placement = mapped.placement
    values = empty_values(mapped, work.images)
    sizes = [
        [list(placement.slots(t, len(images))) for images in t.batches] for t in placement.turns
    ]
    total, done, flips = sum(len(slots) for turn in sizes for slots in turn), 0, 0
    tape = None
    if mapped.system.faults is not None:
        tape = Tape(
            mapped.program.delivered()[0],
            Layout(mapped.rows, mapped.parts, mapped.system.address_map),
        )
    repeats: Repeats = {}
    for number, turn in enumerate(placement.turns):
        lanes = LiteralLanes(mapped, work, turn, range(turn.lanes), tape)
        failed: Failed = {}
        for images, slots in zip(turn.batches, sizes[number], strict=True):
            lanes.load(images)
            for some, outputs in slots:
                failed |= lanes.run(values, some, outputs)
                done += 1
                work.report(done, total)
            if work.checker is not None:
                work.checker.forget()
        flips += lanes.flips
        repeats[number] = []
        while failed and len(repeats[number]) < mapped.system.mitigation.retries:
            repeat = Repeat.of(failed)
            repeats[number].append(repeat)
            again = LiteralLanes(mapped, work, turn, repeat.lanes, tape, len(repeats[number]))
            again.load([turn.batches[0][lane] for lane in repeat.lanes])
            before, failed = failed, {}
            for some, outputs in repeat.slots():
                failed |= again.run(values, some, outputs, before)
    book(mapped, work.ledger, repeats=repeats)
    return Result(
        values.transpose(1, 2, 0),
        occupancy(mapped),
        flips=flips,
        repeated=repeated(repeats),
    )


def empty_values(mapped: MappedStage, images: int) -> NDArray[Any]:
    """Room for what a stage gives, (outputs, images, positions)."""
    stage = mapped.stage
    kind = np.int64 if stage.thresholds is None else np.uint8
    return np.empty((stage.outputs, images, stage.windows.positions), kind)


class LiteralLanes:
    """Subarrays of some banks in lock-step, with what stays in their rows and the faults they have.

    Args:
        mapped: the stage.
        work: its operands.
        turn: what the banks hold and compute.
        banks: which of them.
        tape: commands of every output, by which noise is counted; None where nothing goes wrong.
        attempt: how often the outputs have been computed before.
        parts: the subarrays, if something is in them; new ones if None.

    """

    def __init__(
        self,
        mapped: MappedStage,
        work: StageInputs,
        turn: Turn,
        banks: Sequence[int],
        tape: Tape | None = None,
        attempt: int = 0,
        *,
        parts: list[Subarray] | None = None,
    ) -> None:
        self._mapped, self._work, self._tape, self._attempt = mapped, work, tape, attempt
        self._banks, self._span = banks, mapped.placement.span(turn)
        self._blocks = [turn.block(bank) for bank in banks]
        self._images: Sequence[slice] = ()
        self.parts = parts or [
            mapped.system.subarrays(turn.columns, len(banks)) for _ in range(mapped.parts)
        ]
        self._injectors = [] if tape is None else [
            self._injector(part, turn.first + part) for part in range(mapped.parts)
        ]  # fmt: skip
        self._parities: dict[int, Parities] = {}
        self._write(mapped.program.phases["weights"], None)

    @property
    def flips(self) -> int:
        """How often noise struck."""
        return sum(injector.flips for injector in self._injectors)

    def load(self, images: Sequence[slice], *, write: bool = True) -> None:
        """Take images, those of each lane, and write their operands; the first lanes take part."""
        self._images = images
        self._parities.clear()
        if not write:
            return
        whole = len(images) == len(self._blocks)
        self._write(
            self._mapped.program.phases["inputs"], None if whole else np.arange(len(images))
        )

    def run(
        self,
        values: NDArray[Any],
        lanes: Lanes,
        outputs: NDArray[np.intp],
        only: Failed | None = None,
    ) -> Failed:
        """Run the program for an output a lane, and store what it gives.

        Args:
            values: of the stage, (outputs, images, positions).
            lanes: which take part.
            outputs: (lanes,) of the program.
            only: columns of each output that are stored; all if None.

        Returns:
            what failed of the columns, or of those in ``only``.

        """
        mapped, every = self._mapped, self.parts[0].lanes
        for lane, output in zip(lanes.tolist(), outputs.tolist(), strict=True):
            self._begin(lane, output)
        found = carry_out(
            mapped.program.items,
            self.parts,
            outputs,
            None if len(lanes) == every else lanes,
            self._span,
            by_host=mapped.system.moves == "host",
        )
        read = {number: unpack(words, self.parts[0].columns) for number, words in found.items()}
        failed: Failed = {}
        for number, (lane, output) in enumerate(zip(lanes.tolist(), outputs.tolist(), strict=True)):
            own = {row: self._own(lane, bits[number]) for row, bits in read.items()}
            key = self._banks[lane], output
            mask = None if only is None else only[key]
            self._give(values, lane, output, own, mask)
            wrong = self._wrong(lane, output, own)
            if mask is not None:
                wrong &= mask
            if wrong.any():
                failed[key] = wrong
        return failed

    # -- inside ------------------------------------------------------------------------------

    def _own(self, lane: int, columns: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(outputs, images, positions) of a lane; rows have columns left over."""
        images = self._images[lane]
        shape = self._mapped.placement.shape(self._blocks[lane])
        own: NDArray[np.uint8] = columns[: int(np.prod(shape))].reshape(shape)
        return own[:, : images.stop - images.start]

    def _outputs(self, lane: int, output: int) -> slice:
        """Outputs of the stage that a lane computes."""
        side_by_side = self._mapped.placement.side_by_side
        return self._blocks[lane].outputs if side_by_side else slice(output, output + 1)

    def _give(
        self,
        values: NDArray[Any],
        lane: int,
        output: int,
        rows: dict[int, NDArray[np.uint8]],
        mask: NDArray[np.bool_] | None,
    ) -> None:
        """Store what a lane gives, from its rows (outputs, images, positions)."""
        mapped, block, images = self._mapped, self._blocks[lane], self._images[lane]
        outputs, back = self._outputs(lane, output), self._mapped.readback
        sums = {}
        for count in back.counts:
            sums[count.place] = own = self._sum(count, outputs, lane, rows)
            if self._work.checker is not None and count.seen:
                first = mapped.first_output
                place = slice(first + outputs.start, first + outputs.stop)
                self._work.checker.compare(images, count.place, place, own, block.positions)
            if count.given:
                given: NDArray[Any] = own
        if back.result is not None:
            given = rows[back.result]
        elif back.on_host and mapped.stage.thresholds is not None:
            given = decide(mapped.stage, list(sums.values()), outputs, block.positions)
        if mask is not None:
            given = np.where(mask, given, values[outputs, images, block.positions])
        values[outputs, images, block.positions] = given

    def _sum(
        self, count: Count, outputs: slice, lane: int, rows: dict[int, NDArray[np.uint8]]
    ) -> NDArray[np.int64]:
        """Sums as the reference has them, of bits (outputs, images, positions) by row."""
        block, images = self._blocks[lane], self._images[lane]
        constant = count.constant[outputs, None]
        constant = constant[:, :, block.positions] if constant.shape[2] > 1 else constant
        shape = len(constant), images.stop - images.start, block.size[1]
        total = np.zeros(shape, np.int64)
        for exponent, number in count.bits:
            bits = rows[number]
            if count.inverted is not None:
                bits = bits ^ count.inverted[exponent, outputs, None, None]
            total += bits.astype(np.int64) << exponent
        return self._mapped.readback.scale * total + constant

    def _wrong(
        self, lane: int, output: int, rows: dict[int, NDArray[np.uint8]]
    ) -> NDArray[np.bool_]:
        """Columns (images, positions) in which a row is not what the host knows it must be."""
        wrong = np.zeros((1, 1), np.bool_)
        images, block = self._images[lane], self._blocks[lane]
        for number, place, check in self._mapped.readback.checks:
            if images.start not in self._parities:
                own = self._work.integers[images]
                self._parities[images.start] = Parities(self._mapped.stage, own)
            parities = self._parities[images.start]
            expected = parities.bits(check, place, output, block.positions)
            wrong = wrong | (rows[number][0] != expected)
        return wrong

    def _injector(self, part: int, number: int) -> Injector:
        """Give a part, subarray ``number`` of its banks, the faults that it has."""
        faults, where = self._mapped.system.faults, self._mapped.placement.where
        if faults is None:
            raise ValueError("there must be faults to inject")
        columns = self.parts[part].columns
        sites = [Site(bank, number) for bank in self._mapped.banks(part, self._banks)]
        own = None if where is None else where[list(self._banks), :columns]
        injector = Injector(faults, sites, columns, own)
        self.parts[part].inject(injector)
        return injector

    def _begin(self, lane: int, output: int) -> None:
        """Let a lane begin with an output of the program."""
        stage, block, images = self._mapped.stage, self._blocks[lane], self._images[lane]
        positions, outputs = stage.windows.positions, self._outputs(lane, output)
        _, together, own = self._mapped.placement.shape(block)
        start = images.start * positions + block.positions.start
        used = (images.stop - images.start) * own
        for part, injector in enumerate(self._injectors):
            spans = []
            for number, each in enumerate(range(outputs.start, outputs.stop)):
                job = Job(stage.index, self._mapped.first_output + each, part, self._attempt)
                place = number * together * own
                spans.append(Span(job, place, start, used, block_width(positions)))
            if self._tape is not None:
                injector.begin([lane], [spans], self._tape.events(output, part))

    def _write(self, items: Sequence[Item], lanes: Lanes | None) -> None:
        """Write rows of all lanes, or of some."""
        blocks = self._blocks if lanes is None else [self._blocks[lane] for lane in lanes]
        for item in items:
            match item:
                case Write(rows, part, ConstantRows(bits)):
                    self._fill(
                        part, rows, [self._constants(bits, block) for block in blocks], lanes
                    )
                case Write(rows, part, OperandRows(chunk, of_group)):
                    size = chunk.width * self._mapped.stage.planes
                    places = range(chunk.places.start, chunk.places.stop)
                    for place, some in zip(places, cut(len(rows), size), strict=True):
                        held: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
                        keys = []
                        for lane, block in enumerate(blocks):
                            images, first = self._images[lane], block.outputs.start * of_group
                            keys.append((images.start, block.positions.start, first))
                            if keys[-1] not in held:
                                held[keys[-1]] = self._operands(chunk, place, lane, of_group)
                        self._fill(part, rows[some], [held[key] for key in keys], lanes)
                case _:
                    raise ValueError(f"rows must be written before computing, not {item}")

    def _fill(
        self,
        part: int,
        rows: Sequence[int],
        bits: Sequence[NDArray[np.uint8]],
        lanes: Lanes | None,
    ) -> None:
        """Write bits (rows, columns) of each lane; columns that are left over get 0."""
        held = np.zeros((len(rows), len(bits), self.parts[part].columns), np.uint8)
        for lane, own in enumerate(bits):
            held[:, lane, : own.shape[1]] = own
        for row, words in zip(rows, held, strict=True):
            self.parts[part].write(row, pack(words), self._span, lanes)

    def _constants(self, bits: NDArray[np.bool_], block: Block) -> NDArray[np.uint8]:
        """Bits (rows, columns) of a block."""
        if bits.shape[1] > 1:
            bits = bits[:, block.outputs]
        if bits.shape[2] > 1:
            bits = bits[:, :, block.positions]
        whole = np.broadcast_to(bits[:, :, None], (len(bits), *self._mapped.placement.shape(block)))
        return whole.reshape(len(bits), -1).astype(np.uint8)

    def _operands(self, chunk: Chunk, place: int, lane: int, of_group: bool) -> NDArray[np.uint8]:
        """Bits (rows, columns) of a lane's operands at a place of the patch, channel by channel."""
        stage, block, images = self._mapped.stage, self._blocks[lane], self._images[lane]
        pixels = stage.windows.pixels[block.positions, place]
        values = self._work.integers[images][:, pixels]
        values[:, pixels < 0] = stage.pad
        shape = self._mapped.placement.shape(block)
        groups = stage.group_of[block.outputs] if of_group else np.zeros(1, np.intp)
        first = groups[:, None] * stage.weights.shape[2]
        channels = first + np.arange(chunk.channels.start, chunk.channels.stop)
        held = np.zeros((chunk.width, *shape), np.uint32)
        held[:, :, : images.stop - images.start] = values[:, :, channels].transpose(3, 2, 0, 1)
        planes = np.arange(stage.planes, dtype=np.uint32)[:, None]
        bits: NDArray[np.uint8] = (held.reshape(chunk.width, 1, -1) >> planes & 1).astype(np.uint8)
        return bits.reshape(chunk.width * stage.planes, -1)
