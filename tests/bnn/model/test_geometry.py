"""Windows against the definition written out pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bnn.model.geometry import WindowAxis, largest, patches
from pimsim.errors import InputError

sizes = st.integers(1, 12)


@st.composite
def axes(draw):
    size, kernel, stride = draw(sizes), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["valid", "same"]))
    assume(padding == "same" or (kernel - 1) * dilation < size)
    return padding, WindowAxis.padded(size, kernel, stride, dilation, padding)


@st.composite
def strange(draw):
    """Windows of any kind: padded, cut off, over an input that is spread out."""
    few, many = st.integers(1, 3), st.integers(1, 6)
    return WindowAxis(
        draw(many), draw(few), draw(many), draw(few), draw(few), draw(st.integers(-4, 5)), draw(few)
    )


@given(strange())
def test_a_tap_reads_the_pixel_at_its_place(axis):
    at = {pixel * axis.spacing: pixel for pixel in range(axis.size)}
    for window, taps in enumerate(axis.taps()):
        places = [
            window * axis.stride + k * axis.dilation - axis.before for k in range(axis.kernel)
        ]
        assert taps.tolist() == [at.get(place, -1) for place in places]


@given(axes())
def test_windows_are_those_of_the_definition(case):
    padding, axis = case
    reach = (axis.kernel - 1) * axis.dilation + 1
    if padding == "valid":
        starts = [s for s in range(0, axis.size, axis.stride) if s + reach <= axis.size]
    else:
        out = len(range(0, axis.size, axis.stride))
        missing = max((out - 1) * axis.stride + reach - axis.size, 0)
        starts = [i * axis.stride - missing // 2 for i in range(out)]
        assert axis.before == missing // 2
    assert axis.starts().tolist() == starts
    assert axis.out == len(starts)
    if axis.dilation == 1:  # what pooling relies on: no window lies in the padding altogether
        assert (axis.taps() >= 0).any(axis=1).all()


ANY = axes().map(lambda case: (True, case[1])) | strange().map(lambda axis: (False, axis))


@given(ANY, ANY, st.integers(0, 2**32 - 1))
def test_patches_and_pools_read_the_taps(down, across, seed):
    (usual, rows), (as_well, columns) = down, across
    rng = np.random.default_rng(seed)
    images = rng.integers(-9, 10, (2, rows.size, columns.size, 3)).astype(np.int8)
    cut = patches(images, (rows, columns), 7, np.float64)
    cut = cut.reshape(2, rows.out, columns.out, rows.kernel, columns.kernel, 3)
    pools = usual and as_well and rows.dilation == columns.dilation == 1
    pooled = largest(images, (rows, columns)) if pools else None
    for i, down in enumerate(rows.taps()):
        for j, across in enumerate(columns.taps()):
            real = []
            for a, y in enumerate(down):
                for b, x in enumerate(across):
                    wanted = np.full((2, 3), 7.0)
                    if y >= 0 and x >= 0:
                        wanted = images[:, y, x]
                        real.append(wanted)
                    assert np.array_equal(cut[:, i, j, a, b], wanted)
            if pooled is not None:
                assert np.array_equal(pooled[:, i, j], np.max(real, axis=0))


def test_impossible_windows_are_refused():
    message = "`kernel` must reach over at most the 4 pixels of its input, not 5"
    with pytest.raises(InputError, match=message):
        WindowAxis.padded(4, 3, dilation=2)
    with pytest.raises(InputError, match="`out` must be a positive integer, not 0"):
        WindowAxis(4, 3, 0)
