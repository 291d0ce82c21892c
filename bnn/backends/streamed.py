"""A mapped stage with a command stream for each group, as vector code: tapes run on all columns.

It does for streams what :mod:`bnn.backends.compiled` does for a program for all outputs. Columns
are those of a few images at a time, and nothing here knows of banks, time or faults.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from math import gcd

import numpy as np
from numpy.typing import NDArray

from bnn.backends.blocks import in_order
from bnn.backends.stage_rows import Columns, StageRows
from bnn.backends.stage_strings import StageStrings
from bnn.backends.stream_tapes import Find, made, write
from bnn.mapped.mapped_stage import Checker, MappedStage, those_checked
from bnn.mapped.placement.placement import cut
from bnn.values.bitstrings import BitStrings, Pictures, Values
from bnn.values.encoding import Integers
from bnn.values.linear import LinearSums
from pimsim.bits import Words
from pimsim.executors.compiled.run.processors import default_threads, spread
from pimsim.executors.compiled.run.read_rows import strings
from pimsim.executors.compiled.run.read_rows import sums as numbers
from pimsim.executors.compiled.run.tiles import Layout, Tiles, empty
from pimsim.executors.compiled.tape.records import CompiledTapes
from pimsim.executors.compiled.tape.run import prepare, run_tapes
from pimsim.executors.compiled.tape.walker import best_tile_words
from pimsim.microprogram.tape import patterns, templates

MEMORY_BYTES = 32 << 20
"""Approximate bytes of rows and results held at a time, so that they stay in the cache."""

_CHUNK_BYTES = 1 << 19
"""Approximate bits of blocks that are put in order at a time, so that they stay in the cache."""
_SUM_BYTES = 32
"""Bytes of the numbers that a sum is made of, if sums are the result: four of them."""
_WORD = 64
_VECTOR = 512


class StreamedStage:
    """A mapped stage whose streams are walked for all of its columns.

    Args:
        mapped: the stage.
        images: images that will be run, so that no more columns are made than they need.
        looking: read every digit out, for :meth:`run` to have sums checked.
        find: finds the tapes that were written of it before, or has them written.

    """

    def __init__(
        self, mapped: MappedStage, images: int, *, looking: bool = False, find: Find = made
    ) -> None:
        self._mapped, stage = mapped, mapped.stage
        layout = Layout(mapped.rows, mapped.parts, mapped.system.address_map)
        positions = stage.windows.positions
        name = f"{stage.name} from {mapped.first_output}"
        written = find(name, partial(write, mapped, layout, looking=looking))
        self._given, self._gives_sums = written.given, written.gives_sums
        self._given_by, self._numbers = written.given_by, written.numbers
        slots = written.slots.tolist()
        held = (layout.places + sum(slots)) / 8 + _SUM_BYTES * stage.outputs * written.gives_sums
        most = max(1, int(MEMORY_BYTES / (positions * held)))
        self.images = -(-images // -(-images // most))
        """Images that are run at a time."""
        self._words = -(-self.images * positions // _VECTOR) * (_VECTOR // _WORD)
        table, cells = templates(layout.map), patterns(layout.map)
        self.tapes = CompiledTapes(table, cells, written.each, slots, layout)
        self._tiles = Tiles(
            self._words * _WORD,
            layout.rows,
            parts=layout.parts,
            tile_words=best_tile_words(self._words, threads=default_threads()),
            address_map=layout.map,
        )
        prepare(self.tapes, self._tiles)
        # one more row, because words may be read across the end of the last one
        self._read = empty((sum(slots) + 1, self._tiles.words), "rows read out")[:-1]
        self._read.fill(0)  # so that its memory is there when it is needed
        self._strings = StageStrings(mapped)
        columns = Columns.of(self.images, positions, self._words * _WORD)
        self._rows = StageRows(self._strings, self._tiles, columns)
        self._rows.load(self._strings.blank(self.images))
        self._rows.write_constants(slice(0, stage.outputs))
        self._seen_windows = range(written.windows)
        self.check_s = 0.0
        """Wall time that the last run spent on showing sums to a checker."""
        self._warm()

    def run(
        self,
        operands: Integers | BitStrings | Pictures,
        *,
        threads: int | None = None,
        checker: Checker | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> Values:
        """Bits of all images, or sums without thresholds: (images, positions, outputs).

        Results of blocks of positions are put in order while they are in the cache.

        Args:
            operands: (images, pixels, channels).
            threads: processors used, all if None.
            checker: is shown every sum of the images that it checks; needs ``looking``.
            report: called with how many images are done, and how many there are.

        """
        stage, count, first = self._mapped.stage, len(operands), self._mapped.first_output
        positions, outputs = stage.windows.positions, slice(first, first + stage.outputs)
        bits, blocks = stage.thresholds is not None, self._mapped.blocks
        values = self._strings_for(count if bits else 0)
        wide = np.empty((0 if bits else count, positions, stage.outputs), np.int64)
        if isinstance(operands, np.ndarray):
            operands = BitStrings.of(operands, stage.planes)
        self.check_s = 0.0
        for some in cut(count, self.images):
            self._rows.load(self._strings.of(operands.some(some)), threads)
            run_tapes(self.tapes, self._tiles, into=self._read, threads=threads)
            size = some.stop - some.start
            if bits:
                self._give(values.some(some), threads)
            else:
                sums = self._sums(self._given_by, size * positions, threads)
                wide[some] = sums.reshape(-1, size, positions).transpose(1, 2, 0)
            if checker is not None:
                started = time.perf_counter()
                self._show(checker, some, outputs, threads)
                self.check_s += time.perf_counter() - started
            if report is not None:
                report(some.stop, count)
        if bits:
            return values
        return wide if blocks is None else in_order(wide, blocks)

    def _show(self, checker: Checker, images: slice, outputs: slice, threads: int | None) -> None:
        """Show a checker all sums of the images that are loaded."""
        windows = self._mapped.stage.windows
        if checker.reads_rows and self._mapped.stage.thresholds is not None:
            checker.compare_rows(images, outputs, self._read, self._held)
            return
        positions = windows.positions
        step = _WORD // gcd(_WORD, positions)  # images whose columns fill whole words
        each = _SUM_BYTES * self._mapped.stage.outputs * positions * step
        for some in cut(images.stop - images.start, step * max(1, MEMORY_BYTES // each)):
            size, begin = some.stop - some.start, some.start * positions // _WORD
            which = slice(images.start + some.start, images.start + some.stop)
            for window in self._seen_windows:
                sums = self._sums(window, size * positions, threads, begin)
                own, shown = those_checked(checker, which, sums.reshape(-1, size, positions))
                checker.compare(own, window % windows.offsets, outputs, shown)

    def _give(self, values: BitStrings, threads: int | None) -> None:
        """Turn the rows read into the bits of the images that are loaded, position by position."""
        positions, blocks, whole = self._mapped.stage.windows.positions, self._mapped.blocks, values
        if blocks is None:
            into = whole.data.reshape(len(whole) * positions, -1)
            strings(self._read, len(into), into, rows=self._given, threads=threads)
            return
        order = blocks
        step = _VECTOR // gcd(_VECTOR, positions)  # images whose columns fill whole vectors
        columns = max(1, _CHUNK_BYTES // max(1, len(self._given) // 8))
        pieces = list(cut(len(whole), step * max(1, columns // (step * positions))))

        def some(begin: int, end: int) -> None:
            for piece in pieces[begin:end]:
                size = piece.stop - piece.start
                laid = BitStrings.unset(size, positions, len(self._given))
                into = laid.data.reshape(size * positions, -1)
                words = self._read[:, piece.start * positions // _WORD :]
                strings(words, len(into), into, rows=self._given, threads=1)
                in_order(laid, order, whole.some(piece))

        spread(some, len(pieces), threads)

    def _strings_for(self, images: int) -> BitStrings:
        """Strings for the bits of so many images, position by position."""
        stage, blocks = self._mapped.stage, self._mapped.blocks
        if blocks is None:
            return BitStrings.unset(images, stage.windows.positions, stage.outputs)
        positions = int(np.count_nonzero(blocks >= 0))
        return BitStrings.unset(images, positions, stage.outputs // len(blocks))

    def _warm(self) -> None:
        """Compile the code that reads results back, before it is needed."""
        outputs = self._mapped.stage.outputs
        row = np.zeros((outputs, self._words), np.uint64)
        strings(row, 1, np.zeros((1, -(-outputs // 8)), np.uint8))
        if self._gives_sums:
            self._sums(self._given_by, 1, threads=1)

    # -- sums --------------------------------------------------------------------------------

    @cached_property
    def _held(self) -> list[LinearSums]:
        """How rows hold the sums of all windows that are seen."""
        return [self._linear(window) for window in self._seen_windows]

    def _linear(self, window: int) -> LinearSums:
        """How rows hold the sums of a window."""
        found, scaled = self._numbers[window], self._mapped.sums
        if scaled is None:
            raise ValueError("streams must have sums")
        weights = np.int64(1) << np.arange(found.rows.shape[1])
        sizes = np.where(found.rows >= 0, weights, 0)
        half = np.where(found.inverted, -sizes, sizes)
        doubled = found.constant + 2 * np.where(found.inverted, sizes, 0).sum(axis=1)
        one, other = doubled.reshape(-1, 2)[found.pairs].T
        turned = scaled.scale * scaled.turn
        total = turned * (one + found.signs * other + found.lasts)
        total += 2 * scaled.constant - scaled.scale
        if (total % 2).any():
            raise ValueError("numbers that decide must be odd")
        numbers = 2 * found.pairs[:, None] + np.arange(2)
        multiples = np.stack([turned, turned * found.signs], axis=1)
        return LinearSums(np.maximum(found.rows, 0), half, numbers, multiples, total // 2)

    def _sums(
        self, window: int, columns: int, threads: int | None, begin: int = 0
    ) -> NDArray[np.int32]:
        """Sums of all outputs, (outputs, columns), from a word on."""
        found, scaled = self._numbers[window], self._mapped.sums
        if scaled is None:
            raise ValueError("streams must have sums")
        own = slice(begin, min(begin + -(-columns // _VECTOR) * (_VECTOR // _WORD), self._words))
        words: Words = np.zeros((*found.rows.shape, own.stop - own.start), np.uint64)
        words[found.rows >= 0] = self._read[found.rows[found.rows >= 0], own]
        total = numbers(words, columns, found.inverted, 2, found.constant, threads=threads)
        return scaled.of_pairs(total.reshape(-1, 2, columns), found.pairs, found.signs, found.lasts)
