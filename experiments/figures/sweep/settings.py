"""The table ``[figure]`` of a sweep's specification: what to draw, and how.

All keys may be left out:

- ``kind``: ``lines`` (with intervals), ``heatmap``, ``bars`` or ``tornado`` (of sensitivities);
- ``name`` of the files, without suffix; ``title``; ``limits`` of the quantity, ``[low, high]``;
- ``x``, and ``y`` of a heat map: an axis each; ``lines``, ``bars``, ``panels``: axes;
- ``log_x``, ``log_y``, ``log_colour``: logarithmic or not; by default as suits the values;
- ``level``: a horizontal line at a number, ``{value = 97.4, label = "error-free"}``, or at each
  line's own point, ``{variation_percent = 0, label = "no variation"}``;
- ``reference``: published points, each ``{x = 10, y = 0.29, label = "Ambit", source = "..."}``;
- ``base``: the point that a tornado compares with, as a value for each axis; its other points
  change one field of it. A value that is left out is the one that most points have.

>>> from experiments.sweep.results import Axis, Point, Quantity
>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> points = tuple(Point({"variation_percent": v}, 0) for v in (0, 10))
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), (axis,), {}, points, {})
>>> read({"level": {"variation_percent": 0}}, results).kind
'lines'
>>> read({"x": "variaton_percent"}, results)
Traceback (most recent call last):
...
pimsim.errors.InputError: [figure]: `x` names no axis: 'variaton_percent'; did you mean \
`variation_percent`?
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.figures.sweep.roles import Roles, assign, is_numeric, likely_kind, used
from experiments.sweep.results import Axis, Results, Value, is_number
from pimsim.documents import meant, nearest, require_known
from pimsim.errors import InputError

_COMMON = ("kind", "name", "title", "limits", "panels")
KEYS: Mapping[str, tuple[str, ...]] = {
    "lines": (*_COMMON, "x", "lines", "log_x", "log_y", "level", "reference"),
    "heatmap": (*_COMMON, "x", "y", "log_colour"),
    "bars": (*_COMMON, "x", "bars", "log_y", "level", "reference"),
    "tornado": (*_COMMON, "base"),
}
"""The keys of ``[figure]`` by kind of figure."""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line at a number, or at the estimate of some point of the sweep."""

    label: str | None
    value: float | None
    """In the shown unit."""
    at: Mapping[str, Value]
    """Otherwise the axes, with values, in which the point differs from a line."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published point; numbers in the units of the figure's axes."""

    x: Value
    y: float
    label: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """A table ``[figure]`` that fits its sweep."""

    kind: str
    name: str
    """Name of the files, without suffix."""
    title: str | None
    roles: Roles
    log_x: bool | None
    """None: chosen from the values."""
    log_y: bool | None
    """Whether the quantity's scale is logarithmic, along y or as a colour."""
    limits: tuple[float, float] | None
    """Limits of the quantity, in the shown unit."""
    level: Level | None
    reference: tuple[Published, ...]
    base: Mapping[str, Value] | None


def read(figure: Mapping[str, object] | None, results: Results) -> Settings:
    """Return the settings that ``figure`` asks for; for None, those that suit the axes.

    Raises :class:`~pimsim.errors.InputError` for an unknown key or axis (naming the nearest), a
    value of the wrong type, and a kind of figure that the axes do not allow.
    """
    given = dict(figure or {})
    require_known(given, sorted({key for keys in KEYS.values() for key in keys}), "[figure]")
    if not results.points:
        raise InputError("a figure needs a sweep with points; this one has none")
    kind = given.get("kind", _kind(given, results))
    if not isinstance(kind, str) or kind not in KEYS:
        raise InputError(
            f"[figure]: `kind` must be one of {', '.join(KEYS)}, not {kind!r}{meant(kind, KEYS)}"
        )
    for key in given:
        if key not in KEYS[kind]:
            kinds = [name for name, keys in KEYS.items() if key in keys]
            raise InputError(f"[figure]: `{key}` belongs to {' and '.join(kinds)}, not to {kind}")
    asked: dict[str, Sequence[Axis]] = {
        "lines" if key == "bars" else key: _axes(given[key], key, results)
        for key in ("x", "y", "lines", "bars", "panels")
        if key in given
    }
    roles = assign(results, kind, asked)
    return Settings(
        kind=kind,
        name=_name(given.get("name", kind)),
        title=_text(given["title"], "title") if "title" in given else None,
        roles=roles,
        log_x=_switch(given.get("log_x"), "log_x"),
        log_y=_switch(given.get("log_y", given.get("log_colour")), "log_y or log_colour"),
        limits=_limits(given.get("limits")),
        level=_level(given["level"], roles, results) if "level" in given else None,
        reference=_reference(given.get("reference", []), roles, results),
        base=_base(given["base"], results) if "base" in given else None,
    )


def _kind(given: Mapping[str, object], results: Results) -> str:
    """The kind that suits the axes, unless the given keys belong to another."""
    panels = _axes(given["panels"], "panels", results) if "panels" in given else ()
    likely = likely_kind(results, panels)
    fitting = [kind for kind, keys in KEYS.items() if all(key in keys for key in given)]
    return likely if likely in fitting or not fitting else fitting[0]


def _axes(value: object, key: str, results: Results) -> tuple[Axis, ...]:
    names = value if isinstance(value, list | tuple) and key not in ("x", "y") else [value]
    return tuple(_axis(name, key, results) for name in names)


def _axis(name: object, key: str, results: Results) -> Axis:
    if not isinstance(name, str):
        raise InputError(f"[figure]: `{key}` must name an axis, not {name!r}")
    by_field = {axis.field: axis for axis in results.axes}
    if name not in by_field:
        near = nearest(name, by_field) if by_field else ""
        raise InputError(f"[figure]: `{key}` names no axis: {name!r}{near}")
    return by_field[name]


def _name(value: object) -> str:
    name = _text(value, "name")
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise InputError(
            "[figure]: `name` must be a file's name of letters, digits, '_', '-' and '.', "
            f"not {name!r}"
        )
    return name


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"[figure]: `{key}` must be a text, not {value!r}")
    return value


def _switch(value: object, key: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise InputError(f"[figure]: `{key}` must be true or false, not {value!r}")
    return value


def _number(value: object, key: str) -> float:
    if not is_number(value):
        raise InputError(f"[figure]: `{key}` must be a finite number, not {value!r}")
    return float(value)


def _limits(value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"[figure]: `limits` must be two numbers, not {value!r}")
    low, high = (_number(end, "limits") for end in value)
    if low >= high:
        raise InputError(f"[figure]: `limits` must ascend, not {value!r}")
    return low, high


def _level(value: object, roles: Roles, results: Results) -> Level:
    if not isinstance(value, Mapping):
        return Level(None, _number(value, "level"), {})
    label = _text(value["label"], "level.label") if "label" in value else None
    at = {key: end for key, end in value.items() if key not in ("label", "value")}
    if "value" in value:
        if at:
            raise InputError(
                f"[figure]: `level` must be a value or name a point, not both: `{next(iter(at))}`"
            )
        return Level(label, _number(value["value"], "level.value"), {})
    found = _at(at, "level", results)
    for axis in (roles.x, *roles.along):
        if axis and axis.field not in found and len(used(axis, results.points)) > 1:
            raise InputError(f"[figure]: `level` must give a value to `{axis.field}`")
    return Level(label, None, found)


def _base(value: object, results: Results) -> Mapping[str, Value]:
    if not isinstance(value, Mapping):
        raise InputError(f"[figure]: `base` must be a table of values by axis, not {value!r}")
    return _at(value, "base", results)


def _at(value: Mapping[str, object], key: str, results: Results) -> dict[str, Value]:
    """The values that ``value`` gives to axes; each must be one that the sweep has."""
    if not value:
        raise InputError(f"[figure]: `{key}` must give a value to some axis, not be empty")
    found: dict[str, Value] = {}
    for name, wanted in value.items():
        field = _axis(name, key, results).field
        values = dict.fromkeys(point.values[field] for point in results.points)
        if not isinstance(wanted, str | int | float) or wanted not in values:
            shown = ", ".join(repr(one) for one in values)
            raise InputError(f"[figure]: `{key}.{field}` must be one of {shown}, not {wanted!r}")
        found[field] = wanted
    return found


def _reference(value: object, roles: Roles, results: Results) -> tuple[Published, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise InputError(f"[figure]: `reference` must be a list of tables, not {value!r}")
    places = used(roles.x, results.points) if roles.x else ()
    points = []
    for one in value:
        require_known(one, ("x", "y", "label", "source"), "[figure]: `reference`")
        x = one.get("x")
        if is_numeric(places) and places:
            x = _number(x, "reference.x")
        elif not isinstance(x, str | bool | int | float) or x not in places:
            shown = ", ".join(repr(place) for place in places)
            raise InputError(f"[figure]: `reference.x` must be one of {shown}, not {x!r}")
        label, source = (_text(one.get(key), f"reference.{key}") for key in ("label", "source"))
        points.append(Published(x, _number(one.get("y"), "reference.y"), label, source))
    return tuple(points)
