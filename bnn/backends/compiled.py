"""A mapped stage as vector code: all columns at once, and only values.

Columns do not affect one another. So it does not matter which of them share a DRAM row, or in which
order they are computed, and nothing here knows of banks, time or faults. Images are taken a few at
a time, so memory stays bounded.

Outputs that banks compute in turn run in the same columns, while a tile of these columns stays in
the processor's cache. Outputs that lie side by side usually differ only in rows that are the same
in all columns of an output. They are then computed in turn, too: a thread fills a tile once, and
writes only these rows anew for each output. Otherwise outputs have columns of their own, and one
block of outputs after the other is computed on the loaded images.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bnn.backends.stage_rows import Columns, StageRows
from bnn.backends.stage_strings import StageStrings
from bnn.mapped.mapped_stage import Checker, MappedStage, those_checked
from bnn.mapped.placement.placement import cut
from bnn.mapped.readback import Reader, ReadOut, decide
from bnn.values.bitstrings import BitStrings, Pictures, Values
from bnn.values.encoding import Integers
from bnn.values.linear import LinearSums
from pimsim.bits import Words
from pimsim.executors.compiled.codegen.emit import why_not
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run.in_turn import InTurn
from pimsim.executors.compiled.run.read_rows import strings
from pimsim.executors.compiled.run.run import prepare, run
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty

MEMORY_BYTES = 64 << 20
"""Approximate bytes of rows and results held at a time, so that they stay in the cache."""

_WORD = 64
_VECTOR = 512
_MOST_WASTED = 1.5
"""Outputs take turns only if whole vectors have at most this many times the columns that are used.
Taking turns takes about half the time."""


class CompiledStage:
    """A mapped stage, compiled for all of its columns.

    Args:
        mapped: the stage.
        images: images that will be run, so that no more columns are made than they need.
        looking: read every sum out, for :meth:`run` to have them checked.

    """

    def __init__(self, mapped: MappedStage, images: int, *, looking: bool = False) -> None:
        self._mapped, stage = mapped, mapped.stage
        program, slots = mapped.program.delivered(looking=looking)
        self._reader = Reader(mapped, slots)
        self._counts = [
            count
            for count in mapped.readback.counts
            if self._reader.held(count) and (looking or count.given or mapped.readback.on_host)
        ]
        apart, columns = mapped.placement.side_by_side, stage.windows.positions
        kept = len(self._counts) if mapped.readback.on_host else min(len(self._counts), 1)
        column = mapped.rows * mapped.parts / 8
        results = stage.outputs * (program.slots / 8 + 4 * kept)
        most = max(1, int(MEMORY_BYTES / (columns * (column + results))))
        self.images = _even(images, most)
        """Images that are run at a time."""
        layout = Layout(mapped.rows, mapped.parts, mapped.system.address_map)
        self.compiled = compile_program(program, layout)
        self._strings = StageStrings(mapped)
        in_turn = apart and self._may_turn(self.images * columns)
        self._words = _words(self.images * columns, sparing=apart and not in_turn)
        left = 0.0 if in_turn else MEMORY_BYTES / (self._words * _WORD) - results
        self.outputs = _even(stage.outputs, max(1, int(left / column))) if apart else stage.outputs
        """Outputs of a block, the last of which may be smaller."""
        self._blocks = cut(stage.outputs, self.outputs)
        self._copies = self.outputs if apart else 1
        self._tiles = Tiles(
            self._copies * self._words * _WORD,
            layout.rows,
            parts=layout.parts,
            together=None if in_turn else self.compiled.rows_together,
            address_map=layout.map,
        )
        prepare(self.compiled, self._tiles)
        outputs = stage.outputs if in_turn else program.outputs
        self._read = empty((outputs, program.slots, self._tiles.words), "rows read out")
        self._read.fill(0)  # so that its memory is there when it is needed
        self._rows = self._of_block(self._blocks[0])
        self._in_turn: InTurn | None = None
        if in_turn:
            own = self._rows.own_rows(stage.outputs)
            self._in_turn = InTurn(self.compiled, self._tiles, own)
            self._in_turn.run(self._rows.loads(self._strings.blank(self.images)), self._read)
        else:
            self._rows.load(self._strings.blank(self.images))
            self._rows.write_constants(self._blocks[0])
        self._held = self._in_rows(program.slots) if looking else []
        """How rows hold the sums that are looked at, place by place; empty if rows do not hold
        them."""
        self.check_s = 0.0
        """Wall time that the last run spent on showing sums to a checker."""
        self._warm()

    def _in_rows(self, slots: int) -> list[LinearSums]:
        """See :meth:`bnn.mapped.mapped_stage.Checker.compare_rows`."""
        seen = [count for count in self._counts if count.seen]
        places = [count.place for count in seen]
        offsets = self._mapped.stage.windows.offsets
        found = [self._reader.linear(count, slots) for count in seen]
        linear = [sums for sums in found if sums is not None]
        rounds = len(seen) // offsets
        if len(linear) < len(seen) or places != list(range(offsets)) * rounds:
            return []
        return linear

    def _may_turn(self, columns: int) -> bool:
        """Whether outputs may take turns on the columns of one, and enough of a vector is used."""
        loaded = [*(rows for rows, _ in self._strings.operands), *self._strings.sums]
        filled = _words(columns, sparing=False) * _WORD <= _MOST_WASTED * columns
        able = filled and self._strings.alike and why_not() is None
        return able and self.compiled.repeatable(loaded)

    def _warm(self) -> None:
        """Compile the code that reads results back, before it is needed."""
        stage, words = self._mapped.stage, 8
        zero = np.zeros((stage.outputs, words), np.uint64)
        strings(zero, 1, np.zeros((1, -(-stage.outputs // 8)), np.uint8))
        rows, first = np.zeros((1, self._read.shape[1], words), np.uint64), np.zeros(1, np.intp)
        for count in self._counts:
            self._reader.sums(count, ReadOut(rows, (1, 1, 1), first[:, None, None], first))

    def run(
        self,
        operands: Integers | BitStrings | Pictures,
        *,
        threads: int | None = None,
        checker: Checker | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> Values:
        """Values of all images, (images, positions, outputs): bits, or sums without thresholds.

        Args:
            operands: (images, pixels, channels).
            threads: processors used, all if None.
            checker: is shown every sum that is to be checked; needs ``looking``.
            report: called with how many images are done, and how many there are.

        """
        stage, back, count = self._mapped.stage, self._mapped.readback, len(operands)
        positions, result = stage.windows.positions, back.result
        bits, first = stage.thresholds is not None, self._mapped.first_output
        outputs = slice(first, first + stage.outputs)
        every = np.arange(stage.outputs)[:, None, None], np.arange(positions)
        values = BitStrings.empty(count, positions, stage.outputs)
        wide = np.empty(0 if bits else values.shape, np.int64)
        if isinstance(operands, np.ndarray):
            operands = BitStrings.of(operands, stage.planes)
        self.check_s = 0.0
        for some in cut(count, self.images):
            found = self._run(operands.some(some), threads)
            size, seen = some.stop - some.start, []
            read = ReadOut(found, (stage.outputs, size, positions), *every)
            in_rows = checker is not None and checker.reads_rows and bool(self._held)
            if checker is not None and in_rows:
                started = time.perf_counter()
                words = found.reshape(-1, found.shape[2])
                checker.compare_rows(some, outputs, words, self._held)
                self.check_s += time.perf_counter() - started
            for each in self._counts:
                if in_rows and not each.given:
                    continue
                started = time.perf_counter()
                own = self._reader.sums(each, read, threads)
                if each.given:
                    seen.append(own)
                    started = time.perf_counter()
                if checker is not None and each.seen and not in_rows:
                    images, shown = those_checked(checker, some, own)
                    checker.compare(images, each.place, outputs, shown)
                    self.check_s += time.perf_counter() - started
            into = values.data[some].reshape(size * positions, -1)
            if result is not None:
                slot = self._reader.slots[result]
                strings(found[:, slot], size * positions, into, threads=threads)
            elif bits:
                decided = decide(stage, seen, *every).reshape(stage.outputs, -1).T
                into[:] = np.packbits(decided, axis=1, bitorder="little")
            else:
                wide[some] = seen[-1].transpose(1, 2, 0)
            if report is not None:
                report(some.stop, count)
        return values if bits else wide

    def _run(self, operands: BitStrings, threads: int | None) -> Words:
        """Rows read out of the columns of a few images, (outputs, slots, words).

        The next call overwrites them.
        """
        laid, blocks = self._strings.of(operands), self._blocks
        if self._in_turn is not None:
            self._in_turn.run(self._rows.loads(laid), self._read, threads)
            return self._read[:, :, : self._words]
        grouped = self._strings.groups > 1 and len(blocks) > 1
        outputs, slots, _ = self._read.shape
        every, copies = np.arange(outputs), self._copies
        found = np.empty((self._mapped.stage.outputs, slots, self._words), np.uint64)
        for block in blocks:
            rows = self._of_block(block) if grouped else self._rows
            if grouped or block is blocks[0]:
                rows.load(laid, threads)
            if len(blocks) > 1:
                rows.write_constants(block, threads)
            run(self.compiled, self._tiles, every, threads=threads, into=self._read)
            used = self._read[:, :, : copies * self._words]
            each = used.reshape(outputs, slots, copies, self._words).transpose(0, 2, 1, 3)
            own = each.reshape(outputs * copies, slots, self._words)
            if len(blocks) == 1:
                return own
            found[block] = own[: block.stop - block.start]
        return found

    def _of_block(self, block: slice) -> StageRows:
        """The rows of all columns, with what they hold for a block of outputs."""
        width, positions = self._words * _WORD, self._mapped.stage.windows.positions
        columns = Columns.of(self.images, positions, width, self._copies)
        return StageRows(self._strings, self._tiles, columns, block.start)


def _even(count: int, most: int) -> int:
    """Size of the fewest pieces of at most ``most``, made about equal."""
    return -(-count // -(-count // most))


def _words(columns: int, *, sparing: bool) -> int:
    """Words of an output's columns: whole vectors, unless these would waste too many columns."""
    vectors = -(-columns // _VECTOR)
    if sparing and vectors * _VECTOR - columns > columns // 8:
        return -(-columns // _WORD)
    return vectors * (_VECTOR // _WORD)
