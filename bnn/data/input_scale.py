"""Scales in which pixels are fed to a network, whatever scale a file has them in.

>>> x = np.uint8([[0, 51, 255]])
>>> InputScale.parse("symmetric").applied(x)[0].tolist()
[[-1.0, -0.6000000238418579, 1.0]]
>>> scaled, encoding = InputScale.parse("standardised:51,102").applied(x)
>>> scaled.tolist(), str(encoding.scale), str(encoding.offset)
([[-0.5, 0.0, 2.0]], '1/102', '-1/2')
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bnn.values.encoding import ENCODINGS, Encoding, Integers, detect, encode
from pimsim.documents import meant
from pimsim.errors import InputError

Inputs = NDArray[np.float32] | NDArray[np.uint8]

RAW = ENCODINGS["uint8"]
PIXELS = {"raw": RAW, "unit": ENCODINGS["unit"], "symmetric": ENCODINGS["symmetric"]}
"""Encodings of 8-bit pixels by the name of their scale."""
STANDARDISED = "standardised"
FORMS = "raw, unit, symmetric or standardised:MEAN,STD"
"""How scales are written."""

_READ = (*PIXELS.values(), *(ENCODINGS[n] for n in ("unit-256", "symmetric-256", "centred")))
_FARTHEST = 1 << 16
"""Most steps from 0: beyond that, float32 does not distinguish levels well enough."""
_LARGEST = 10**9


def pixels_of(x: Inputs) -> tuple[Encoding, Integers] | None:
    """Return the 8-bit pixels that inputs were made of, and their scale; None if not of pixels."""
    if x.dtype == np.uint8:
        return RAW, x.astype(np.uint8, copy=False)
    found = detect(x)
    if found is None:
        return None
    for encoding in _READ:
        try:
            return encoding, encode(x, encoding)
        except InputError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class InputScale:
    """How inputs are scaled."""

    text: str
    """As it was written."""
    name: str
    """One of :data:`PIXELS`, or ``standardised``."""
    mean: tuple[Fraction, ...] = ()
    """Subtracted from the values of the file: one for all channels, or one for each."""
    std: tuple[Fraction, ...] = ()
    """What the difference is divided by."""

    @staticmethod
    def parse(text: str) -> InputScale:
        """Read :data:`FORMS`; with n channels also ``standardised:MEAN1,...,MEANn,STD1,...,STDn``.

        Raises:
            InputError: another name, or numbers that are none.
        """
        name, colon, rest = text.partition(":")
        if name == "standardized":
            name = STANDARDISED
        if name in PIXELS and not colon:
            return InputScale(text, name)
        if name != STANDARDISED:
            near = meant(name, (*PIXELS, STANDARDISED))
            raise InputError(f"`--input-scale` must be {FORMS}, not {text!r}{near}")
        numbers = rest.split(",")
        try:
            given = [_number(one) for one in numbers]
        except (ValueError, ZeroDivisionError):
            given = []
        half = len(given) // 2
        if not given or len(given) % 2:
            raise InputError(
                "`--input-scale` must give numbers as standardised:MEAN,STD, or a mean and then a "
                f"standard deviation for each channel, not {text!r}"
            )
        mean, std = tuple(given[:half]), tuple(given[half:])
        for one in std:
            if not one > 0:
                raise InputError(
                    f"`--input-scale` must have a positive standard deviation, not {float(one):g}"
                )
        return InputScale(text, name, mean, std)

    def applied(self, x: Inputs) -> tuple[Inputs, Encoding | None]:
        """Return the inputs in this scale, and their encoding if it is none of the usual ones.

        Args:
            x: ``(n, ...)``, in any scale of 8-bit pixels; or of any values, to be standardised.

        Raises:
            InputError: there are no 8-bit pixels behind ``x``, or it has other channels.
        """
        found = pixels_of(x)
        if self.name in PIXELS:
            if found is None:
                raise InputError(
                    f"`--input-scale {self.name}` must be given with 8-bit pixels (0 to 255, "
                    "or scaled in a usual way), not with other numbers; standardised:MEAN,STD "
                    "scales any"
                )
            if self.name == "raw":
                return found[1].astype(np.uint8, copy=False), None
            return PIXELS[self.name].levels()[found[1]], None
        if len(self.mean) == 1:
            encoding = None if found is None else self._encoding(found[0])
            if encoding is not None and found is not None:
                return encoding.levels()[found[1]], encoding
        elif x.shape[-1] != len(self.mean):
            raise InputError(
                f"`--input-scale` must give one mean, or as many as inputs have channels, "
                f"{x.shape[-1]}, not {len(self.mean)}"
            )
        mean, std = (np.array([float(v) for v in each]) for each in (self.mean, self.std))
        return ((x - mean) / std).astype(np.float32), None

    def _encoding(self, base: Encoding) -> Encoding | None:
        offset = base.offset - self.mean[0]
        if abs(offset / base.scale) > _FARTHEST:
            return None
        std = self.std[0]
        return Encoding(self.text, base.bits, base.scale / std, offset / std)


def _number(text: str) -> Fraction:
    if len(text) > 40:
        raise ValueError(text)
    value = float(text)  # "1/2" and "nan" are not what is meant
    if not abs(value) < _LARGEST or 0 < abs(value) < 1 / _LARGEST:
        raise ValueError(text)
    return Fraction(text.strip()) if value else Fraction(0)
