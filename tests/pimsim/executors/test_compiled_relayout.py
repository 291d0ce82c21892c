"""Operands reach the rows they belong in, and rows come back as the integers they hold."""

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
from pimsim.executors.compiled.run.write_integers import Operands, load

SEEDS = st.integers(0, 2**32 - 1)
BACK_END = st.booleans()
COLUMNS = st.sampled_from([1, 63, 64, 511, 512, 513, 1500])


@settings(max_examples=40)
@given(
    seed=SEEDS,
    count=st.integers(1, 5),
    pixels=st.integers(1, 9),
    channels=st.integers(1, 130),
    planes=st.sampled_from([1, 1, 8, 3]),
    positions=st.integers(1, 7),
    patch=st.integers(1, 4),
    columns=COLUMNS,
    threads=st.integers(1, 2),
    works=BACK_END,
)
def test_operands_lie_place_by_place_channel_by_channel_bit_by_bit(
    seed: int,
    count: int,
    pixels: int,
    channels: int,
    planes: int,
    positions: int,
    patch: int,
    columns: int,
    threads: int,
    works: bool,
) -> None:
    random = np.random.default_rng(seed)
    channels = min(channels, 900 // (patch * planes))
    values = random.integers(0, 2**planes, (count, pixels, channels)).astype(np.uint8)
    table = random.integers(-1, pixels, (positions, patch))
    images = random.integers(-1, count, columns)
    where = random.integers(0, positions, columns)
    pad = int(random.integers(0, 2**planes))
    tiles = Tiles(columns, 1024, parts=2, tile_words=int(random.choice([8, 16, 40])))
    operands = Operands(values, table, planes, pad)
    with pytest.MonkeyPatch.context() as patched:
        if not works:
            patched.setattr(emit, "why_not", lambda: "none")
        rows = load(tiles, operands, images, where, part=1, first_row=5, threads=threads)
    read = table[where]
    expected = np.where(read[:, :, None] < 0, pad, values[images[:, None], read])
    expected[images < 0] = 0
    bits = expected[..., None].astype(np.uint8) >> np.arange(planes, dtype=np.uint8) & 1
    by_row = bits.reshape(columns, -1).T
    assert rows == len(by_row)
    for row, wanted in enumerate(by_row):
        np.testing.assert_array_equal(unpack(tiles.load(5 + row, 1), columns), wanted)
    written = tiles.written[tiles.layout.row(0, 1) : tiles.layout.row(0, 1) + rows + 6]
    assert written.sum() == rows


def test_operands_of_any_integer_type_are_taken() -> None:
    tiles = Tiles(4, 40)
    images = np.arange(4)
    for kind in (np.int64, np.uint16, np.int8):
        values = np.array([5, 0, 6, 1]).reshape(4, 1, 1).astype(kind)
        assert load(tiles, Operands(values, np.array([[0]]), planes=3), images) == 3
        assert [unpack(tiles.load(row), 4).tolist() for row in range(3)] == [
            [1, 0, 0, 1],
            [0, 0, 1, 0],
            [1, 0, 1, 0],
        ]


def test_operands_that_do_not_fit_are_refused() -> None:
    tiles = Tiles(4, 24)
    with pytest.raises(DramError) as caught:
        load(tiles, Operands(np.zeros((1, 1, 7), np.uint8), np.array([[0]])), np.zeros(4, int))
    assert str(caught.value) == "data row must be 0 to 5, not 6"
    with pytest.raises(InputError) as caught:
        load(tiles, Operands(np.zeros((1, 1, 2), np.uint8), np.array([[0]])), np.zeros(3, int))
    assert str(caught.value) == "`images` must have the shape (4,), not (3,)"


@settings(max_examples=30)
@given(
    seed=SEEDS,
    outputs=st.integers(1, 5),
    levels=st.integers(1, 20),
    columns=COLUMNS,
    threads=st.integers(1, 2),
    works=BACK_END,
)
def test_numbers_come_back_scaled_and_moved(
    seed: int, outputs: int, levels: int, columns: int, threads: int, works: bool
) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(0, 2**levels, (outputs, columns))
    inverted = random.integers(0, 2, (levels, outputs)).astype(bool).T  # not as it lies in memory
    rows = (numbers[:, None] >> np.arange(levels)[:, None] & 1) ^ inverted[:, :, None]
    words = pack(rows.astype(np.uint8))
    offsets = random.integers(-(2**20), 2**20, 2 * outputs)[::2]
    with pytest.MonkeyPatch.context() as patched:
        if not works:
            patched.setattr(emit, "why_not", lambda: "none")
        found = read_rows.sums(words, columns, inverted, 3, offsets, threads=threads)
    np.testing.assert_array_equal(found, 3 * numbers + offsets[:, None])


def test_complements_for_other_rows_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_rows.sums(np.zeros((2, 3, 16), np.uint64), 5, np.zeros((3, 2), bool))
    assert str(caught.value) == "`inverted` must have the shape (2, 3), not (3, 2)"
