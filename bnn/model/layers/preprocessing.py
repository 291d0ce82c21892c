"""Layers with which a network prepares its inputs: scales, statistics, sizes of images.

A scale and an offset for all values do not change the integers, only the numbers that they stand
for. So pixels after such a layer are multiplied in DRAM as they were before it.

>>> layer = Affine("r", "rescale", (np.float32(1 / 127.5), np.float32(-1)))
>>> layer.run(np.float32([[0, 255]])).tolist()
[[-1.0, 1.0]]
>>> pixels = layer.encoding_after(OperandEncoding(256))
>>> str(pixels.scale), str(pixels.offset)
('2/255', '-1')
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnn.model.layers.layer import Reader, Reading, Shape, Unary, Weights, misfit, nothing
from bnn.model.layers.shape import Crop
from bnn.model.operand_encoding import OperandEncoding
from pimsim.errors import InputError

_EPSILON = 1e-7
"""Smallest deviation that Keras divides by, its ``backend.epsilon()``."""

_LIMITS = tuple(1 << bits for bits in range(25))
"""Largest denominator that is tried to find a fraction for a float32."""


def fraction(value: float) -> Fraction:
    """Return a short fraction that float32 does not tell from ``value``.

    >>> str(fraction(np.float32(1 / 255))), str(fraction(0.1)), str(fraction(-1.0))
    ('1/255', '1/10', '-1')
    """
    target = np.float32(value)
    exact = Fraction(float(target))
    for limit in _LIMITS:
        found = exact.limit_denominator(limit)
        if np.float32(float(found)) == target:
            return found
    return exact


LINES: dict[str, tuple[Callable[..., Any], Callable[..., tuple[Fraction, Fraction]]]] = {
    "rescale": (lambda x, scale, offset: x * scale + offset, lambda scale, offset: (scale, offset)),
    "standardize": (
        lambda x, mean, deviation: (x - mean) / deviation,
        lambda mean, deviation: (1 / deviation, -mean / deviation),
    ),
    "restore": (
        lambda x, mean, deviation: mean + x * deviation,
        lambda mean, deviation: (deviation, mean),
    ),
}
"""By name, a straight line of x and two parameters, each step of which rounds, and its factor and
summand."""


@dataclass(frozen=True, slots=True, eq=False)
class Affine(Unary):
    """A straight line: every value times a number, plus a number."""

    formula: str
    """Name in :data:`LINES`."""
    parameters: tuple[Weights, Weights]
    """Numbers, or arrays that broadcast over an input."""

    @property
    def line(self) -> tuple[Fraction, Fraction] | None:
        """Factor and summand; None where parameters are not the same for all values."""
        if any(one.size > 1 for one in self.parameters):
            return None
        return LINES[self.formula][1](*(fraction(one.item()) for one in self.parameters))

    def _shape(self, shape: Shape) -> Shape:
        """The shape of the input, larger if one value is multiplied by several factors."""
        both = [one.shape for one in self.parameters]
        try:
            wide = np.broadcast_shapes(shape, *both)
        except ValueError:
            wide = ()
        if len(wide) != len(shape):
            raise misfit(self.name, f"that parameters of shape {max(both, key=len)} fit", shape)
        return wide

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        run, _ = LINES[self.formula]
        return cast(NDArray[Any], run(x, *(one.astype(x.dtype) for one in self.parameters)))

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """The same integers, standing for other numbers."""
        (encoding,) = encodings
        line = self.line
        return None if encoding is None or line is None else encoding.along(*line)

    @property
    def monotone(self) -> bool:
        """A rising line of all channels alike."""
        return self.line is not None and self.line[0] > 0


@dataclass(frozen=True, slots=True)
class Resize(Unary):
    """Images of another size, as ``tf.image.resize`` makes them."""

    height: int
    width: int
    bilinear: bool
    """Else the nearest pixel."""

    def _shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise misfit(self.name, "(height, width, channels)", shape)
        return (self.height, self.width, shape[-1])

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """In float32: first along rows, then between them."""
        if x.shape[1:3] == (self.height, self.width):
            return x
        if not self.bilinear:
            rows, columns = _nearest(x.shape[1], self.height), _nearest(x.shape[2], self.width)
            return x[:, rows][:, :, columns]
        image = x.astype(np.float32, copy=False)
        low, high, part = _between(image.shape[2], self.width)
        left, right = image[:, :, low], image[:, :, high]
        image = left + (right - left) * part[:, None]
        low, high, part = _between(image.shape[1], self.height)
        top, bottom = image[:, low], image[:, high]
        result: NDArray[Any] = top + (bottom - top) * part[:, None, None]
        return result.astype(x.dtype, copy=False)

    @property
    def selects(self) -> bool:
        """The nearest pixel is one of the input."""
        return not self.bilinear


def _centres(size: int, wanted: int) -> NDArray[np.float32]:
    scale = np.float32(size) / np.float32(wanted)
    return ((np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * scale).astype(np.float32)


def _nearest(size: int, wanted: int) -> NDArray[np.intp]:
    return np.minimum(np.floor(_centres(size, wanted)), size - 1).astype(np.intp)


def _between(
    size: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Pixels below and above every place, and how far it lies from the first to the second."""
    place = _centres(size, wanted) - np.float32(0.5)
    floor = np.floor(place)
    low = np.maximum(floor, 0).astype(np.intp)
    high = np.minimum(np.ceil(place), size - 1).astype(np.intp)
    return low, high, place - floor


def _numbers(reading: Reading, key: str, default: float | None = None) -> Weights:
    """A number, or a list (of lists) of numbers, of a configuration."""
    value = reading.fields.get(key)
    value = default if value is None else value
    if value is None:
        reading.fields.refuse(key, "a number or a list of numbers")
    if isinstance(value, dict):  # an array, as Keras 2 writes it into a .keras file
        inner = value.get("config")
        value = inner.get("value") if isinstance(inner, dict) else None
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        reading.fields.refuse(key, "a number or a list of numbers")
    if found.size == 0 or not np.isfinite(found).all() or np.abs(found).max() > 3e38:
        reading.fields.refuse(key, "finite numbers")
    return found.astype(np.float32)


def _rescaling(reading: Reading) -> tuple[Affine]:
    numbers = _numbers(reading, "scale"), _numbers(reading, "offset", 0.0)
    return (Affine(reading.name, "rescale", numbers),)


def _normalization(reading: Reading) -> tuple[Affine]:
    fields, rank = reading.fields, len(reading.shape)
    axis = fields.values.get("axis", -1)
    listed = [] if axis is None else axis if isinstance(axis, list) else [axis]
    axes = [one for one in listed if type(one) is int and (0 < one <= rank or -rank <= one < 0)]
    if len(axes) != len(listed):
        fields.refuse("axis", "axes of the input")
    kept = sorted({one - 1 if one > 0 else rank + one for one in axes})
    sizes = tuple(reading.shape[one] for one in kept)
    if fields.get("mean") is None:
        arrays = reading.arrays({"mean": sizes, "variance": sizes, "count": ()})
        mean, variance = arrays["mean"], arrays["variance"]
    else:
        mean, variance = (_numbers(reading, key) for key in ("mean", "variance"))
    wide = tuple(size if place in kept else 1 for place, size in enumerate(reading.shape))
    try:
        mean, variance = (np.broadcast_to(one, sizes).reshape(wide) for one in (mean, variance))
    except ValueError:
        fields.refuse("mean", f"numbers that fit the axes {axes} of {reading.shape}")
    if (variance < 0).any():
        raise InputError(f"{reading.where}: `variance` must be at least 0")
    deviation = np.maximum(np.sqrt(variance), np.float32(_EPSILON)).astype(np.float32)
    if not np.ptp(mean) and not np.ptp(deviation):
        mean, deviation = mean.ravel()[:1], deviation.ravel()[:1]
    formula = "restore" if fields.flag("invert", False) else "standardize"
    return (Affine(reading.name, formula, (mean, deviation)),)


def _resizing(reading: Reading) -> tuple[Crop | Resize, ...]:
    fields = reading.fields
    _, aspect = reading.spatial(), fields.flag("crop_to_aspect_ratio", False)
    kind = fields.get("interpolation")
    if kind not in (None, "nearest", "bilinear"):
        fields.refuse("interpolation", "'nearest' or 'bilinear'")
    return _resized(reading, crop=aspect, bilinear=kind != "nearest")


def _center_crop(reading: Reading) -> tuple[Crop | Resize, ...]:
    height, width, _ = reading.spatial()
    wanted = reading.fields.size("height"), reading.fields.size("width")
    if height < wanted[0] or width < wanted[1]:
        return _resized(reading, crop=True, bilinear=True)
    return _cut(reading.name, (height, width), wanted)


def _random_crop(reading: Reading) -> tuple[Crop | Resize, ...]:
    # Where nothing is random, Keras resizes the largest window of that aspect ratio.
    reading.spatial()
    return _resized(reading, crop=True, bilinear=True)


def _resized(reading: Reading, *, crop: bool, bilinear: bool) -> tuple[Crop | Resize, ...]:
    height, width, _ = reading.shape
    wanted = reading.fields.size("height"), reading.fields.size("width")
    cut: tuple[Crop, ...] = ()
    if crop:
        inside = (
            min(height, int(np.float32(width * wanted[0]) / np.float32(wanted[1]))),
            min(width, int(np.float32(height * wanted[1]) / np.float32(wanted[0]))),
        )
        if min(inside) < 1:
            reading.fields.refuse("height", f"of an aspect ratio that fits {(height, width)}")
        cut = _cut(f"{reading.name}/crop", (height, width), inside)
        height, width = inside
    if (height, width) == wanted:
        return cut
    return (*cut, Resize(reading.name, *wanted, bilinear))


def _cut(name: str, size: tuple[int, int], wanted: tuple[int, int]) -> tuple[Crop, ...]:
    """The window in the middle; nothing if that is all of it."""
    margins = []
    for one, kept in zip(size, wanted, strict=True):
        before = (one - kept) // 2
        margins.append((before, one - kept - before))
    return () if size == wanted else (Crop(name, tuple(margins)),)


RANDOM = (
    *("RandomBrightness", "RandomContrast", "RandomFlip", "RandomHeight", "RandomRotation"),
    *("RandomTranslation", "RandomWidth", "RandomZoom"),
)
"""Layers that change images in training only."""

READERS: dict[str, Reader] = {
    "CenterCrop": _center_crop,
    "Normalization": _normalization,
    "RandomCrop": _random_crop,
    "Rescaling": _rescaling,
    "Resizing": _resizing,
    **dict.fromkeys(RANDOM, nothing),
}
"""By class in a model file."""
