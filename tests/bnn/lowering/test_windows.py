"""Columns and their patches against convolution and pooling spelt out."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnn.lowering.stage import lay, windows
from bnn.model.geometry import Padding, WindowAxis
from bnn.model.network import Conv2D, Dense, MaxPool2D

PADDINGS = st.sampled_from(["valid", "same"])


@st.composite
def _layers(draw: st.DrawFn) -> tuple[Conv2D, MaxPool2D | None, tuple[int, int, int]]:
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    strides = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding: Padding = draw(PADDINGS)
    channels = draw(st.integers(1, 3))
    conv = Conv2D(
        "conv",
        np.ones((*kernel, channels, 2), np.float32),
        None,
        "ste_sign",
        "ste_sign",
        strides=strides,
        dilation=dilation,
        padding=padding,
    )
    pool = draw(
        st.none()
        | st.builds(
            MaxPool2D,
            st.just("pool"),
            st.tuples(st.integers(1, 3), st.integers(1, 3)),
            st.tuples(st.integers(1, 3), st.integers(1, 3)),
            PADDINGS,
        )
    )
    shape = (draw(st.integers(9, 12)), draw(st.integers(9, 12)), channels)
    return conv, pool, shape


def _places(axes: tuple[WindowAxis, WindowAxis]) -> list[list[tuple[int, int] | None]]:
    """For every window, the place each tap reads, None outside."""
    rows, columns = (axis.taps() for axis in axes)
    return [
        [None if y < 0 or x < 0 else (int(y), int(x)) for y, x in itertools.product(down, across)]
        for down, across in itertools.product(rows, columns)
    ]


@given(_layers())
def test_every_offset_reads_the_taps_of_its_convolution_window(
    case: tuple[Conv2D, MaxPool2D | None, tuple[int, int, int]],
) -> None:
    conv, pool, shape = case
    laid = windows(conv, shape, pool)
    axes = conv.sides(shape)
    reads = _places(axes)
    wide = axes[1].out
    pooled: list[list[tuple[int, int] | None]] = [[(y, x)] for y in range(axes[0].out)
                                                  for x in range(wide)]  # fmt: skip
    if pool is not None:
        pooled = _places(pool.axes(conv.shape_after(shape)))
    assert laid.positions == len(pooled)
    for position, members in enumerate(pooled):
        assert laid.offsets == len(members)
        for offset, member in enumerate(members):
            where = -1 if member is None else member[0] * wide + member[1]
            assert laid.outputs[offset, position] == where
            if member is not None:
                wanted = [-1 if p is None else p[0] * shape[1] + p[1] for p in reads[where]]
                assert laid.pixels[position, laid.taps[offset]].tolist() == wanted


@given(_layers())
def test_a_patch_holds_no_pixel_twice(
    case: tuple[Conv2D, MaxPool2D | None, tuple[int, int, int]],
) -> None:
    laid = windows(case[0], case[2], case[1])
    for patch in laid.pixels:
        real = patch[patch >= 0]
        assert len(np.unique(real)) == len(real)
    assert set(laid.taps.reshape(-1)) == set(range(laid.patch))


def test_a_dense_layer_on_three_axes_has_a_column_for_each_position() -> None:
    laid = windows(Dense("d", np.ones((5, 2), np.float32), None), (3, 4, 5), None)
    assert (laid.positions, laid.patch, laid.offsets, laid.channels) == (12, 1, 1, 5)
    assert laid.pixels[:, 0].tolist() == list(range(12))


@given(
    size=st.integers(1, 6),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    crop=st.integers(0, 3),
    out=st.integers(1, 12),
)
def test_a_transposed_convolution_is_one_over_a_spread_out_input_with_the_kernel_turned_round(
    size: int, kernel: int, stride: int, dilation: int, crop: int, out: int
) -> None:
    rng = np.random.default_rng(size)
    x, weights = rng.integers(-9, 10, size), rng.integers(-9, 10, kernel)
    wanted = np.zeros((size + kernel) * 3 * 2 + out + crop, int)
    for pixel, tap in itertools.product(range(size), range(kernel)):
        wanted[pixel * stride + tap * dilation] += x[pixel] * weights[tap]
    before = (kernel - 1) * dilation - crop
    side = WindowAxis(size, kernel, out, dilation=dilation, before=before, spacing=stride)
    laid = lay(1, [side])
    read = laid.pixels[:, laid.taps[0]]
    found = np.where(read < 0, 0, x[read]) @ weights[::-1]
    assert found.tolist() == wanted[crop : crop + out].tolist()


@given(_layers())
def test_one_axis_is_laid_as_each_of_two(
    case: tuple[Conv2D, MaxPool2D | None, tuple[int, int, int]],
) -> None:
    conv, pool, shape = case
    both = windows(conv, shape, pool)
    over = pool.axes(conv.shape_after(shape)) if pool is not None else None
    down, across = (
        lay(shape[2], [axis], None if over is None else [over[number]])
        for number, axis in enumerate(conv.sides(shape))
    )
    assert both.positions == down.positions * across.positions
    assert both.patch == down.patch * across.patch
    for offset, (y, x) in enumerate(itertools.product(range(down.offsets), range(across.offsets))):
        rows = down.pixels[:, down.taps[y]][:, None, :, None]
        columns = across.pixels[:, across.taps[x]][None, :, None, :]
        wanted = np.where((rows < 0) | (columns < 0), -1, rows * shape[1] + columns)
        assert np.array_equal(both.pixels[:, both.taps[offset]], wanted.reshape(both.positions, -1))
