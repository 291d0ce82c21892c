"""The points of a sweep, each with its values and its key.

The key is a hash of everything that decides the counts of trials: the measure and its version, the
value of every field with defaults filled in (for a file its content, not its path), the seed of the
sweep and :data:`pimsim.RESULT_VERSION`. It does not depend on other points, on the rules for
stopping, or on the workers.

>>> from experiments.sweep import spec
>>> one, other, *_ = points(spec.load("tra-failure"))
>>> one.place, other.place
({'variation_percent': 0.0, 'cb_cs_ratio': 2.0}, {'variation_percent': 0.0, 'cb_cs_ratio': 3.0})
>>> one.values["inputs"], one.key != other.key
(3, True)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.sweep.measures.field import Field
from experiments.sweep.measures.fields import table
from experiments.sweep.measures.measure import Measure, Values, load_measure
from experiments.sweep.results import Value
from experiments.sweep.spec import Spec
from pimsim import RESULT_VERSION
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One point."""

    place: Mapping[str, Value]
    """The values of the axes."""
    values: Mapping[str, Value]
    """Every field that is set, defaults too; paths are absolute."""
    content: Mapping[str, Any]
    """Everything that its key is made of."""
    key: str


def where(place: Mapping[str, Value]) -> str:
    """Return the values of the axes in words.

    >>> where({"banks": 8, "mapping": "auto"}), where({})
    ('banks 8, mapping auto', 'the only point')
    """
    return ", ".join(f"{name} {value}" for name, value in place.items()) or "the only point"


def points(
    spec: Spec, progress: Callable[[str, int, int], None] | None = None
) -> tuple[SweepPoint, ...]:
    """Return all points, in the order of the specification; files are read for their keys.

    Raises :class:`~pimsim.errors.InputError`, naming the point, for values that cannot be run and
    for points that are the same.
    """
    found: dict[str, SweepPoint] = {}
    keys = Keys()
    places = list(spec.places())
    for done, place in enumerate(places):
        try:
            values = complete(spec.measure, {**spec.fixed, **place}, spec.folder)
            content = content_of(spec.measure, values, spec.seed)
            why = spec.estimator.lacking(values) if spec.estimator.lacking is not None else ""
            if why:
                raise InputError(
                    f"`quantity` must be another than {spec.estimator.quantity.name}: {why}"
                )
        except InputError as error:
            # An error that all points have is reported without a point.
            raise InputError(f"{error} (at {where(place)})" if place else str(error)) from error
        key = keys.of(content)
        if key in found:
            raise InputError(f"points must differ, not be the same: {where(found[key].place)}")
        found[key] = SweepPoint(place, values, content, key)
        if progress is not None:
            progress("points", done + 1, len(places))
    return tuple(found.values())


def complete(measure: Measure, given: Mapping[str, Value], folder: Path) -> dict[str, Value]:
    """Return the values of all fields of a measure that are set; paths become absolute.

    Raises :class:`~pimsim.errors.InputError` if a field that must be set is not.
    """
    values: dict[str, Value] = {}
    acting = _acting(measure.name, frozenset(given))
    for field in acting:
        value = given.get(field.name, field.default)
        if value is None and field.required:
            raise InputError(f"`{field.name}` must be set for {measure.name}")
        if value is not None:
            file = field.is_file(value)
            values[field.name] = str((folder / str(value)).absolute()) if file else value
    derived = {
        field.name: field.derived(values)
        for field in acting
        if field.derived is not None and field.name not in values
    }
    if not derived:
        return values
    every = {**values, **derived}
    return {field.name: every[field.name] for field in acting if field.name in every}


@lru_cache(maxsize=64)
def _acting(measure: str, given: frozenset[str]) -> tuple[Field, ...]:
    """Fields of a measure that have a value or need one, if those with some names are given.

    Most have none, and a sweep completes thousands of points.
    """
    return tuple(
        field
        for field in load_measure(measure).fields
        if field.name in given
        or field.required
        or field.default is not None
        or field.derived is not None
    )


def canonical(document: object) -> str:
    """Return the canonical JSON text of JSON values.

    >>> canonical({"b": 1.0, "a": "x"})
    '{"a":"x","b":1.0}'
    """
    return _CANONICAL.encode(document)


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
)


def content_of(measure: Measure, values: Values, seed: int) -> dict[str, Any]:
    """Return everything that decides the counts of a point's trials, as JSON values.

    Raises :class:`~pimsim.errors.InputError` for values that cannot be run.
    """
    known = table()
    return {
        "result_version": RESULT_VERSION,
        "measure": measure.name,
        "measure_version": measure.version,
        "seed": seed,
        "values": {n: value for n, value in values.items() if not known[n].is_file(value)},
        "identity": measure.identity(values),
    }


def key_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a content's canonical JSON."""
    return hashlib.sha256(canonical(content).encode("ascii")).hexdigest()


class Keys:
    """Writes and hashes many contents; what they have in common is long, and is done once.

    Nobody must change a first part of a content meanwhile.

    >>> keys, content = Keys(), {"b": 1, "a": {"c": 2}}
    >>> keys.text(content) == canonical(content), keys.of(content) == key_of(content)
    (True, True)
    """

    def __init__(self) -> None:
        self._begun: dict[int, tuple[object, str, Any]] = {}
        """First parts by address, with the text up to their end, and its hash."""

    def of(self, content: Mapping[str, Any]) -> str:
        """Return the key of a content."""
        _, begun, rest = self._parts(content)
        found = begun.copy()
        found.update(rest.encode("ascii"))
        return str(found.hexdigest())

    def text(self, content: Mapping[str, Any]) -> str:
        """Return the canonical JSON of a content."""
        begun, _, rest = self._parts(content)
        return begun + rest

    def _parts(self, content: Mapping[str, Any]) -> tuple[str, Any, str]:
        """The text up to the end of the first part, its hash, and the rest of the text."""
        if not content:
            return "{", hashlib.sha256(b"{"), "}"
        first, *others = sorted(content)
        part = content[first]
        known = self._begun.get(id(part))
        if known is None:
            if len(self._begun) >= _MOST_BEGUN:
                self._begun.clear()
            begun = f"{{{canonical(first)}:{canonical(part)}"
            known = self._begun[id(part)] = part, begun, hashlib.sha256(begun.encode("ascii"))
        rest = canonical({name: content[name] for name in others})
        return known[1], known[2], f",{rest[1:]}" if others else "}"


_MOST_BEGUN = 256
