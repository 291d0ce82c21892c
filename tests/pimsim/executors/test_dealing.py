"""Noise of outputs side by side: the compiled drawing against its definition, slot by slot."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.array.noise_stream import ENTRIES, Gaps, candidates, key_of, named
from pimsim.executors.faulty.dealing import (
    COLUMNS,
    EACH,
    END,
    FIRST,
    GAPS,
    NAME,
    NUMBERS,
    SIZE,
    WIDTH,
    Dealt,
    Drawing,
    Lay,
    Noise,
    count,
    draw,
    gather,
    order,
)

Found = dict[int, list[tuple[int, int, float]]]
"""By group the place, column and draw of each candidate."""


def _drawing(rates: list[float], accesses: list[int], seed: int) -> Drawing:
    """Streams with so many accesses, at places in a random order, 7 apart."""
    rng, total = np.random.default_rng(seed), sum(accesses)
    return Drawing(
        np.array([key_of(seed, (stream,)) for stream in range(len(rates))], np.uint64),
        np.array([Gaps.of(rate).table for rate in rates], np.uint64).reshape(-1, ENTRIES, 2),
        np.array(rates),
        np.cumsum([0, *accesses]),
        rng.permutation(total).astype(np.int32),
        7 * np.arange(total),
    )


def _lay(width: int, columns: int, blocks: range, rng: np.random.Generator) -> Lay:
    """Tiles of random sizes, each in a row that has a random group; some columns are nowhere."""
    first, last = blocks.start * width, min(blocks.stop * width, columns)
    starts = np.unique(rng.integers(-5, last - first, rng.integers(1, 9)))
    tile = np.searchsorted(starts, np.arange(last - first), side="right") - 1
    tile[rng.random(last - first) < 0.1] = -1
    each = int(np.diff(starts, append=last - first).max())
    numbers = np.zeros(NUMBERS, np.int64)
    numbers[WIDTH], numbers[COLUMNS], numbers[EACH] = width, columns, each
    numbers[SIZE], numbers[FIRST], numbers[NAME] = rng.integers(1, 3 * each), 4, 30
    return Lay(tile.astype(np.int32), starts, rng.permutation(len(starts)) * 50, numbers)


def _defined(drawing: Drawing, lay: Lay, outputs: list[int], blocks: range) -> Found:
    """What :func:`candidates` says, dealt out one by one."""
    width, columns, each, size, first, name = lay.numbers.tolist()
    found: Found = defaultdict(list)
    for stream, rate in enumerate(drawing.most.tolist()):
        begin, end = drawing.edges[stream : stream + 2].tolist()
        for output in outputs:
            for block in blocks:
                key = named(int(drawing.keys[stream]), [name + output, block])
                where, draws = candidates(key, Gaps.of(rate), (end - begin) * width)
                for slot, number in zip(where.tolist(), (draws * rate).tolist(), strict=True):
                    event, column = divmod(slot, width)
                    inside = (block - blocks.start) * width + column
                    if block * width + column >= columns or lay.tile[inside] < 0:
                        continue
                    tile = lay.tile[inside]
                    at = (output - first) * each + inside - int(lay.start[tile])
                    stretch, at = divmod(at, size)
                    place = int(drawing.places[drawing.ranks[begin + event]])
                    found[int(lay.group[tile]) + stretch].append((place, at, number))
    return {group: sorted(every) for group, every in found.items()}


def _listed(noise: Noise, places: int, candidates: int) -> list[tuple[int, int, float]]:
    assert noise.places[places] == END
    assert (np.diff(noise.places[: places + 1]) > 0).all()
    assert noise.times[:places].sum() == candidates
    place = np.repeat(noise.places[:places], noise.times[:places])
    columns, draws = noise.columns[:candidates], noise.draws[:candidates]
    return sorted(zip(place.tolist(), columns.tolist(), draws.tolist(), strict=True))


@given(
    rates=st.lists(st.sampled_from([1.0, 0.3, 0.02, 1e-4]), max_size=3),
    accesses=st.lists(st.integers(0, 12), min_size=3, max_size=3),
    width=st.sampled_from([1, 30, 700, 5000]),
    first=st.integers(0, 3),
    blocks=st.integers(1, 3),
    part=st.floats(0.01, 1.0),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_every_candidate_is_dealt_to_its_group_in_the_order_of_places(
    rates: list[float],
    accesses: list[int],
    width: int,
    first: int,
    blocks: int,
    part: float,
    seed: int,
) -> None:
    rng, own = np.random.default_rng(seed), range(first, first + blocks)
    columns = width * (own.stop - 1) + max(1, int(part * width))
    drawing = _drawing(rates, accesses[: len(rates)], seed)
    lay, outputs = _lay(width, columns, own, rng), [4, 5, 9]
    wanted = _defined(drawing, lay, outputs, own)
    total, words = sum(map(len, wanted.values())), np.empty((2, GAPS), np.uint64)
    given = drawing, lay, np.array(outputs), own.start, own.stop
    few = Dealt.room(total // 2)
    assert draw(*given, few, words) == total  # it says how much room it takes
    dealt = Dealt.room(total + 3)
    assert draw(*given, dealt, words) == total

    groups = max(wanted, default=0) + 1
    middle = groups // 2
    left, counts = dealt, np.zeros(len(drawing.places), np.int32)
    for begin, end in ((0, middle), (middle, groups)):  # what is left the first time is met later
        edges = np.zeros(end - begin + 1, np.int64)
        later = count(left, total, begin, edges)
        edges = np.cumsum(edges)
        into, rest, at = Dealt.room(int(edges[-1])), Dealt.room(later), edges[:-1].copy()
        assert gather(left, total, begin, at, into, rest, 0) == later
        left, total = rest, later
        for group, (one, two) in enumerate(zip(edges.tolist(), edges[1:].tolist(), strict=False)):
            room = Noise(
                *(np.empty(two - one + 1, np.int64) for _ in range(3)), np.empty(two - one)
            )
            found = order(into, one, two, drawing.places, counts, room)
            assert _listed(room, found, two - one) == wanted.get(begin + group, [])
            assert not counts.any()
    assert total == 0


def test_hardly_any_noise_still_strikes_as_defined() -> None:
    """Gaps longer than a table's are made of several."""
    drawing = _drawing([2e-6], [4000], 3)
    lay = Lay(
        np.zeros(4096, np.int32),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.array([4096, 4096, 4096, 4096, 0, 0]),
    )
    wanted = _defined(drawing, lay, [0], range(1))[0]
    dealt = Dealt.room(len(wanted))
    assert draw(drawing, lay, np.array([0]), 0, 1, dealt, np.empty((2, GAPS), np.uint64)) == len(
        wanted
    )
    assert len(wanted) == pytest.approx(4096 * 4000 * 2e-6, rel=0.5)
    every = drawing.places[dealt.rank], dealt.column, dealt.draw
    assert sorted(zip(*(each.tolist() for each in every), strict=True)) == wanted
