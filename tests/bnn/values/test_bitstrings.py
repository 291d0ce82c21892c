"""Small integers packed into strings, and what can be done with them packed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.values.bitstrings import BitStrings, unpacked
from bnn.values.encoding import ENCODINGS
from pimsim.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)
PLANES = st.sampled_from([1, 1, 2, 5, 8, 9])


def _integers(
    seed: int, images: int, pixels: int, channels: int, planes: int
) -> NDArray[np.uint16]:
    random = np.random.default_rng(seed)
    return random.integers(0, 2**planes, (images, pixels, channels)).astype(np.uint16)


@given(
    seed=SEEDS,
    images=st.integers(0, 4),
    pixels=st.integers(1, 6),
    channels=st.integers(1, 20),
    planes=PLANES,
)
def test_integers_come_back(
    seed: int, images: int, pixels: int, channels: int, planes: int
) -> None:
    values = _integers(seed, images, pixels, channels, planes)
    packed = BitStrings.of(values, planes)
    assert packed.shape == values.shape
    assert len(packed) == images
    np.testing.assert_array_equal(packed.integers(), values)
    np.testing.assert_array_equal(unpacked(packed), values)
    assert unpacked(values) is values
    for start, stop in ((0, images // 2), (images // 2, images)):
        some = packed.some(slice(start, stop))
        np.testing.assert_array_equal(some.integers(), values[start:stop])
        assert some.memory.size == some.data.size + packed.memory.size - packed.data.size


@given(
    seed=SEEDS,
    images=st.integers(1, 3),
    shape=st.sampled_from(
        [(6, 8, 48, 1), (6, 8, 1, 48), (4, 3, 6, 2), (4, 3, 1, 12), (2, 5, 2, 5)]
    ),
    planes=PLANES,
)
def test_reshaped_strings_hold_the_same_integers_in_order(
    seed: int, images: int, shape: tuple[int, int, int, int], planes: int
) -> None:
    pixels, channels, other_pixels, other_channels = shape
    values = _integers(seed, images, pixels, channels, planes)
    found = BitStrings.of(values, planes).reshaped(other_pixels, other_channels)
    wanted = values.reshape(images, other_pixels, other_channels)
    np.testing.assert_array_equal(found.integers(), wanted)


def test_strings_are_not_reshaped_to_other_numbers() -> None:
    with pytest.raises(InputError) as caught:
        BitStrings.empty(1, 2, 3).reshaped(2, 4)
    assert str(caught.value) == "2 pixels of 3 channels cannot become 2 of 4"


@given(
    seed=SEEDS,
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    margins=st.tuples(*[st.integers(0, 2)] * 4),
    channels=st.integers(1, 9),
    planes=PLANES,
)
def test_a_frame_holds_its_value(
    seed: int, size: tuple[int, int], margins: tuple[int, ...], channels: int, planes: int
) -> None:
    top, bottom, left, right = margins
    values = _integers(seed, 2, size[0] * size[1], channels, planes)
    pad = int(np.random.default_rng(seed).integers(0, 2**planes))
    framed = BitStrings.of(values, planes).framed(size, ((top, bottom), (left, right)), pad)
    wanted = np.pad(
        values.reshape(2, *size, channels),
        ((0, 0), (top, bottom), (left, right), (0, 0)),
        constant_values=pad,
    )
    np.testing.assert_array_equal(framed.integers(), wanted.reshape(2, -1, channels))


@given(seed=SEEDS, name=st.sampled_from(sorted(ENCODINGS)), images=st.integers(1, 40))
def test_inputs_become_the_integers_they_stand_for(seed: int, name: str, images: int) -> None:
    encoding = ENCODINGS[name]
    random = np.random.default_rng(seed)
    grey = random.integers(0, encoding.largest + 1, (images, 3, 5, 2)).astype(np.uint16)
    x = encoding.levels()[grey]
    packed = BitStrings.encoded(x, encoding, 2, threads=2)
    assert packed.planes == encoding.bits
    np.testing.assert_array_equal(packed.integers(), grey.reshape(images, 15, 2))
