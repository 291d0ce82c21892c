"""How far float32 sums may lie from exact ones, and which predictions are compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.keras.accumulators import rounding_bound
from bnn.keras.check import compare_predictions
from bnn.model.network import Conv2D, Dense
from bnn.values.encoding import ENCODINGS


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(ENCODINGS)), st.integers(1, 300))
def test_float32_sums_in_any_order_stay_within_the_bound(seed, name, fan_in):
    rng, encoding = np.random.default_rng(seed), ENCODINGS[name]
    layer = Dense("d", rng.normal(size=(fan_in, 1)).astype(np.float32), None, None, "ste_sign")
    p = rng.integers(0, encoding.largest + 1, (5, fan_in), dtype=np.uint16)
    x = encoding.levels()[p]
    signs = np.where(layer.kernel[:, 0] >= 0, 1, -1)
    bound = rounding_bound(layer, x, p, encoding)
    assert bound.shape == (5, 1)
    terms = rng.permutation((x * signs).astype(np.float32), axis=1)
    for image in range(5):
        exact = sum(
            (encoding.scale * int(v) + encoding.offset) * int(w)
            for v, w in zip(p[image], signs, strict=True)
        )
        total = np.add.accumulate(terms[image], dtype=np.float32)[-1]
        assert abs(float(total) - float(exact)) <= bound[image, 0]
    assert (bound <= 2e-5 * np.maximum(1, np.abs(x).sum(axis=1, keepdims=True))).all()


def test_the_bound_of_a_convolution_counts_its_padding():
    kernel = np.ones((3, 3, 2, 4), np.float32)
    conv = Conv2D("c", kernel, None, None, "ste_sign", padding="same", pad_values=1.0)
    encoding = ENCODINGS["uint8"]
    p = np.full((1, 4, 5, 2), 3, np.uint8)
    bound = rounding_bound(conv, p.astype(np.float32), p, encoding)
    growth = 17 * 2.0**-24 / (1 - 17 * 2.0**-24)
    assert bound.shape == (1, 4, 5, 1)
    assert bound[0, 2, 2, 0] == pytest.approx(growth * 18 * 3, rel=1e-6)
    assert bound[0, 0, 0, 0] == pytest.approx(growth * (8 * 3 + 10 * 1), rel=1e-6)


def test_predictions_are_compared_where_keras_prefers_one_class():
    theirs = np.float32([[5, 5, 0], [5, 5.000001, 0], [5, 5.1, 0], [1, 0, 0], [9, 0, 1]])
    outputs = np.float32([[0, 1, 0], [0, 1, 0], [0, 1, 0], [0.5, 0.5, 0], [1, 0, 0]])
    assert compare_predictions(theirs[:, ::-1].copy(), theirs, outputs) == (2, 1)
    assert compare_predictions(theirs, theirs, outputs) == (2, 0)
    assert compare_predictions(theirs[:, :1], theirs[:, :1], outputs[:, :1]) == (0, 0)
