"""The specification of a sweep: a TOML file that says what is measured at which points.

>>> spec = load("tra-failure")
>>> spec.measure.name, [axis.field for axis in spec.axes]
('tra-failure', ['variation_percent', 'cb_cs_ratio'])
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from experiments.sweep.measures import fields
from experiments.sweep.measures.field import Field, values_of
from experiments.sweep.measures.measure import Estimator, Measure, load_measure
from experiments.sweep.results import Axis, Value, is_number
from pimsim import documents, sections
from pimsim.circuit.statistics.intervals import LEVEL
from pimsim.errors import InputError

_RULES = ("trials", "least_trials", "width", "relative_width", "level")


@dataclass(frozen=True, slots=True)
class Stop:
    """When a point has enough trials: as soon as one of the rules is met.

    The rules are checked only after whole rounds of trials, which are numbered from 0. So the
    trials that a sweep runs depend only on their counts, and not on the order in which they finish.

    >>> stop = Stop(trials=10, least_trials=4, width=1.0)
    >>> list(stop.rounds())
    [4, 5, 6, 7, 8, 10]
    >>> stop.enough(0.5, 0.495, 0.5049, scale=100.0), stop.enough(0.5, 0.49, 0.51, scale=100.0)
    (True, False)

    Raises :class:`~pimsim.errors.InputError` for a value out of range.
    """

    trials: int
    """Most trials."""
    least_trials: int = 1
    """Trials before the interval is first checked."""
    width: float | None = None
    """Enough if the interval is at most this wide, in the unit in which the quantity is shown."""
    relative_width: float | None = None
    """Enough if the interval is at most this share of the estimate."""
    level: float = LEVEL
    """Confidence level of the interval."""

    def __post_init__(self) -> None:
        for name in ("trials", "least_trials"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(f"[stop] `{name}` must be a positive integer, not {value!r}")
        if self.least_trials > self.trials:
            raise InputError(
                f"[stop] `least_trials` must be at most `trials` ({self.trials}), "
                f"not {self.least_trials}"
            )
        for name in ("width", "relative_width"):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and value > 0):
                raise InputError(f"[stop] `{name}` must be a positive number, not {value!r}")
        if not (is_number(self.level) and 0 < self.level < 1):
            raise InputError(f"[stop] `level` must be between 0 and 1, not {self.level!r}")

    def rounds(self) -> Iterator[int]:
        """Yield the total number of trials after each round: each round adds a quarter."""
        if not self.looks:
            yield self.trials  # there is no interval to check before
            return
        done = self.least_trials
        while done < self.trials:
            yield done
            done += max(done // 4, 1)
        yield self.trials

    @property
    def looks(self) -> bool:
        """Whether a rule looks at intervals."""
        return self.width is not None or self.relative_width is not None

    def enough(self, estimate: float, low: float, high: float, *, scale: float) -> bool:
        """Whether the interval is narrow enough; ``scale`` is the factor to the shown unit."""
        width = high - low
        return (self.width is not None and width * scale <= self.width) or (
            self.relative_width is not None and width <= self.relative_width * abs(estimate)
        )


def _stop(given: object, trials: int, least_trials: int, *, deterministic: bool) -> Stop:
    """Return the rules of a table ``[stop]``; the numbers are defaults.

    Raises :class:`~pimsim.errors.InputError` for an unknown key or a value out of range.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"[stop] must be a table, not {given!r}")
    documents.require_known(given, _RULES, "[stop]")
    if deterministic and set(given) - {"level"} and dict(given) != {"trials": 1}:
        raise InputError("[stop] must be left out: nothing is random, so that one trial is enough")
    stated: dict[str, Any] = dict(given)
    most = stated.setdefault("trials", trials)
    if "least_trials" not in stated and type(most) is int:
        stated["least_trials"] = max(min(least_trials, most), 1)
    return Stop(**stated)


_KEYS = (
    "name", "measure", "quantity", "seed", "fixed", "axes", "zip", "stop", "figure",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEED = 1
_SHELF = sections.Shelf("SPEC", "experiments", "specs")
_MOST_POINTS = 1_000_000

Group = tuple[Axis, ...]
"""Axes that change together, value by value; all have equally many values."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification."""

    name: str
    measure: Measure
    estimator: Estimator
    """Computes the quantity that the sweep shows."""
    seed: int
    fixed: Mapping[str, Value]
    """Fields that are set to the same value everywhere."""
    groups: tuple[Group, ...]
    """Axes: the points are the product of the groups."""
    stop: Stop
    figure: Mapping[str, Any] | None
    """The table ``[figure]``, for the modules that draw."""
    folder: Path
    """Folder of the file; paths in it are relative to that."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes, with each value once."""
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

    Raises :class:`~pimsim.errors.InputError`, naming file and key, for any mistake.
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
    measure = load_measure(document.get("measure"))
    seed = document.get("seed", _SEED)
    if type(seed) is not int or seed < 0:
        raise InputError(f"`seed` must be an integer of at least 0, not {seed!r}")
    fixed = {
        key: _field(measure, key).value(value) for key, value in _table(document, "fixed").items()
    }
    groups = tuple(_groups(measure, document))
    _once([*fixed, *(axis.field for group in groups for axis in group)])
    points = math.prod(len(group[0].values) for group in groups)
    if points > _MOST_POINTS:
        raise InputError(f"there must be at most {_MOST_POINTS:,} points, not {points:,}")
    return Spec(
        name,
        measure,
        _estimator(measure, document.get("quantity")),
        seed,
        fixed,
        groups,
        _stop(
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
    values = values_of(field, given)
    for value, count in Counter(values).items():
        if count > 1 and not zipped:
            raise InputError(f"axis `{name}` must have {value!r} once")
    return Axis(name, field.label, field.unit, values)


def _field(measure: Measure, name: str) -> Field:
    field = fields.named(name)
    if measure.name not in field.measures:
        known = ", ".join(field.measures)
        raise InputError(f"`{name}` does not act on {measure.name}, only on {known}")
    return field


def _estimator(measure: Measure, quantity: object) -> Estimator:
    known = {one.quantity.name: one for one in measure.estimators}
    if quantity is None:
        return measure.estimators[0]
    return known[documents.require_one_of("quantity", quantity, known, hint=True)]


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
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"`{name}` must be set once: in [fixed], as an axis, or in a [[zip]]")
