"""What a study is (each module has one as ``STUDY``), and how results of sweeps are read.

>>> axis = Axis("variation_percent", "process variation", "%", (10.0,))
>>> points = (Point({"variation_percent": 10.0}, 3, 97.0, 96.0, 98.0),)
>>> found = Found("demo", Quantity("accuracy", "accuracy", "%", 1.0), (axis,), {}, points, {})
>>> found.at(variation_percent=10), found.text(variation_percent=10)
(97.0, '97.0 (96.0 to 98.0)')
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from experiments.sweep.results import Axis, Point, Quantity, Results, Value
from pimsim.errors import InputError


class Found(Results):
    """Results of a sweep, with look-ups for studies."""

    @classmethod
    def read(cls, path: Path) -> Found:
        """Read a ``results.json``; raises InputError if it is not one of a sweep."""
        try:
            document = json.loads(path.read_text("utf-8"))
            axes = tuple(
                Axis(**{**axis, "values": tuple(axis["values"])}) for axis in document["axes"]
            )
            return cls(
                document["name"],
                Quantity(**document["quantity"], scale=1.0),
                axes,
                {one["field"]: one["value"] for one in document["fixed"]},
                tuple(
                    Point(one["values"], one["trials"], one["estimate"], one["low"], one["high"])
                    for one in document["points"]
                ),
                document["assumptions"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no result of a sweep: {error}") from error

    def values(self, field: str) -> tuple[Any, ...]:
        """Return the values of an axis."""
        return next(axis.values for axis in self.axes if axis.field == field)

    def at(self, **values: Value) -> float:
        """Return the estimate at a point; KeyError if there is none."""
        return self.point(**values).estimate

    def text(self, **values: Value) -> str:
        """Return estimate and interval at a point."""
        return interval(self.point(**values))


def interval(point: Point) -> str:
    """Return estimate and interval as text; an exact number has no interval."""
    if point.low == point.high:
        return number(point.estimate)
    return f"{number(point.estimate)} ({number(point.low)} to {number(point.high)})"


def number(value: float) -> str:
    """Return a percentage with its significant digits.

    >>> number(97.123), number(0.4321), number(0.0), number(1.2e-7)
    ('97.1', '0.43', '0', '1.2e-07')
    """
    if value == 0:
        return "0"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def crossing(xs: Sequence[float], ys: Sequence[float], level: float) -> float | None:
    """Return where a falling line first reaches a level; None if it never does.

    >>> crossing([0, 10, 20], [98, 98, 78], 97)
    10.5
    """
    for (x0, y0), (x1, y1) in pairwise(zip(xs, ys, strict=True)):
        if y0 >= level > y1:
            return x0 + (x1 - x0) * (y0 - level) / (y0 - y1)
    return None


@dataclass(frozen=True, slots=True)
class Study:
    """A question, the sweeps that answer it, and the answer in words."""

    name: str
    """The word on the command line; the page is ``study-NAME.md``."""
    title: str
    """Title of the page."""
    question: str
    """The question, and how it is answered: a paragraph."""
    sweeps: Mapping[str, str]
    """By name of a specification (bundled, or written by :attr:`prepare`): what it measures, in
    words."""
    finding: Callable[[Mapping[str, Found]], str]
    """Returns the answer, with numbers, as Markdown."""
    prepare: Callable[[Path, Path | None], None] = lambda folder, chips: None
    """Writes files that the specifications read into the folder of the study, and as ``SWEEP.toml``
    each specification that is not bundled. The second path is the folder with measurements of real
    chips, if one is named."""
    draw: Callable[[Mapping[str, Found], Path], dict[str, Path]] = lambda found, folder: {}
    """Draws figures beyond those of the sweeps; returns their paths by name."""
    chips: str | None = None
    """The file of measurements of real chips that it reads; None if it reads none."""


STUDIES = ("variation", "layers", "circuit", "chips", "mitigation")
"""Modules beside this one, in the order in which they are best read."""


def study(name: str) -> Study:
    """Return the study of that name, which must be one of :data:`STUDIES`."""
    found: Study = import_module(f"experiments.studies.{name}").STUDY
    return found
