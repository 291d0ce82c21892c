"""Typed access to the JSON of a model file, which is somebody else's and may hold anything.

>>> fields = Fields({"units": 10, "strides": [2, 1]}, "layer 2 of 3, 'fc' (QuantDense)")
>>> fields.size("units"), fields.pair("strides"), fields.flag("use_bias", True)
(10, (2, 1), True)
>>> fields.flag("units", False)
Traceback (most recent call last):
    ...
pimsim.errors.InputError: layer 2 of 3, 'fc' (QuantDense): `units` must be true or false, not 10
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from pimsim.errors import InputError

LARGEST_TEXT = 64 << 20
"""Bytes of JSON that are parsed at most; real architectures take some kilobytes."""

_LARGEST_SIZE = 2**31


def shown(value: object) -> str:
    """Write a value from a file so that it stays on one line and short.

    >>> shown("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse(text: str | bytes) -> object:
    """Parse JSON.

    Raises:
        InputError: it is none, or nested or long beyond reason.
    """
    if len(text) > LARGEST_TEXT:
        raise InputError(f"architecture must be at most {LARGEST_TEXT} bytes, not {len(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"architecture must be JSON, but: {shown(str(error))}") from None


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object and where it stands, for messages."""

    values: Mapping[str, object]
    where: str

    @staticmethod
    def of(value: object, where: str) -> Fields:
        """Wrap a JSON object.

        Raises:
            InputError: ``value`` is something else.
        """
        if not isinstance(value, dict):
            raise InputError(f"{where} must be a JSON object, not {shown(value)}")
        return Fields(value, where)

    def refuse(self, key: str, wanted: str) -> NoReturn:
        """Raise InputError: field ``key`` must be ``wanted``."""
        raise InputError(
            f"{self.where}: `{key}` must be {wanted}, not {shown(self.values.get(key))}"
        )

    def get(self, key: str) -> object:
        """Return the field as it is; None if it is missing."""
        return self.values.get(key)

    def text(self, key: str) -> str:
        """Return a string that is not empty."""
        value = self.get(key)
        if not isinstance(value, str) or not value:
            self.refuse(key, "a name")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def number(self, key: str, default: float) -> float:
        """Return a finite number."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, "a number")
        try:
            finite = math.isfinite(value)
        except OverflowError:
            finite = False
        if not finite:
            self.refuse(key, "a finite number")
        return float(value)

    def size(self, key: str) -> int:
        """Return a positive integer."""
        value = self.get(key)
        if type(value) is not int or not 0 < value < _LARGEST_SIZE:
            self.refuse(key, "a positive integer")
        return value

    def pair(self, key: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
        """Return two positive integers; one stands for both."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        both = value if isinstance(value, list) else [value, value]
        sizes = [item for item in both if type(item) is int and 0 < item < _LARGEST_SIZE]
        if len(both) != 2 or len(sizes) != 2:
            self.refuse(key, "one or two positive integers")
        return sizes[0], sizes[1]
