from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from bnn.values.encoding import (
    ENCODINGS,
    Encoding,
    _encoded,
    _integers,
    detect,
    encode,
)
from pimsim.errors import InputError

P = np.arange(256, dtype=np.uint8)
F = P.astype(np.float32)
D = P.astype(np.float64)
f32 = np.float32

SPELLINGS: list[tuple[str, Callable[[], NDArray[np.generic]]]] = [
    ("uint8", lambda: P),
    ("uint8", lambda: F),
    ("centred", lambda: F - 128),
    ("unit", lambda: F / f32(255)),
    ("unit", lambda: F * f32(1 / 255)),
    ("unit", lambda: D / 255),
    ("symmetric", lambda: F / f32(127.5) - f32(1)),
    ("symmetric", lambda: (F - f32(127.5)) / f32(127.5)),
    ("symmetric", lambda: F / f32(255) * f32(2) - f32(1)),
    ("symmetric", lambda: (F / f32(255) - f32(0.5)) * f32(2)),
    ("symmetric", lambda: (F / f32(255) - f32(0.5)) / f32(0.5)),
    ("symmetric", lambda: F * f32(2 / 255) - f32(1)),
    ("symmetric", lambda: D / 127.5 - 1),
    ("unit-256", lambda: F / f32(256)),
    ("symmetric-256", lambda: F / f32(128) - f32(1)),
    ("eighths", lambda: F[:17] / f32(8) - f32(1)),
    ("sixteenths", lambda: F[:17] / f32(16)),
    ("bipolar", lambda: F[:2] * 2 - 1),
    ("binary", lambda: F[:2]),
    ("binary", lambda: P[:2]),
]


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS)
def test_every_way_people_scale_pixels_is_found(
    name: str, spelling: Callable[[], NDArray[np.generic]]
) -> None:
    values = spelling()
    found = detect(values if values.dtype == np.uint8 else values.astype(np.float32))
    assert found is not None
    encoding, p = found
    assert encoding.name == name
    assert p.dtype == np.uint8
    assert (p == P[: p.size]).all()


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=lambda e: e.name)
def test_levels_are_the_nearest_float32_of_the_exact_value(encoding: Encoding) -> None:
    levels = encoding.levels()
    assert levels.dtype == np.float32
    for p, level in enumerate(levels):
        error = abs(Fraction(float(level)) - (encoding.scale * p + encoding.offset))
        assert error <= Fraction(float(np.spacing(abs(level)))) / 2
    assert (encode(levels, encoding) == np.arange(levels.size)).all()


@given(
    st.sampled_from(list(ENCODINGS.values())),
    arrays(np.uint8, array_shapes(max_dims=4, max_side=6)),
)
def test_the_levels_of_integers_are_encoded_as_these(
    encoding: Encoding, raw: NDArray[np.uint8]
) -> None:
    p = raw % (encoding.largest + 1)
    values = encoding.levels()[p]
    assert values.dtype == np.float32
    assert (encode(values, encoding) == p).all()


@given(
    st.sampled_from([e for e in ENCODINGS.values() if e.bits <= 8]),  # wider: only for padding
    arrays(np.uint8, st.integers(1, 50)),
)
def test_detected_integers_stand_for_the_same_values(
    encoding: Encoding, raw: NDArray[np.uint8]
) -> None:
    values = encoding.levels()[raw % (encoding.largest + 1)]
    found = detect(values)
    assert found is not None
    cheapest, p = found
    assert cheapest.bits <= encoding.bits
    assert np.allclose(cheapest.levels()[p], values, rtol=0, atol=2**-20)


@given(arrays(np.uint8, st.integers(1, 64)), st.integers(0, 2**32 - 1))
def test_a_sum_of_the_integers_is_the_sum_of_the_reals(raw: NDArray[np.uint8], seed: int) -> None:
    encoding = ENCODINGS["symmetric"]
    w = np.random.default_rng(seed).choice([-1, 1], raw.size)
    whole = int((w * raw.astype(int)).sum())
    exact = encoding.scale * whole + encoding.offset * int(w.sum())
    real = (w * encoding.levels()[raw].astype(np.float64)).sum()
    assert abs(float(exact) - real) <= raw.size * 2**-24


@pytest.mark.parametrize(
    "values",
    [
        [0.1],
        [0.0, 0.5, 0.3],
        [256.0],
        [-1.0, 300.0],
        [-129.0],
        [0.5 / 255],
        [1 / 127.5 - 1 + 1e-5],
        [(200 / 255 - 0.1307) / 0.3081],
        [1e30],
        [1e-38, 1.0],
    ],
)
def test_other_values_have_no_encoding(values: list[float]) -> None:
    assert detect(np.array(values, dtype=np.float32)) is None


def test_one_odd_value_at_the_end_of_a_large_array_is_noticed() -> None:
    x = np.zeros(200_001, dtype=np.float32)
    assert detect(x) is not None
    x[-1] = 0.3
    assert detect(x) is None


def test_padding_narrows_the_choice() -> None:
    x = np.array([-1.0, 1.0], dtype=np.float32)
    assert detect(x)[0].name == "bipolar"  # type: ignore[index]
    assert detect(x, also=[0.0])[0].name == "eighths"  # type: ignore[index]
    assert detect(F / f32(127.5) - 1, also=[0.5]) is None
    found = detect(F / f32(127.5) - 1, also=[0.0])
    assert found is not None
    assert found[0].name == "symmetric-with-zero"
    assert encode(np.float32([0.0]), found[0]).tolist() == [255]
    assert np.array_equal(found[1], 2 * F.astype(np.uint16))
    assert detect(F / f32(255), also=[0.0])[0].name == "unit"  # type: ignore[index]


def test_negative_zero_is_zero() -> None:
    assert encode(np.array([-0.0], dtype=np.float32), ENCODINGS["unit"]).tolist() == [0]


def test_non_contiguous_inputs_keep_their_order() -> None:
    x = ENCODINGS["unit"].levels()[np.arange(24, dtype=np.uint8).reshape(4, 6)][::2, ::-1]
    found = detect(x)
    assert found is not None
    assert found[1].tolist() == np.arange(24).reshape(4, 6)[::2, ::-1].tolist()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3), "`x` must be an array of float32 or uint8, not float64"),
        (np.zeros((0, 4), np.float32), "`x` must hold at least one value, not shape (0, 4)"),
        (np.float32([0, np.nan]), "`x` must hold finite values, not NaN or infinity"),
        (np.float32([0, -np.inf]), "`x` must hold finite values, not NaN or infinity"),
    ],
)
def test_bad_inputs_are_refused(x: NDArray[np.float32], message: str) -> None:
    for refuse in (lambda: detect(x), lambda: encode(x, ENCODINGS["unit"])):
        with pytest.raises(InputError) as error:
            refuse()
        assert str(error.value) == message


def test_encode_names_the_value_that_does_not_fit() -> None:
    with pytest.raises(InputError) as error:
        encode(np.float32([0.0, 0.3, 1.0]), ENCODINGS["sixteenths"])
    assert str(error.value) == (
        "`x` must hold only values of the encoding 'sixteenths' "
        "(1/16*p + 0, p from 0 to 31), not 0.300000012"
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(sorted(ENCODINGS)),
    size=st.sampled_from([1, 7, 8, 9, 1000, 40_000]),
    threads=st.integers(1, 2),
    units=st.integers(-40, 40),
)
def test_vector_code_gives_the_same_integers_and_the_same_verdict(
    seed: int, name: str, size: int, threads: int, units: int
) -> None:
    encoding = ENCODINGS[name]
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, encoding.largest + 1, size).astype(np.uint16)
    x = encoding.levels()[grey]
    place = int(rng.integers(size))
    for _ in range(abs(units)):  # so many units in the last place away
        x[place] = np.nextafter(x[place], np.float32(np.copysign(np.inf, units)))
    expected = _integers(x, encoding)
    found = np.zeros(size, np.uint8 if encoding.bits <= 8 else np.uint16)
    assert _encoded(x, encoding, found, threads) == (expected is not None)
    if expected is not None:
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(encode(x, encoding, threads=threads), expected)
    else:
        with pytest.raises(InputError):
            encode(x, encoding)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -1.1, 1.1, 0.001])
@pytest.mark.parametrize("place", [0, 5, 8])
def test_a_value_that_is_no_step_is_seen_wherever_it_stands(value: float, place: int) -> None:
    x = np.zeros(9, np.float32) - 1
    x[place] = value
    assert not _encoded(x, ENCODINGS["symmetric"], np.zeros(9, np.uint8), 1)
    with pytest.raises(InputError):
        encode(x, ENCODINGS["symmetric"])
