"""Typed access to the JSON of a model file, which is somebody else's and may hold anything.

>>> fields = Fields({"units": 10, "strides": [2, 1]}, "layer 2 of 3, 'fc' (QuantDense)")
>>> fields.size("units"), fields.sizes("strides", 2), fields.flag("use_bias", True)
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

_PACKAGES = ("keras", "tf_keras", "tensorflow", "larq", "builtins")


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

    def sizes(
        self, key: str, count: int, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """Return ``count`` positive integers; one stands for all."""
        if self.get(key) is None and default is not None:
            return default
        found = self._integers(key, count, lowest=1)
        if found is None:
            several = ("a", "one or two")[count - 1]
            self.refuse(key, f"{several} positive integer{'s' * (count > 1)}")
        return found

    def counts(self, key: str, count: int) -> tuple[int, ...]:
        """Return ``count`` integers of 0 or more; one stands for all."""
        found = self._integers(key, count, lowest=0)
        if found is None:
            self.refuse(key, f"{count} integers of 0 or more")
        return found

    def margins(self, key: str, count: int) -> tuple[tuple[int, int], ...]:
        """Return what is added or cut before and after, for each of ``count`` axes."""
        value = self.get(key)
        sides = value if isinstance(value, list) and count > 1 else [value] * count
        if count == 1 and isinstance(value, int):
            sides = [[value, value]]
        result = []
        for side in sides:
            both = side if isinstance(side, list) else [side, side]
            sizes = [one for one in both if type(one) is int and 0 <= one < _LARGEST_SIZE]
            if len(both) != 2 or len(sizes) != 2:
                break
            result.append((sizes[0], sizes[1]))
        if len(result) != count:
            self.refuse(key, "integers of 0 or more for each side")
        return tuple(result)

    def _integers(self, key: str, count: int, lowest: int) -> tuple[int, ...] | None:
        value = self.get(key)
        several = value if isinstance(value, list) else [value] * count
        found = [one for one in several if type(one) is int and lowest <= one < _LARGEST_SIZE]
        return tuple(found) if len(found) == len(several) == count else None


def known_class(fields: Fields) -> str:
    """Return the class of a serialized object, without its package.

    Raises:
        InputError: a class that somebody else registered, even under the name of a known one.
    """
    _, _, kind = fields.text("class_name").rpartition(">")
    custom = _custom(fields)
    if custom is not None:
        raise InputError(
            f"{fields.where} must be of a class of Keras or Larq, not of the custom class "
            f"{shown(custom)}"
        )
    return kind


def own_class(fields: Fields) -> str | None:
    """Return the class of a serialized object if it is somebody's own; None for a known one.

    >>> own_class(Fields({"class_name": "MyNet", "module": "my.code"}, "the model"))
    'MyNet'
    """
    return fields.text("class_name").rpartition(">")[2] if _custom(fields) else None


def _custom(fields: Fields) -> str | None:
    """The full name of a class that is of neither Keras nor Larq."""
    spelled = fields.text("class_name")
    package, _, kind = spelled.rpartition(">")
    registered = fields.get("registered_name")
    module = fields.get("module")
    if isinstance(registered, str):
        registered_package, _, registered_kind = registered.rpartition(">")
        if registered_kind != kind or registered_package.lower() not in ("", *_PACKAGES):
            return registered
    if isinstance(module, str) and module.partition(".")[0] not in _PACKAGES:
        return f"{module}.{kind}"
    return spelled if package.lower() not in ("", *_PACKAGES) else None
