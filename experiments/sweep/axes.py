"""Values of an axis, as a specification writes them: a list, or a range.

>>> from experiments.sweep.measures.fields import named
>>> values_of(named("vdd_mv"), {"from": 1000, "to": 1200, "step": 100})
(1000.0, 1100.0, 1200.0)
>>> values_of(named("samples"), {"from": 10, "to": 1000, "count": 3, "log": True})
(10, 100, 1000)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from experiments.sweep.measures.field import INTEGER, Field
from experiments.sweep.results import Value
from pimsim import documents
from pimsim.errors import InputError

_RANGE = ("from", "to", "count", "step", "log")
_MOST = 100_000
_DIGITS = 12
"""Significant digits of the values of a range: 0.1 + 0.2 is 0.3."""
_SLACK = 1e-9


def values_of(field: Field, given: object) -> tuple[Value, ...]:
    """Return the values of an axis over ``field``.

    Raises :class:`~pimsim.errors.InputError` for an empty list, a value that the field does not
    allow, and a range that makes no sense.
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
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: `{key}` must be a number, not {value!r}")
    return float(value)


def _whole(field: Field, value: float) -> Value:
    """An integer field takes integers; that a range hits none is for the field to say."""
    return int(value) if field.kind == INTEGER and value.is_integer() else value
