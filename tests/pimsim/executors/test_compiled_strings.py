"""Rows are filled from strings of bits, and read back into them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import pack, unpack
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.run import read_rows
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_bits import SLACK_BYTES, Gather, roomy

SEEDS = st.integers(0, 2**32 - 1)
COLUMNS = st.sampled_from([1, 63, 64, 511, 512, 513, 1500])
RUNS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 150)) | st.tuples(st.just(8), st.just(8)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60)
@given(
    seed=SEEDS,
    runs=RUNS,
    adjoining=st.booleans(),
    columns=COLUMNS,
    threads=st.integers(1, 2),
    works=st.booleans(),
    plane=st.none() | st.tuples(st.integers(0, 20), st.sampled_from([63, 64, 65, 200])),
)
def test_rows_hold_the_bits_of_the_runs(
    seed: int,
    runs: list[tuple[int, int]],
    adjoining: bool,
    columns: int,
    threads: int,
    works: bool,
    plane: tuple[int, int] | None,
) -> None:
    random = np.random.default_rng(seed)
    if plane is not None:  # a bit of one byte after the other, 64 of which are taken at a time
        first, count = plane
        bits = [(first + 8 * byte, 1) for byte in range(count)]
        runs = bits + runs if adjoining else runs + bits
    elif adjoining:  # one behind the other: taken as one
        first = runs[0][0]
        for i, (_, bits) in enumerate(runs):
            runs[i] = first, bits
            first += bits
    size = 300
    reach = max(first + bits for first, bits in runs) // 8 + 1
    strings = roomy(size + reach)
    strings[:] = random.integers(0, 256, strings.size)  # what lies in the slack is nobody's
    origins = random.integers(-1, size, columns)
    limit = int(random.integers(1, size + 1))
    tiles = Tiles(columns, 1024, parts=2, tile_words=int(random.choice([16, 48])))
    gather = Gather(origins, runs, tiles, part=1, first_row=5)
    with pytest.MonkeyPatch.context() as patched:
        if not works:
            patched.setattr(emit, "why_not", lambda: "none")
        rows = gather.load(strings, limit, threads=threads)
    every = np.unpackbits(strings, bitorder="little")
    wanted = [first + bit for first, bits in runs for bit in range(bits)]
    assert rows == len(wanted) == gather.rows
    used = (origins >= 0) & (origins < limit)
    for row, bit in enumerate(wanted):
        expected = np.where(used, every[np.where(used, origins, 0) * 8 + bit], 0)
        np.testing.assert_array_equal(unpack(tiles.load(5 + row, 1), columns), expected)
    written = tiles.written[tiles.layout.row(0, 1) : tiles.layout.row(0, 1) + rows + 6]
    assert written.sum() == rows


def test_a_string_that_ends_too_early_is_refused() -> None:
    tiles = Tiles(2, 40)
    gather = Gather(np.array([0, 3]), [(16, 3)], tiles)
    assert gather.load(np.zeros(5 + SLACK_BYTES, np.uint8)) == 3
    assert gather.load(np.zeros(2 + SLACK_BYTES, np.uint8), limit=1) == 3
    for strings, limit in ((4 + SLACK_BYTES, None), (1 + SLACK_BYTES, 1)):
        with pytest.raises(InputError) as caught:
            gather.load(np.zeros(strings, np.uint8), limit)
        needed = SLACK_BYTES + (5 if limit is None else 2)
        assert str(caught.value) == (
            f"`strings` must have {needed} bytes side by side, not {strings}"
        )
    with pytest.raises(InputError):
        gather.load(np.zeros(2 * (5 + SLACK_BYTES), np.uint8)[::2])


def test_rows_and_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DramError) as caught:
        Gather(np.zeros(4, int), [(0, 7)], Tiles(4, 24))
    assert str(caught.value) == "data row must be 0 to 5, not 6"
    with pytest.raises(InputError) as refused:
        Gather(np.zeros(3, int), [(0, 7)], Tiles(4, 40))
    assert str(refused.value) == "`origins` must have the shape (4,), not (3,)"


@settings(max_examples=40)
@given(
    seed=SEEDS,
    outputs=st.integers(1, 140),
    columns=COLUMNS,
    threads=st.integers(1, 2),
    works=st.booleans(),
)
def test_bits_come_back_as_strings(
    seed: int, outputs: int, columns: int, threads: int, works: bool
) -> None:
    random = np.random.default_rng(seed)
    wanted = random.integers(0, 2, (outputs, columns), dtype=np.uint8)
    words = np.zeros((outputs, 2, -(-columns // 1024) * 16), np.uint64)
    words[:, 1, : -(-columns // 64)] = pack(wanted)
    found = np.full((columns, -(-outputs // 8)), 255, np.uint8)
    with pytest.MonkeyPatch.context() as patched:
        if not works:
            patched.setattr(emit, "why_not", lambda: "none")
        read_rows.strings(words[:, 1], columns, found, threads=threads)
    packed = np.packbits(wanted.T, axis=1, bitorder="little")
    np.testing.assert_array_equal(found, packed)


def test_strings_of_another_size_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_rows.strings(np.zeros((9, 16), np.uint64), 5, np.zeros((5, 1), np.uint8))
    assert str(caught.value) == "`into` must have the shape (5, 2) and lie in one piece"
