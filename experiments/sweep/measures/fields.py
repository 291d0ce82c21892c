"""Every field of sweeps: options, parameters of the circuit, amounts of the process.

To add one, add an entry to :mod:`experiments.options.table` and use its value. A measure finds the
values of its fields by name (see :mod:`experiments.sweep.measures.measure`). Defaults enter the key
of a point, except None: a new field with the default None does not change the keys of older stores.
A default that follows from the part enters the key as a value, so a stored point keeps its meaning.
The default mapping is not that of `pimsim run`, because a change would make every older store
without a mapping useless.

>>> named("variation_percent").label
'process variation'
>>> named("variaton_percent")
Traceback (most recent call last):
...
pimsim.errors.InputError: unknown field `variaton_percent`; did you mean `variation_percent`?
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from experiments.options.option import SAME, Option, Swept
from experiments.options.table import SWEPT
from experiments.sweep.measures import networks
from experiments.sweep.measures.field import (
    ACCURACY,
    ERRORS,
    INTEGER,
    NUMBER,
    SWITCH,
    TEXT,
    TRA,
    Field,
    Stamp,
    stamp_of,
)
from experiments.sweep.results import Value
from pimsim import ranges
from pimsim.documents import nearest
from pimsim.errors import InputError

_CIRCUIT = (TRA, ACCURACY, ERRORS)
_KINDS = {float: NUMBER, int: INTEGER, bool: SWITCH, str: TEXT, Path: TEXT}


def _field(option: Option, swept: Swept) -> Field:
    """An option as a field. The upper end of its range holds for sweeps only if ``bounded``."""
    kind = _KINDS[option.kind]
    choices = option.choices if kind == TEXT else ()
    least, most = -math.inf, math.inf
    if option.range is not None:
        least, most = option.range.least, option.range.most if swept.bounded else math.inf
    elif option.choices and kind == INTEGER:
        least, most = min(option.choices), max(option.choices)
    return Field(
        swept.name or option.name, swept.label, option.in_unit or swept.unit, kind, swept.measures,
        swept.help or option.help,
        default=option.default if swept.default is SAME else swept.default,
        derived=partial(networks.of_part, option.name) if swept.derived else None,
        derived_text=swept.derived,
        required=swept.required,
        choices=choices,
        least=least if kind == INTEGER else float(least),
        most=most if kind == INTEGER else float(most),
        suffixes=swept.suffixes,
    )  # fmt: skip


@cache
def table() -> Mapping[str, Field]:
    """Return every field by its name: options, circuit parameters, amounts of the process."""
    stated = (_field(one, one.swept) for one in SWEPT if one.swept is not None)
    fields = (*stated, *_parameters(), *_amounts())
    return {field.name: field for field in fields}


def named(name: str) -> Field:
    """Return the field of that name.

    Raises :class:`~pimsim.errors.InputError` if there is none, naming the nearest.
    """
    known = table()
    if name in known:
        return known[name]
    also = [one for one in known if name and name in one.split(".")[-1]]
    hint = nearest(name, known, "; `pimsim sweep --fields` lists all", also, cutoff=0.5)
    raise InputError(f"unknown field `{name}`{hint}")


def stamps_of(values: Mapping[str, Value]) -> tuple[Stamp, ...]:
    """Return the stamps of the files that fields name."""
    known = table()
    return tuple(
        stamp_of(Path(str(value))) for name, value in values.items() if known[name].is_file(value)
    )


def _parameters() -> Iterator[Field]:
    """All circuit parameters, such as ``circuit.cell.capacitance_ff``."""
    from pimsim.circuit.model.parameters import KEYS, load

    for key, value in load("rambus55").values().items():
        section, _, name = key.partition(".")
        end = ranges.end(name)
        label = f"{section} {name.removesuffix(f'_{end}') if end else name}".replace("_", " ")
        yield Field(
            f"circuit.{key}", label, ranges.UNITS.get(end, ""), _KINDS[type(value)], _CIRCUIT,
            f"circuit parameter, in place of the preset's; one of {len(KEYS)}",
        )  # fmt: skip


def _amounts() -> Iterator[Field]:
    """All amounts of processes, such as ``spread.latch.offset_mv``."""
    from pimsim.circuit.model.variation import QUANTITIES

    for name, quantity in QUANTITIES.items():
        unit = {"mv": "mV", "share": ""}[quantity.unit]
        yield Field(
            f"spread.{name}_{quantity.unit}", f"spread of {quantity.meaning}", unit, NUMBER,
            _CIRCUIT, "amount at 100 % variation, in place of the process's", least=0.0,
        )  # fmt: skip
