"""Windows as one patch that is moved over a framed image."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn.backends.stage_strings import moved_patch
from bnn.lowering.stage import windows
from bnn.model.network import Conv2D, MaxPool2D
from bnn.values.bitstrings import BitStrings
from pimsim.bits import unpack
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_bits import Gather


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid"]),
    pool=st.booleans(),
    channels=st.integers(1, 9),
    planes=st.sampled_from([1, 3, 8]),
    images=st.integers(1, 3),
)
def test_columns_hold_what_their_windows_read(
    seed: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilation: int,
    padding: str,
    pool: bool,
    channels: int,
    planes: int,
    images: int,
) -> None:
    random = np.random.default_rng(seed)
    reach = [(k - 1) * dilation + 1 for k in kernel]
    if padding == "valid":
        size = max(size[0], reach[0] + strides[0]), max(size[1], reach[1] + strides[1])
    weights = np.ones((*kernel, channels, 1), np.float32)
    conv = Conv2D(
        "c", weights, None, "ste_sign", "ste_sign",
        strides=(1, 1) if dilation > 1 else strides, dilation=(dilation, dilation),
        padding="same" if padding == "same" else "valid",
    )  # fmt: skip
    shape = (*size, channels)
    laid = windows(conv, shape, MaxPool2D("p", (2, 2), (2, 2), "same") if pool else None)
    patch = moved_patch(laid.pixels, size)
    if patch is None:  # no window lies inside the image as a whole
        assert (laid.pixels < 0).any(axis=1).all()
        return
    values = random.integers(0, 2**planes, (images, size[0] * size[1], channels)).astype(np.uint16)
    pad = int(random.integers(0, 2**planes))
    packed = patch.framed(BitStrings.of(values, planes), pad)
    first, last = sorted(random.choice(channels + 1, 2, replace=False).tolist())
    tiles = Tiles(images * laid.positions, 1600)
    pixel_bits = packed.pixel_bytes * 8
    origins = np.arange(images)[:, None] * packed.image_bytes + patch.origins * packed.pixel_bytes
    runs = [(place * pixel_bits + first * planes, (last - first) * planes)
            for place in patch.places.tolist()]  # fmt: skip
    gather = Gather(origins.reshape(-1), runs, tiles, first_row=2)
    gather.load(packed.memory, len(packed) * packed.image_bytes)
    read = np.where(laid.pixels[..., None] < 0, pad, values[:, laid.pixels])[..., first:last]
    bits = read[..., None] >> np.arange(planes, dtype=np.uint16) & 1
    wanted = bits.reshape(images * laid.positions, -1).T
    assert gather.rows == len(wanted)
    for row, expected in enumerate(wanted):
        found = unpack(tiles.load(2 + row), images * laid.positions)
        np.testing.assert_array_equal(found, expected)


def test_windows_that_are_no_moved_patch_are_seen() -> None:
    assert moved_patch(np.array([[0, 1], [2, 4]]), (1, 5)) is None  # another shape
    assert moved_patch(np.array([[0, 1], [4, 5]]), (2, 5)) is None  # one goes on in the next line
    assert moved_patch(np.array([[-1, 0], [1, -1]]), (1, 2)) is None  # nowhere whole
    assert moved_patch(np.array([[0, 1], [-1, -1]]), (1, 2)) is None  # nothing but padding
    assert moved_patch(np.array([[0, 1], [1, -1]]), (1, 3)) is None  # padding inside the image
    assert moved_patch(np.array([[0, 1], [1, -1]]), (1, 2)) is not None
