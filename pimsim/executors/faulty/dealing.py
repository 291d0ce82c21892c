"""Compiled functions that draw candidates for noise, deal them out, and order them.

Where outputs lie side by side, the columns of an output are computed in several pieces: a *group*
is what is carried out together, such as a stretch of a row in a batch. Candidates are drawn for all
columns of an output at once, as by :meth:`pimsim.dram.array.faults.Faults.draws`: a stream of
random words gives gap after gap (:mod:`pimsim.dram.array.noise_stream`). Each candidate then goes
to its group, and within the group to its place among the commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.dram.array import noise_stream
from pimsim.dram.array.noise_stream import (
    DRAW_BITS,
    ENTRIES,
    ENTRY_BITS,
    GOLDEN,
    LAST_SHIFT,
    SCRAMBLE,
)
from pimsim.object_code import Kept, part

Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]

END = np.iinfo(np.int64).max
"""Behind the last place."""

NUMBERS = 6
WIDTH, COLUMNS, EACH, SIZE, FIRST, NAME = range(NUMBERS)
"""Numbers of :attr:`Lay.numbers`: columns of a block; all columns of an output; of those, how many
a row holds for each output; columns of a stretch; the output whose columns come first in the row;
and the number that is added to an output to name its noise."""

GAPS = 64
"""Gaps that are drawn at a time."""

_ONE, _TWO = SCRAMBLE
_SHIFT_1, _FACTOR_1 = _ONE
_SHIFT_2, _FACTOR_2 = _TWO
_BELOW = 2.0**-DRAW_BITS
_FILES = [Path(__file__), Path(noise_stream.__file__)]


class Drawing(NamedTuple):
    """The streams of noise of an output: one for every part and kind of access."""

    keys: Words
    """(streams,) keys, which those of outputs and blocks are derived from."""
    tables: Words
    """(streams, ENTRIES, 2) tables of gaps, see :class:`pimsim.dram.array.noise_stream.Gaps`."""
    most: NDArray[np.float64]
    """(streams,) largest probabilities."""
    edges: Ints
    """(streams + 1,) first access of each stream, counted over all streams."""
    ranks: Shorts
    """(accesses,) for each access the number of its place, in the order of :attr:`places`."""
    places: Ints
    """(accesses,) all places at which noise may strike, in order."""


class Lay(NamedTuple):
    """Where the columns of the outputs of some blocks are computed."""

    tile: Shorts
    """(columns,) tile of each column, counted from the first one that is drawn; -1 for none."""
    start: Ints
    """(tiles,) first column of each tile, counted likewise."""
    group: Ints
    """(tiles,) group of the columns that come first in the row."""
    numbers: Ints
    """(NUMBERS,) see :data:`WIDTH`."""


class Dealt(NamedTuple):
    """Candidates, with the groups that they belong to, in any order."""

    group: Shorts
    rank: Shorts
    """Number of the place, see :attr:`Drawing.ranks`."""
    column: Shorts
    """Column within the group."""
    draw: NDArray[np.float64]
    """Uniform random numbers: noise strikes if the probability of an error is larger."""

    @classmethod
    def room(cls, count: int) -> Dealt:
        """Room for so many."""
        group, rank, column = np.empty((3, count), np.int32)
        return cls(group, rank, column, np.empty(count))


class Noise(NamedTuple):
    """Candidates as the interpreter takes them."""

    places: Ints
    """Places in order, each once; then :data:`END`."""
    times: Ints
    """How many candidates each has."""
    columns: Ints
    draws: NDArray[np.float64]

    @classmethod
    def room(cls, count: int) -> Noise:
        """Room for so many, each at a place of its own."""
        places, times, columns = np.empty((3, count + 1), np.int64)
        return cls(places, times, columns, np.empty(count + 1))


NOTHING = Noise.room(0)
NOTHING.places[0] = END


@part
def _word(number: Any) -> Any:
    """:func:`pimsim.dram.array.noise_stream.scrambled`."""
    number = (number ^ (number >> np.uint64(_SHIFT_1))) * np.uint64(_FACTOR_1)
    number = (number ^ (number >> np.uint64(_SHIFT_2))) * np.uint64(_FACTOR_2)
    return number ^ (number >> np.uint64(LAST_SHIFT))


@part
def _fill(number: Any, into: Any) -> None:
    """Compute every other word of a stream, the first of which has that number."""
    for i in range(GAPS):
        into[i] = _word(number + np.uint64(2 * i) * np.uint64(GOLDEN))


@part
def _gap(word: Any, table: Any) -> Any:
    """The gap that a word stands for: twice it, plus 1 if a candidate is behind it."""
    entry = word >> np.uint64(64 - ENTRY_BITS)
    below, other = table[entry, 0], table[entry, 1]
    gap = entry if (word << np.uint64(ENTRY_BITS)) < below else other
    return (gap << np.uint64(1)) | np.uint64(gap != np.uint64(ENTRIES - 1))


@part
def _passed(words: Any, table: Any) -> Any:
    """How many columns the gaps of words take, with their candidates."""
    columns = np.uint64(0)
    for i in range(GAPS):
        gap = _gap(words[i], table)
        columns += (gap >> np.uint64(1)) + (gap & np.uint64(1))
    return np.int64(columns)


def _draw(
    drawing: Drawing, lay: Lay, outputs: Any, first: Any, last: Any, found: Any, words: Any
) -> int:
    """Draw blocks ``first`` to before ``last`` of outputs; return how many candidates there are.

    As many as there is room for are stored. ``words`` is scratch, (2, GAPS).
    """
    width, columns, each = lay.numbers[WIDTH], lay.numbers[COLUMNS], lay.numbers[EACH]
    size, room, count = lay.numbers[SIZE], len(found.draw), 0
    event: Any
    column: Any
    for output in outputs:
        base = (output - lay.numbers[FIRST]) * each
        for stream in range(len(drawing.keys)):
            name = np.uint64(lay.numbers[NAME] + output + 1)
            own = _word(drawing.keys[stream] + name * np.uint64(GOLDEN))
            table, most = drawing.tables[stream], drawing.most[stream]
            end = drawing.edges[stream + 1]
            for block in range(first, last):
                number = _word(own + np.uint64(block + 1) * np.uint64(GOLDEN))
                shift = (block - first) * width
                inside = min(width, columns - block * width)
                event, column = drawing.edges[stream], 0
                while event < end:
                    begin = number + np.uint64(GOLDEN)
                    _fill(begin, words[0])
                    number += np.uint64(2 * GAPS) * np.uint64(GOLDEN)
                    if column >= inside:
                        passed = _passed(words[0], table)
                        if column + passed < width:
                            column += passed  # none of them is in a column that is used
                            continue
                    _fill(begin + np.uint64(GOLDEN), words[1])
                    for i in range(GAPS):
                        gap = np.int64(_gap(words[0, i], table))
                        column += gap >> 1
                        while column >= width:
                            column -= width
                            event += 1
                        if event >= end:
                            break
                        if gap & 1:
                            if column < inside:
                                tile = lay.tile[shift + column]
                                if tile >= 0:
                                    if count < room:
                                        at = base + shift + column - lay.start[tile]
                                        group = lay.group[tile]
                                        if at >= size:
                                            group += at // size
                                            at %= size
                                        share = np.float64(words[1, i] >> np.uint64(64 - DRAW_BITS))
                                        found.group[count] = group
                                        found.rank[count] = drawing.ranks[event]
                                        found.column[count] = at
                                        found.draw[count] = share * _BELOW * most
                                    count += 1
                            column += 1
    return count


def _count(found: Dealt, count: Any, first: Any, edges: Any) -> int:
    """Count the first ``count`` candidates by group, the first of which is ``first``.

    ``edges`` has one number more than there are groups; a group's is behind its own. Returned is
    how many belong to later groups.
    """
    groups, later = len(edges) - 1, 0
    for i in range(count):
        group = found.group[i] - first
        if group < groups:
            edges[group + 1] += 1
        else:
            later += 1
    return later


def _gather(
    found: Dealt, count: Any, first: Any, at: Any, into: Dealt, left: Dealt, kept: Any
) -> Any:
    """Put candidates where their group continues, ``at``; those of later groups into ``left``.

    ``kept`` is how many are there already; returned is how many there are now.
    """
    for i in range(count):
        group = found.group[i] - first
        if group < len(at):
            to = at[group]
            at[group] += 1
            into.rank[to] = found.rank[i]
            into.column[to] = found.column[i]
            into.draw[to] = found.draw[i]
        else:
            left.group[kept] = found.group[i]
            left.rank[kept] = found.rank[i]
            left.column[kept] = found.column[i]
            left.draw[kept] = found.draw[i]
            kept += 1
    return kept


def _order(met: Dealt, first: Any, last: Any, places: Any, counts: Any, into: Noise) -> int:
    """Put candidates ``first`` to before ``last`` in the order of their places.

    ``counts`` is a number for each place, 0 before and after. Returned is how many places there
    are; behind them is :data:`END`.
    """
    for i in range(first, last):
        counts[met.rank[i]] += 1
    at, found = 0, 0
    for place in range(len(places)):
        own = counts[place]
        counts[place] = at
        if own:
            into.places[found] = places[place]
            into.times[found] = own
            at += own
            found += 1
    into.places[found] = END
    for i in range(first, last):
        rank = met.rank[i]
        to = counts[rank]
        counts[rank] += 1
        into.columns[to] = met.column[i]
        into.draws[to] = met.draw[i]
    for place in range(len(places)):
        counts[place] = 0
    return found


draw = Kept(_draw, _FILES)
count = Kept(_count, _FILES)
gather = Kept(_gather, _FILES)
order = Kept(_order, _FILES)
