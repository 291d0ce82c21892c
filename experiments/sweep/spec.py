"""The specification of a sweep: a TOML file that says what is measured where.

>>> spec = load("tra-failure")
>>> spec.measure.name, [axis.field for axis in spec.axes]
('tra-failure', ['variation_percent', 'cb_cs_ratio'])
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from experiments.sweep import axes, stop
from experiments.sweep.measures import catalog, fields
from experiments.sweep.measures.field import Field
from experiments.sweep.measures.measure import Estimator, Measure
from experiments.sweep.results import Axis, Value
from experiments.sweep.stop import Stop
from pimsim import documents, sections
from pimsim.errors import InputError

_KEYS = (
    "name", "measure", "quantity", "seed", "fixed", "axes", "zip", "stop", "figure",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEED = 1
_SHELF = sections.Shelf("SPEC", "experiments", "specs")
_MOST_POINTS = 1_000_000

Group = tuple[Axis, ...]
"""Axes that go together, value by value; all have as many."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a file says."""

    name: str
    measure: Measure
    estimator: Estimator
    """Of the quantity that is looked at."""
    seed: int
    fixed: Mapping[str, Value]
    """Fields that are set to the same value everywhere."""
    groups: tuple[Group, ...]
    """Axes: the points are the product of the groups."""
    stop: Stop
    figure: Mapping[str, Any] | None
    """The table ``[figure]``, for those who draw."""
    folder: Path
    """Where the file lies: paths in it are relative to that."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes; of those that go together, each value once."""
        return tuple(
            Axis(axis.field, axis.label, axis.unit, tuple(dict.fromkeys(axis.values)))
            for group in self.groups
            for axis in group
        )

    def places(self) -> Iterator[dict[str, Value]]:
        """The values of the axes at every point; the last axis changes fastest."""
        for some in product(*(range(len(group[0].values)) for group in self.groups)):
            yield {
                axis.field: axis.values[index]
                for group, index in zip(self.groups, some, strict=True)
                for axis in group
            }


def names() -> tuple[str, ...]:
    """Names of the bundled specifications, sorted."""
    return _SHELF.names()


def load(wanted: str) -> Spec:
    """Return the bundled specification of that name, or the one in the file at that path.

    Raises :class:`~pimsim.errors.InputError`, naming file and key, for anything that is not as it
    must be.
    """
    return parse(*_SHELF.text_of(wanted))


def parse(text: str, file: str, folder: Path) -> Spec:
    """Return the specification in a text; ``file`` names it in messages.

    Raises :class:`~pimsim.errors.InputError` as :func:`load`.
    """
    document = documents.toml(text, file)
    try:
        return of(document, folder)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def of(document: Mapping[str, Any], folder: Path) -> Spec:
    """Return the specification that a file with this content would be; paths from ``folder``.

    Raises :class:`~pimsim.errors.InputError` as :func:`load`.
    """
    for key in document:
        if key not in _KEYS:
            raise InputError(f"unknown key `{key}`{documents.nearest(key, _KEYS)}")
    name = document.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"`name` must be letters, digits, dots, dashes, not {name!r}")
    measure = catalog.load(document.get("measure"))
    seed = document.get("seed", _SEED)
    if type(seed) is not int or seed < 0:
        raise InputError(f"`seed` must be an integer of at least 0, not {seed!r}")
    fixed = {
        key: _field(measure, key).value(value) for key, value in _table(document, "fixed").items()
    }
    groups = tuple(_groups(measure, document))
    _once([*fixed, *(axis.field for group in groups for axis in group)])
    points = 1
    for group in groups:
        points *= len(group[0].values)
    if points > _MOST_POINTS:
        raise InputError(f"there must be at most {_MOST_POINTS:,} points, not {points:,}")
    return Spec(
        name,
        measure,
        _estimator(measure, document.get("quantity")),
        seed,
        fixed,
        groups,
        stop.parsed(
            document.get("stop", {}),
            measure.trials,
            measure.least_trials,
            deterministic=measure.deterministic,
        ),
        _table(document, "figure") if "figure" in document else None,
        folder,
    )


def _groups(measure: Measure, document: Mapping[str, Any]) -> Iterator[Group]:
    for name, given in _table(document, "axes").items():
        yield (_axis(measure, name, given),)
    together = document.get("zip", [])
    if not isinstance(together, list) or not all(isinstance(one, dict) for one in together):
        raise InputError(f"`zip` must be tables [[zip]], not {together!r}")
    for table in together:
        given = _flat(table, "")
        group = tuple(_axis(measure, name, values, zipped=True) for name, values in given)
        if not group:
            raise InputError("[[zip]] must have at least one axis")
        lengths = {axis.field: len(axis.values) for axis in group}
        if len(set(lengths.values())) > 1:
            text = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
            raise InputError(f"[[zip]] axes must have equally many values, not {text}")
        yield group


def _axis(measure: Measure, name: str, given: object, *, zipped: bool = False) -> Axis:
    field = _field(measure, name)
    values = axes.values_of(field, given)
    if not zipped:
        seen: set[Value] = set()
        for value in values:
            if value in seen:
                raise InputError(f"axis `{name}` must have {value!r} once")
            seen.add(value)
    return Axis(name, field.label, field.unit, values)


def _field(measure: Measure, name: str) -> Field:
    field = fields.named(name)
    if measure.name not in field.measures:
        known = ", ".join(field.measures)
        raise InputError(f"`{name}` does not act on {measure.name}, only on {known}")
    return field


def _estimator(measure: Measure, quantity: object) -> Estimator:
    known = [one.quantity.name for one in measure.estimators]
    if quantity is None:
        return measure.estimators[0]
    return measure.estimator(documents.require_one_of("quantity", quantity, known, hint=True))


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table, its dotted keys flattened: ``circuit.cell.row`` is one name, quoted or not."""
    table = document.get(key, {})
    if not isinstance(table, Mapping):
        raise InputError(f"[{key}] must be a table, not {table!r}")
    return table if key == "figure" else dict(_flat(table, ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, Mapping) and name not in fields.table():
            if not value:
                raise InputError(f"`{name}` must have a value")
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _once(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"`{name}` must be set once: in [fixed], as an axis, or in a [[zip]]")
