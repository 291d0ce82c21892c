"""Packed columns: where each bit lies, and that packing loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim.bits import pack, unpack, words_for

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
