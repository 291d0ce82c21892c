"""Carrying out a mapped stage literally, command by command, in subarrays in lock-step.

If counts are compared with checksums, outputs that fail are computed again at the end of the turn;
before that, operands are written again in their lanes, see :mod:`bnn.backends.retries`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.backends.retries import Carried, Repeat, Repeats
from bnn.backends.stream_rows import StreamRows
from bnn.mapped.mapped_stage import (
    ConstantRows,
    MappedStage,
    OperandRows,
    StageInputs,
    SumRows,
    those_checked,
)
from bnn.mapped.parity import Flags, Parities
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.placement import Block, Turn, cut
from bnn.mapped.readback import Reader, ReadOut
from pimsim.bits import Words, pack, words_for
from pimsim.dram.array.faults import Job, Site, block_width
from pimsim.dram.array.injection import Events, Injector, Span
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.reference import carry_out
from pimsim.microprogram.row_program import Item, Write

Failed = dict[tuple[int, int], Flags]
"""Columns (images, positions) whose checksum was wrong, by bank and output (or stream)."""


Parts = list[Subarray]
"""The subarrays of each part, a lane for each bank."""

HandOn = Callable[[Parts, Lanes, NDArray[np.intp]], None]
"""Called when lanes have computed their outputs; passes the results on in DRAM."""

EventsOf = Callable[[int, int], Events]
"""Accesses of each kind of an output of the program, or of a stream, in a part."""

Prepared = Callable[[int], tuple[Parts | None, HandOn | None]]
"""Called with the number of a turn; gives the subarrays that hold its operands, if there are some,
and what passes its results on."""


def execute(mapped: MappedStage, work: StageInputs, prepared: Prepared | None = None) -> Carried:
    """Carry a stage out turn by turn.

    Args:
        mapped: the stage.
        work: its operands.
        prepared: what its subarrays hold, and pass on; None for a stage outside a chain.

    """
    stage, placement, turns = mapped.stage, mapped.placement, mapped.placement.turns
    kind = np.int64 if stage.thresholds is None else np.uint8
    values: NDArray[Any] = np.empty((stage.outputs, work.images, stage.windows.positions), kind)
    sizes = [[list(placement.slots(t, len(images))) for images in t.batches] for t in turns]
    total, done, flips = sum(len(slots) for turn in sizes for slots in turn), 0, 0
    events = _events(mapped) if mapped.system.faults is not None else None
    repeats: Repeats = {}
    for number, turn in enumerate(turns):
        held, hand_on = prepared(number) if prepared is not None else (None, None)
        lanes = LiteralLanes(mapped, work, turn, range(turn.lanes), events, parts=held)
        failed: Failed = {}
        for images, slots in zip(turn.batches, sizes[number], strict=True):
            lanes.load(images, write=held is None)
            for some, outputs in slots:
                failed |= lanes.run(values, some, outputs)
                if hand_on is not None:
                    hand_on(lanes.parts, some, outputs)
                done += 1
                work.report(done, total)
        flips += lanes.flips
        repeats[number] = []
        while failed and len(repeats[number]) < mapped.system.mitigation.retries:
            repeat = Repeat.of(failed)
            repeats[number].append(repeat)
            again = LiteralLanes(mapped, work, turn, repeat.lanes, events, len(repeats[number]))
            again.load([turn.batches[0][lane] for lane in repeat.lanes])
            before, failed = failed, {}
            for some, outputs in repeat.slots():
                failed |= again.run(values, some, outputs, before)
    return values.transpose(1, 2, 0), flips, repeats


def _events(mapped: MappedStage) -> EventsOf:
    layout = Layout(mapped.rows, mapped.parts, mapped.system.address_map)
    if mapped.streams is not None:
        from pimsim.executors.faulty.streams import StreamEvents

        return StreamEvents(mapped.streams, layout)
    from pimsim.executors.faulty.command_tape import Tape

    return Tape(mapped.program.delivered()[0], layout).events


class LiteralLanes:
    """Subarrays of some banks in lock-step, with the contents of their rows and their faults.

    Args:
        mapped: the stage.
        work: its operands.
        turn: what the banks hold and compute.
        banks: which of them.
        events: by which noise is counted; None where nothing goes wrong.
        attempt: how often the outputs have been computed before.
        parts: the subarrays, if something is in them; new ones if None.

    """

    def __init__(
        self,
        mapped: MappedStage,
        work: StageInputs,
        turn: Turn,
        banks: Sequence[int],
        events: EventsOf | None = None,
        attempt: int = 0,
        *,
        parts: Parts | None = None,
    ) -> None:
        self._mapped, self._work, self._events, self._attempt = mapped, work, events, attempt
        self._reader = Reader(mapped, mapped.program.delivered(looking=True)[1])
        self._banks, self._span = banks, mapped.placement.span(turn)
        self._blocks = [turn.block(bank) for bank in banks]
        self._images: Sequence[slice] = ()
        self.parts = parts or [
            mapped.system.subarrays(turn.columns, len(banks)) for _ in range(mapped.parts)
        ]
        self._injectors: list[Injector] = []
        faults, where = mapped.system.faults, mapped.placement.where
        for part, subarray in enumerate(self.parts):
            if faults is None:
                break
            sites = [Site(bank, turn.first + part) for bank in mapped.banks(part, banks)]
            own = None if where is None else where[list(banks), : turn.columns]
            injector = Injector(faults, sites, turn.columns, own, stage=mapped.stage.index)
            subarray.inject(injector)
            self._injectors.append(injector)
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
        if write:
            some = None if len(images) == len(self._blocks) else np.arange(len(images))
            self._write(self._mapped.program.phases["inputs"], some)

    def run(
        self,
        values: NDArray[Any],
        lanes: Lanes,
        outputs: NDArray[np.intp],
        only: Failed | None = None,
    ) -> Failed:
        """Run the program, each lane for its own output, and store the results.

        Args:
            values: of the stage, (outputs, images, positions).
            lanes: which take part.
            outputs: (lanes,) of the program.
            only: columns of each output that are stored; all if None.

        Returns:
            the columns that failed, among all or among those in ``only``.

        """
        mapped, every = self._mapped, self.parts[0].lanes
        if mapped.streams is not None:
            return self._run_streams(values, lanes, outputs, only)
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
        words = np.zeros((len(lanes), len(found), words_for(self.parts[0].columns)), np.uint64)
        for number, rows in found.items():
            words[:, self._reader.slots[number]] = rows
        failed: Failed = {}
        for rows, lane, output in zip(words, lanes.tolist(), outputs.tolist(), strict=True):
            key, read = (self._banks[lane], output), self._read(lane, output, rows)
            mask = None if only is None else only[key]
            self._give(values, lane, read, mask)
            wrong = self._wrong(lane, read)
            if mask is not None:
                wrong &= mask
            if wrong.any():
                failed[key] = wrong
        return failed

    def _run_streams(
        self,
        values: NDArray[Any],
        lanes: Lanes,
        groups: NDArray[np.intp],
        only: Failed | None,
    ) -> Failed:
        """Run the streams of lanes, and store their bits or sums; return what failed."""
        failed: Failed = {}
        mapped, checker, first = self._mapped, self._work.checker, self._mapped.first_output
        if mapped.streams is None or mapped.sums is None:
            raise ValueError("a mapped stage must have streams")
        for lane, group in zip(lanes.tolist(), groups.tolist(), strict=True):
            stream, images = mapped.streams[group], self._images[lane]
            self._begin(lane, group)
            found = carry_out(
                stream.program.items, self.parts, np.zeros(1, np.intp), np.array([lane]),
                self._span, by_host=mapped.system.moves == "host",
            )  # fmt: skip
            shape = mapped.placement.shape(self._blocks[lane])
            words = np.concatenate([np.zeros((0, words_for(self.parts[0].columns)), np.uint64),
                                    *found.values()])  # fmt: skip
            rows = StreamRows(mapped, stream, words, shape, looking=True)
            own, positions = images.stop - images.start, self._blocks[lane].positions
            key = self._banks[lane], group
            mask = None if only is None else only[key]
            for number, (output, given) in enumerate(
                zip(stream.outputs, rows.given(), strict=True)
            ):
                some = given[:own]
                if mask is not None:
                    some = np.where(mask >> number & 1, some, values[output, images, positions])
                values[output, images, positions] = some
            if checker is not None:
                for window, sums in enumerate(rows.sums()):
                    for output, each in zip(stream.outputs, sums[:, None], strict=True):
                        at, place = slice(first + output, first + output + 1), window
                        place %= stream.places
                        shown = those_checked(checker, images, each[:, :own])
                        checker.compare(shown[0], place, at, shown[1], positions)
            if mapped.checks is not None:
                wrong = rows.wrong(self._known(images), positions)
                if mask is not None:
                    wrong &= mask
                if wrong.any():
                    failed[key] = wrong
        return failed

    # -- inside ------------------------------------------------------------------------------

    def _outputs(self, lane: int, output: int) -> NDArray[np.intp]:
        """Outputs of the stage that a lane computes; the first of those of a stream."""
        if self._mapped.streams is not None:
            return np.array(self._mapped.streams[output].outputs[:1])
        if not self._mapped.placement.side_by_side:
            return np.array([output])
        outputs = self._blocks[lane].outputs
        return np.arange(outputs.start, outputs.stop)

    def _read(self, lane: int, output: int, rows: Words) -> ReadOut:
        """The rows (slots, words) read out of a lane, with what their columns stand for."""
        positions, outputs = self._blocks[lane].positions, self._outputs(lane, output)
        shape = self._mapped.placement.shape(self._blocks[lane])
        every = np.arange(positions.start, positions.stop)
        return ReadOut(rows[None], shape, outputs[:, None, None], every)

    def _give(
        self, values: NDArray[Any], lane: int, read: ReadOut, mask: NDArray[np.bool_] | None
    ) -> None:
        """Store what a lane gives."""
        positions, images = self._blocks[lane].positions, self._images[lane]
        own, checker = slice(images.stop - images.start), self._work.checker
        outputs = slice(read.output.item(0), read.output.item(-1) + 1)
        for count in self._mapped.readback.counts:
            if checker is not None and count.seen:
                first = self._mapped.first_output
                some = slice(first + outputs.start, first + outputs.stop)
                shown = those_checked(checker, images, self._reader.sums(count, read)[:, own])
                checker.compare(shown[0], count.place, some, shown[1], positions)
        given = self._reader.given(read).reshape(read.shape)[:, own]
        if mask is not None:
            given = np.where(mask, given, values[outputs, images, positions])
        values[outputs, images, positions] = given

    def _wrong(self, lane: int, read: ReadOut) -> NDArray[np.bool_]:
        """Columns (images, positions) in which a row is not what the host expects."""
        if not self._mapped.readback.checks:
            return np.zeros((1, 1), np.bool_)
        wrong: NDArray[np.bool_] = self._reader.wrong(read, self._known(self._images[lane]))[0]
        return wrong

    def _known(self, images: slice) -> Parities:
        """Parities of the operands of some images."""
        if images.start not in self._parities:
            own = self._work.integers[images]
            self._parities[images.start] = Parities(self._mapped.operands_of, own)
        return self._parities[images.start]

    def _begin(self, lane: int, output: int) -> None:
        """Let a lane begin with an output of the program."""
        stage, block, images = self._mapped.stage, self._blocks[lane], self._images[lane]
        positions, outputs = stage.windows.positions, self._outputs(lane, output).tolist()
        _, together, own = self._mapped.placement.shape(block)
        start = images.start * positions + block.positions.start
        used = (images.stop - images.start) * own
        for part, injector in enumerate(self._injectors):
            spans = []
            for number, each in enumerate(outputs):
                job = Job(stage.index, self._mapped.first_output + each, part, self._attempt)
                place = number * together * own
                spans.append(Span(job, place, start, used, block_width(positions)))
            if self._events is not None:
                injector.begin([lane], [spans], self._events(output, part))

    def _write(self, items: Sequence[Item], lanes: Lanes | None) -> None:
        """Write rows of all lanes, or of some."""
        blocks = self._blocks if lanes is None else [self._blocks[lane] for lane in lanes]
        for item in items:
            match item:
                case Write(rows, part, ConstantRows(bits)):
                    self._fill(
                        part, rows, [self._constants(bits, block) for block in blocks], lanes
                    )
                case Write(rows, part, OperandRows(chunk, of_group) as own):
                    planes = own.planes or range(self._mapped.stage.planes)
                    size = chunk.width * len(planes)
                    every_place = zip(own.patch, cut(len(rows), size), strict=True)
                    for number, (place, some) in enumerate(every_place):
                        held: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
                        keys = []
                        for lane, block in enumerate(blocks):
                            images, first = self._images[lane], block.outputs.start * of_group
                            keys.append((images.start, block.positions.start, first))
                            if keys[-1] not in held:
                                every = self._operands(chunk, place, lane, of_group)
                                if own.complemented is not None:
                                    every ^= own.complemented[number][:, None, None]
                                held[keys[-1]] = every[:, planes].reshape(size, -1)
                        self._fill(part, rows[some], [held[key] for key in keys], lanes)
                case Write(rows, part, SumRows() as own):
                    numbers = [self._sum(own, lane) for lane in range(len(blocks))]
                    digits = np.arange(len(rows))[:, None]
                    held_bits = [(each >> digits & 1).astype(np.uint8) for each in numbers]
                    self._fill(part, rows, held_bits, lanes)
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
        """Bits (channels, planes, columns) of a lane's operands at one place of the patch."""
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
        return bits

    def _sum(self, own: SumRows, lane: int) -> NDArray[np.int64]:
        """``(columns,)`` multiples of sums of a lane's operands."""
        stage, every = self._mapped.stage, slice(0, self._mapped.stage.weights.shape[2])
        total, worth = np.zeros(1, np.int64), np.int64(1) << np.arange(stage.planes)[:, None]
        for place in stage.windows.taps[own.place].tolist():
            bits = self._operands(Chunk(every, slice(place, place + 1)), place, lane, of_group=True)
            total = total + (bits * worth).sum(axis=(0, 1))
        return total * own.factor
