"""The page of a study: question, finding, and figure, numbers and assumptions of each sweep."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.output.markdown import markdown
from experiments.output.words import counted, value_text
from experiments.studies.study import Found, Study, interval
from experiments.sweep.measures import fields
from experiments.sweep.results import Axis

_MOST_ROWS = 60
_OF_THE_CIRCUIT = ("preset", "process", "table_samples")
"""Fields that are not shown if failures come from a table."""


def page(study: Study, found: Mapping[str, Found], figures: Mapping[str, str]) -> str:
    """Return the page as Markdown.

    Args:
        study: the study.
        found: results of its sweeps, by name.
        figures: paths of the figures of the sweeps and of the study, by name, as the page links
        them.

    """
    lines = [
        f"# {study.title}",
        "",
        f"`pimsim study {study.name}` runs what is on this page and writes it anew; it can be "
        "stopped and goes on from where it was.",
        "",
        study.question,
        "",
        "## Finding",
        "",
        study.finding(found),
        "",
    ]
    for name in figures:
        if name not in found:
            lines += [f"![{name}]({figures[name]})", ""]
    for name, one in found.items():
        lines += [f"## `{name}`", "", study.sweeps[name], ""]
        if name in figures:
            lines += [f"![{name}]({figures[name]})", ""]
        lines += [table(one), _basis(one), ""]
    return "\n".join(lines)


def table(found: Found) -> str:
    """Return all points as a table; with two axes, the last one runs across."""
    several = [axis for axis in found.axes if len(axis.values) > 1]
    if len(several) == 2 and len(found.points) == math.prod(len(axis.values) for axis in several):
        return _crossed(found, several)
    rows = [
        [*(_value(point.values[axis.field]) for axis in found.axes), interval(point)]
        for point in found.points[:_MOST_ROWS]
    ]
    return markdown([[*(axis.text for axis in found.axes), found.quantity.text], *rows])


def _crossed(found: Found, axes: Sequence[Axis]) -> str:
    across, down = sorted(axes, key=lambda axis: len(axis.values))
    rows = [
        [
            _value(value),
            *(found.text(**{down.field: value, across.field: other}) for other in across.values),
        ]
        for value in down.values
    ]
    unit = f" {across.unit}" if across.unit else ""
    corner = f"{found.quantity.text} by {down.text} and {across.label}"
    return markdown([[corner, *(f"{_value(value)}{unit}" for value in across.values)], *rows])


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _basis(found: Found) -> str:
    tables = any(axis.field == "failures" for axis in found.axes)
    known = fields.table()
    fixed = ", ".join(
        f"{known[name].label} {value_text(value, known[name].unit)}"
        for name, value in found.fixed.items()
        if not (tables and name in _OF_THE_CIRCUIT)
    )
    how = str(found.assumptions.get("interval", "none"))
    if how.startswith("none"):
        return f"Nothing is random here: a point has no interval. Fixed: {fixed}."
    trials = counted(min(point.trials for point in found.points), "trial")
    return f"At least {trials} at every point; in parentheses the interval ({how}). Fixed: {fixed}."


FIGURES = "figures"
"""Folder of figures and tables, inside that of the page."""


def write(one: Study, folder: Path, to: Path | None = None) -> Path:
    """Write the page of a study; return its path.

    Args:
        one: the study.
        folder: where its sweeps have been run.
        to: folder for the page; None: ``folder``.

    Raises InputError where a sweep has not been run.
    """
    target = folder if to is None else to
    (target / FIGURES).mkdir(parents=True, exist_ok=True)
    found = {name: Found.read(folder / name / "results.json") for name in one.sweeps}
    figures = {
        name: f"{FIGURES}/{_kept(path, target)}" for name, path in one.draw(found, folder).items()
    }
    own = set(figures)
    for name in one.sweeps:
        shutil.copyfile(folder / name / "results.json", target / FIGURES / f"{name}.json")
        # A study that draws its own figures does not show those of its sweeps.
        pictures = [] if own else sorted((folder / name).glob("*.png"))
        for picture in pictures:
            table = picture.with_suffix(".csv")
            shutil.copyfile(table, target / FIGURES / f"{name}.csv")
            shutil.copyfile(picture, target / FIGURES / f"{name}.png")
            figures[name] = f"{FIGURES}/{name}.png"
    path = target / f"study-{one.name}.md"
    path.write_text(page(one, found, figures), "utf-8")
    return path


def _kept(path: Path, target: Path) -> str:
    """Copy a figure and its table beside the page; return the path that the page links."""
    for one in (path, path.with_suffix(".csv")):
        if one.exists() and one.parent != target / FIGURES:
            shutil.copyfile(one, target / FIGURES / one.name)
    return path.name
