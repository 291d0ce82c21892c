"""Layers that put values elsewhere and compute nothing.

>>> Pad("z", ((1, 0), (0, 2))).shape_after((4, 4, 3))
(5, 6, 3)
>>> Reshape("r", (2, -1)).shape_after((4, 4, 3))
(2, 24)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.layers.layer import Reader, Reading, Shape, Unary, misfit, nothing
from bnn.model.operand_encoding import OperandEncoding


class _Moves(Unary):
    """Layers that leave every value as it is."""

    __slots__ = ()

    selects = True


@dataclass(frozen=True, slots=True)
class Flatten(_Moves):
    """All axes into one, the last varying fastest."""

    def _shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.reshape(len(x), -1)


@dataclass(frozen=True, slots=True)
class Reshape(_Moves):
    """The same values in other axes."""

    target: Shape
    """At most one size may be -1: what is left."""

    def _shape(self, shape: Shape) -> Shape:
        known, total = prod(size for size in self.target if size != -1), prod(shape)
        wanted = tuple(total // max(known, 1) if size == -1 else size for size in self.target)
        if prod(wanted) != total or self.target.count(-1) > 1:
            raise misfit(self.name, f"that reshapes to {self.target}", shape)
        return wanted

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.reshape(len(x), *self.shape_after(x.shape[1:]))


@dataclass(frozen=True, slots=True)
class Permute(_Moves):
    """The axes in another order."""

    order: Shape
    """For each axis of the output, that of the input, counted from 1."""

    def _shape(self, shape: Shape) -> Shape:
        if sorted(self.order) != list(range(1, len(shape) + 1)):
            raise misfit(self.name, f"of {len(self.order)} axes", shape)
        return tuple(shape[axis - 1] for axis in self.order)

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(x.transpose(0, *self.order))


@dataclass(frozen=True, slots=True)
class Pad(Unary):
    """Zeros around the spatial axes: real zeros, which a sign quantizer behind turns into +1.

    An operator may put another number there, and around the channels, too.
    """

    margins: tuple[tuple[int, int], ...]
    """Before and after, for each spatial axis, or for all axes."""
    value: float = 0.0

    def _shape(self, shape: Shape) -> Shape:
        if len(self.margins) not in (len(shape) - 1, len(shape)):
            raise misfit(self.name, f"{len(self.margins)} spatial axes and channels", shape)
        sides = zip(shape, self._all(len(shape)), strict=True)
        return tuple(size + before + after for size, (before, after) in sides)

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.pad(x, ((0, 0), *self._all(x.ndim - 1)), constant_values=self.value)

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """Return the input's encoding, extended by the padding, in smaller steps if needed."""
        (encoding,) = encodings
        return None if encoding is None else encoding.including(self.value)

    @property
    def commutes(self) -> bool:
        """With 0 the bits of a sign can be padded in place of its values."""
        return self.value == 0.0

    def _all(self, rank: int) -> tuple[tuple[int, int], ...]:
        return (*self.margins, (0, 0))[:rank]


@dataclass(frozen=True, slots=True, eq=False)
class Pick(_Moves):
    """Each output one of the inputs: slices, splits, transposed, tiled and turned images."""

    index: NDArray[np.intp]
    """In the shape of the output, the place of each value in the input, its axes in one."""
    inputs: Shape
    """Shape of the input."""

    def _shape(self, shape: Shape) -> Shape:
        if shape != self.inputs:
            raise misfit(self.name, str(self.inputs), shape)
        return self.index.shape

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.reshape(len(x), -1)[:, self.index]


@dataclass(frozen=True, slots=True)
class Crop(_Moves):
    """Less of the spatial axes."""

    margins: tuple[tuple[int, int], ...]
    """Before and after, for each spatial axis."""

    def _shape(self, shape: Shape) -> Shape:
        sides = zip(shape, self.margins, strict=False)
        left = tuple(size - before - after for size, (before, after) in sides)
        if len(shape) != len(self.margins) + 1 or min(left, default=0) < 1:
            raise misfit(self.name, f"from which {self.margins} can be cut", shape)
        return (*left, shape[-1])

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        sizes = zip(x.shape[1:], self.margins, strict=False)
        inside = tuple(slice(before, size - after) for size, (before, after) in sizes)
        return x[(slice(None), *inside)]


@dataclass(frozen=True, slots=True)
class UpSample(_Moves):
    """Every pixel several times: upsampling to the nearest neighbour."""

    times: Shape
    """For each spatial axis."""

    def _shape(self, shape: Shape) -> Shape:
        if len(shape) != len(self.times) + 1:
            raise misfit(self.name, f"{len(self.times)} spatial axes and channels", shape)
        return (*(a * b for a, b in zip(shape, self.times, strict=False)), shape[-1])

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        for axis, times in enumerate(self.times, start=1):
            x = x.repeat(times, axis)
        return x


def _flatten(reading: Reading) -> tuple[Flatten]:
    if reading.fields.get("data_format") not in (None, "channels_last"):
        reading.fields.refuse("data_format", "'channels_last'")
    return (Flatten(reading.name),)


def _reshape(reading: Reading) -> tuple[Reshape]:
    target = reading.fields.get("target_shape")
    sizes = target if isinstance(target, list) else []
    if not sizes or not all(type(size) is int and (size > 0 or size == -1) for size in sizes):
        reading.fields.refuse("target_shape", "positive sizes, of which one may be -1")
    return (Reshape(reading.name, tuple(sizes)),)


def _permute(reading: Reading) -> tuple[Permute]:
    order = reading.fields.get("dims")
    axes = order if isinstance(order, list) else []
    if not all(type(axis) is int for axis in axes):
        reading.fields.refuse("dims", "axes of the input")
    return (Permute(reading.name, tuple(axes)),)


def _margins(make: type[Pad] | type[Crop], key: str) -> Reader:
    def read(reading: Reading) -> tuple[Pad | Crop]:
        reading.spatial()
        return (make(reading.name, reading.fields.margins(key, reading.rank)),)

    return read


def _upsampling(reading: Reading) -> tuple[UpSample]:
    reading.spatial()
    if reading.fields.get("interpolation") not in (None, "nearest"):
        reading.fields.refuse("interpolation", "'nearest'")
    return (UpSample(reading.name, reading.fields.sizes("size", reading.rank)),)


TRAINING_ONLY = (
    *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"),
    *("SpatialDropout1D", "SpatialDropout2D"),
)
"""Layers that do something in training only."""

READERS: dict[str, Reader] = {
    **dict.fromkeys(("Cropping1D", "Cropping2D"), _margins(Crop, "cropping")),
    "Flatten": _flatten,
    "Permute": _permute,
    "Reshape": _reshape,
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), _upsampling),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), _margins(Pad, "padding")),
    **dict.fromkeys((*TRAINING_ONLY, "Identity"), nothing),
}
"""By class in a model file."""
