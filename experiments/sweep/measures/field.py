"""A field that a sweep can fix or vary: its allowed values, and the values of an axis.

>>> field = Field("vdd_mv", "array supply", "mV", NUMBER, ("tra-failure",), "as it says", least=0.0)
>>> field.value(1200)
1200.0
>>> field.value("high")
Traceback (most recent call last):
...
pimsim.errors.InputError: `vdd_mv` must be a number of at least 0, not 'high'
>>> values_of(field, {"from": 1000, "to": 1200, "step": 100})
(1000.0, 1100.0, 1200.0)
>>> values_of(field, {"from": 10, "to": 1000, "count": 3, "log": True})
(10.0, 100.0, 1000.0)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.sweep.results import Value, is_number
from pimsim import documents
from pimsim.errors import InputError, unreadable

NUMBER, INTEGER, SWITCH, TEXT = "number", "integer", "switch", "text"
"""Kinds of values."""

TRA, ACCURACY, COST, ERRORS = "tra-failure", "accuracy", "cost", "errors"
"""Measures, by name."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a specification can fix or vary."""

    name: str
    """Its name in a specification, with its unit."""
    label: str
    """Its label in tables and figures."""
    unit: str
    """Empty if it has none."""
    kind: str
    """:data:`NUMBER`, :data:`INTEGER`, :data:`SWITCH` or :data:`TEXT`."""
    measures: tuple[str, ...]
    """Measures that it has an effect on."""
    help: str
    """One line."""
    default: Value | None = None
    """Value if a specification does not set it; None: not set."""
    derived: Callable[[Mapping[str, Value]], Value] | None = None
    """Computes the default from the other fields, whose own defaults are filled in by then."""
    derived_text: str = ""
    """The computed default, in words."""
    required: bool = False
    """Whether a specification must set it."""
    choices: tuple[str, ...] = ()
    """All texts that are allowed; any if empty."""
    least: float = -math.inf
    most: float = math.inf
    suffixes: tuple[str, ...] = ()
    """A text with one of these endings, such as ``.toml``, is the path of a file."""

    @property
    def numeric(self) -> bool:
        """Whether values are numbers, so that an axis can be a range."""
        return self.kind in (NUMBER, INTEGER)

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        if self.kind == SWITCH:
            return "true or false"
        if self.kind == TEXT:
            if self.choices:
                return f"one of {', '.join(self.choices)}"
            return "a text, or the path of a file" if self.suffixes else "a text"
        noun = "an integer" if self.kind == INTEGER else "a number"
        if self.least > -math.inf and self.most < math.inf:
            return f"{noun} from {self.least:g} to {self.most:g}"
        return f"{noun} of at least {self.least:g}" if self.least > -math.inf else noun

    def value(self, given: Any) -> Value:
        """Return ``given`` as the type of the field.

        Raises :class:`~pimsim.errors.InputError` if it is not allowed.
        """
        if not self._allows(given):
            raise InputError(f"`{self.name}` must be {self.allowed}, not {given!r}")
        return float(given) if self.kind == NUMBER else given

    def is_file(self, value: Value) -> bool:
        """Whether a value is the path of a file, not a name."""
        if not self.suffixes or not isinstance(value, str) or "." not in value:
            return False
        return Path(value).suffix in self.suffixes

    def _allows(self, given: Any) -> bool:
        if self.kind == SWITCH:
            return isinstance(given, bool)
        if self.kind == TEXT:
            return isinstance(given, str) and (
                given in self.choices if self.choices else given != ""
            )
        right = type(given) is int if self.kind == INTEGER else is_number(given)
        return right and self.least <= given <= self.most


_RANGE = ("from", "to", "count", "step", "log")
_MOST = 100_000
_DIGITS = 12
"""Significant digits of the values of a range: 0.1 + 0.2 is 0.3."""
_SLACK = 1e-9


def values_of(field: Field, given: object) -> tuple[Value, ...]:
    """Return the values of an axis over ``field``, as a specification writes them: list or range.

    Raises :class:`~pimsim.errors.InputError` for an empty list, a value that the field does not
    allow, and an invalid range.
    """
    if isinstance(given, Mapping):
        values = [_whole(field, one) for one in _range(field, given)]
    elif isinstance(given, list):
        values = given
    else:
        raise InputError(
            f"axis `{field.name}` must be a list or a range such as "
            f"{{from = 0, to = 25, count = 6}}, not {given!r}"
        )
    if not values:
        raise InputError(f"axis `{field.name}` must have at least one value, or there is no point")
    return tuple(field.value(one) for one in values)


def _range(field: Field, given: Mapping[str, Any]) -> list[float]:
    where = f"axis `{field.name}`"
    if not field.numeric:
        raise InputError(f"{where} must be a list: a range is for numbers, not for {field.allowed}")
    documents.require_known(given, _RANGE, where)
    for key in ("from", "to"):
        if key not in given:
            raise InputError(f"{where} must have `{key}`")
    first, last = (_number(where, key, given[key]) for key in ("from", "to"))
    if ("count" in given) == ("step" in given):
        raise InputError(f"{where} must have either `count` or `step`")
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise InputError(f"{where}: `log` must be true or false, not {log!r}")
    if log and ("step" in given or min(first, last) <= 0):
        raise InputError(f"{where}: `log` must go with `count` and with positive `from` and `to`")
    if "step" in given:
        return _steps(where, first, last, _number(where, "step", given["step"]))
    count = given["count"]
    if type(count) is not int or not 1 <= count <= _MOST or (count == 1 and first != last):
        raise InputError(f"{where}: `count` must be from 2 to {_MOST}, not {count!r}")
    shares = [index / max(count - 1, 1) for index in range(count)]
    if log:
        return [_rounded(first * (last / first) ** share) for share in shares]
    return [_rounded(first + (last - first) * share) for share in shares]


def _steps(where: str, first: float, last: float, step: float) -> list[float]:
    if not step or (last - first) / step < 0:
        raise InputError(f"{where}: `step` must lead from {first:g} to {last:g}, not {step:g}")
    steps = (last - first) / step
    if steps > _MOST:
        raise InputError(f"{where}: `step` must give at most {_MOST} values, not {steps:g}")
    return [_rounded(first + step * index) for index in range(math.floor(steps + _SLACK) + 1)]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _number(where: str, key: str, value: object) -> float:
    if not is_number(value):
        raise InputError(f"{where}: `{key}` must be a number, not {value!r}")
    return float(value)


def _whole(field: Field, value: float) -> Value:
    """Return an integer if an integer field can have it; the field itself refuses other values."""
    return int(value) if field.kind == INTEGER and value.is_integer() else value


Stamp = tuple[int, int]
"""Size and time of the last change of a file, to notice changes."""


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of a file.

    Raises :class:`~pimsim.errors.InputError` if it is not there.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = path.write_text("{}")
    >>> digest(path)[:8], digest(path) == digest(path)
    ('44136fa3', True)

    Raises :class:`~pimsim.errors.InputError` if it cannot be read.
    """
    return _digest(path, stamp_of(path))


@lru_cache(maxsize=256)
def _digest(path: Path, _stamp: Stamp) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
