"""Packed columns: where each bit lies, and that packing loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim.bits import count_ones, pack, unpack, words_for

COLUMNS = st.integers(1, 200)
SHAPES = st.lists(st.integers(0, 3), max_size=2).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


def _bits(shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("columns", "words"), [(0, 0), (1, 1), (63, 1), (64, 1), (65, 2), (65536, 1024)]
)
def test_words_for_columns(columns: int, words: int) -> None:
    assert words_for(columns) == words


@given(SHAPES, COLUMNS, SEEDS)
def test_unpack_reads_what_pack_stored(shape: tuple[int, ...], columns: int, seed: int) -> None:
    bits = _bits((*shape, columns), seed)
    words = pack(bits)
    assert words.shape == (*shape, words_for(columns))
    assert words.dtype == np.uint64
    again = unpack(words, columns)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, bits)


@given(COLUMNS, SEEDS)
def test_column_c_is_bit_c_mod_64_of_word_c_div_64_and_the_rest_is_zero(
    columns: int, seed: int
) -> None:
    bits = _bits((columns,), seed)
    expected = [0] * words_for(columns)
    for column, bit in enumerate(bits.tolist()):
        expected[column // 64] |= bit << column % 64
    assert pack(bits).tolist() == expected


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.uint64])
def test_any_integer_type_packs_alike(dtype: type[np.generic]) -> None:
    bits = _bits((2, 100), 1)
    np.testing.assert_array_equal(pack(bits.astype(dtype)), pack(bits))


@given(COLUMNS, st.integers(0, 199), SEEDS)
def test_unpack_takes_the_first_columns_only(columns: int, fewer: int, seed: int) -> None:
    bits = _bits((2, columns), seed)
    fewer = min(fewer, columns)
    np.testing.assert_array_equal(unpack(pack(bits), fewer), bits[:, :fewer])


def test_unpack_reads_views_that_are_not_contiguous() -> None:
    bits = _bits((6, 130), 2)
    np.testing.assert_array_equal(unpack(pack(bits)[::2], 130), bits[::2])
    np.testing.assert_array_equal(unpack(pack(bits)[:, 1:2], 64), bits[:, 64:128])


@given(
    seed=st.integers(0, 2**32),
    outputs=st.integers(1, 4),
    levels=st.lists(st.integers(0, 6), min_size=1, max_size=70),
    columns=st.integers(1, 150),
)
def test_columns_are_added_up(seed: int, outputs: int, levels: list[int], columns: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (outputs, len(levels), columns))
    found = unpack(count_ones(pack(bits.astype(np.uint8)), levels), columns)
    numbers = (found.astype(np.int64) << np.arange(found.shape[1])[:, None]).sum(axis=1)
    weights = 1 << np.array(levels)[:, None]
    assert np.array_equal(numbers, (bits * weights).sum(axis=1))
    assert found.shape[1] <= int(weights.sum()).bit_length() + 1
