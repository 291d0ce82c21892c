"""The page of a study: question, finding, and for each sweep its figure, its numbers, its basis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.output.markdown import markdown
from experiments.studies.found import Found, interval
from experiments.studies.study import Study

_MOST_ROWS = 60
_OF_THE_CIRCUIT = ("preset", "process", "table_samples")
"""Fields that say nothing where failures come from a table."""


def page(study: Study, found: Mapping[str, Found], figures: Mapping[str, str]) -> str:
    """Return the page as Markdown.

    Args:
        study: the study.
        found: what its sweeps gave, by name.
        figures: path of the figure of each sweep, and of those of the study itself, by name; as
            the page is to name it.

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
        lines += [table(one), *_basis(one), ""]
    return "\n".join(lines)


def table(found: Found) -> str:
    """Return all points as a table; along the last axis if there are two."""
    axes = found.document["axes"]
    several = [axis for axis in axes if len(axis["values"]) > 1]
    if len(several) == 2 and len(found.points) == len(several[0]["values"]) * len(
        several[1]["values"]
    ):
        return _crossed(found, several)
    header = [_title(axis) for axis in axes]
    rows = [
        [*(_value(point["values"][axis["field"]]) for axis in axes), interval(point)]
        for point in found.points[:_MOST_ROWS]
    ]
    return markdown([[*header, found.heading], *rows])


def _crossed(found: Found, axes: Sequence[Mapping[str, object]]) -> str:
    across, down = sorted(axes, key=lambda axis: len(axis["values"]))  # type: ignore[arg-type]
    rows = [
        [
            _value(value),
            *(
                interval(found.point(**{str(down["field"]): value, str(across["field"]): other}))
                for other in across["values"]  # type: ignore[attr-defined]
            ),
        ]
        for value in down["values"]  # type: ignore[attr-defined]
    ]
    unit = f" {across['unit']}" if across["unit"] else ""
    header = [f"{_value(value)}{unit}" for value in across["values"]]  # type: ignore[attr-defined]
    corner = f"{found.heading} by {_title(down)} and {across['label']}"
    return markdown([[corner, *header], *rows])


def _title(axis: Mapping[str, object]) -> str:
    return f"{axis['label']} ({axis['unit']})" if axis["unit"] else str(axis["label"])


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _basis(found: Found) -> list[str]:
    tables = any(axis["field"] == "failures" for axis in found.document["axes"])
    fixed = ", ".join(
        f"{one['label']} {_value(one['value'])}"
        for one in found.document["fixed"]
        if not (tables and one["field"] in _OF_THE_CIRCUIT)
    )
    stated = found.document["assumptions"]
    return [
        f"At least {found.trials} trials at every point; in parentheses the interval "
        f"({stated.get('interval', 'none')}). Fixed: {fixed}.",
    ]
