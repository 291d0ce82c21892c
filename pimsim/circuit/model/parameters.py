"""Circuit parameters: frozen types with units, and presets with a source for every value.

The presets are TOML files in the directory ``presets`` beside this module; a user's own file of
the same form loads by its path. An entry is ``{ value = ..., source = "key of [sources]" }``, or
a bare value, for which the file itself is the source. ``base = "rambus55"`` takes what the file
does not state from that preset.

>>> circuit = load("rambus55")
>>> circuit.cell.capacitance_ff, circuit.bitline.capacitance_ff, circuit.precharge_mv
(22.0, 85.0, 600.0)
>>> circuit.with_set("cell.capacitance_ff", 20).cell.capacitance_ff
20.0
>>> circuit.with_set("cell.capacitance", 20)
Traceback (most recent call last):
...
pimsim.errors.InputError: unknown circuit parameter `cell.capacitance`; did you mean \
`cell.capacitance_ff`?
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from pimsim import documents, ranges, sections
from pimsim.circuit.model.elements import (
    Bitline,
    Cell,
    ControlTimes,
    GateCharge,
    Retention,
    SenseAmplifier,
    Supply,
    Transistor,
)
from pimsim.errors import InputError, require_positive


@dataclass(frozen=True, slots=True)
class Circuit:
    """A bitline pair with its cells and its sense amplifier.

    ``sources`` gives the citation of every value, keyed ``"section.field"``.

    Raises :class:`~pimsim.errors.InputError` if a value is out of range or values do not fit.
    """

    name: str
    description: str
    supply: Supply
    cell: Cell
    bitline: Bitline
    access: Transistor
    """nMOS between cell and bitline."""
    latch_n: Transistor
    """nMOS of the cross-coupled pair."""
    latch_p: Transistor
    """pMOS of the cross-coupled pair."""
    set_n: Transistor
    """nMOS that pulls SAN to ground."""
    set_p: Transistor
    """pMOS that pulls SAP to vdd."""
    equaliser: Transistor
    """Each of the five nMOS that tie the bitlines, SAN and SAP to the precharge level."""
    sense_amplifier: SenseAmplifier
    timeline: ControlTimes
    gate_charge: GateCharge
    retention: Retention
    leaked: float = 0.0
    """Time since cells were restored, in time constants of the median cell."""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for section in ("latch_p", "set_p"):
            _sign(section, getattr(self, section).vt_mv, negative=True)
        for section in ("access", "latch_n", "set_n", "equaliser"):
            _sign(section, getattr(self, section).vt_mv, negative=False)
        if self.cell.row >= self.bitline.cells:
            raise InputError(
                f"`cell.row` must be less than `bitline.cells` ({self.bitline.cells}), "
                f"not {self.cell.row}"
            )
        if self.supply.vpp_mv <= self.access.vt_mv:
            raise InputError(
                f"`supply.vpp_mv` must be more than `access.vt_mv` ({self.access.vt_mv:g}), "
                f"not {self.supply.vpp_mv:g}"
            )

    @property
    def precharge_mv(self) -> float:
        """Level of both bitlines before a row is opened."""
        return self.supply.precharge_share * self.supply.vdd_mv

    @property
    def plate_mv(self) -> float:
        """Level of the cells' other plate."""
        return self.cell.plate_share * self.supply.vdd_mv

    @property
    def one_mv(self) -> float:
        """Level of a stored one of the median cell, leaked; see :attr:`restored_one_mv`."""
        return self._leaked_mv(self.restored_one_mv)

    @property
    def zero_mv(self) -> float:
        """Level of a stored zero of the median cell, leaked."""
        return self._leaked_mv(self.restored_zero_mv)

    @property
    def restored_one_mv(self) -> float:
        """Level of a stored one before it leaks; less than vdd if the word line is too low."""
        return min(self.cell.one_share * self.supply.vdd_mv, self.highest_stored_mv)

    @property
    def restored_zero_mv(self) -> float:
        """Level of a stored zero before it leaks."""
        return min(self.cell.zero_share * self.supply.vdd_mv, self.highest_stored_mv)

    def _leaked_mv(self, level_mv: float) -> float:
        """What is left of a level, no lower than ground and no higher than vdd."""
        if not self.leaked:
            return level_mv
        left_mv = float(self.retention.left_mv(level_mv, self.leaked))
        return min(max(left_mv, 0.0), self.supply.vdd_mv)

    @property
    def highest_stored_mv(self) -> float:
        """Level that the access transistor passes from a bitline at vdd."""
        return min(self.supply.vdd_mv, self.supply.vpp_mv - self.access.vt_mv)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is unusual about these parameters, one line each; they are simulated all the same.

        >>> load("rambus55").with_set("supply.vpp_mv", 1800).warnings[0]
        '`supply.vpp_mv` 1800 is too low to pass vdd (1200 + access Vt 850): a one is stored at \
950 mV'
        """
        supply, vt_mv = self.supply, self.access.vt_mv
        if supply.vpp_mv >= supply.vdd_mv + vt_mv:
            return ()
        return (
            f"`supply.vpp_mv` {supply.vpp_mv:g} is too low to pass vdd ({supply.vdd_mv:g} + access "
            f"Vt {vt_mv:g}): a one is stored at {self.highest_stored_mv:g} mV",
        )

    def require_rows(self, rows: int) -> None:
        """Raise :class:`~pimsim.errors.InputError` unless that many rows can be opened at once."""
        require_positive(rows=rows)
        if rows > self.bitline.cells:
            raise InputError(
                f"`rows` must be at most {self.bitline.cells}, the cells of a bitline, not {rows}"
            )

    def with_set(self, key: str, value: object) -> Circuit:
        """Return the circuit with one parameter changed; see :meth:`with_settings`."""
        return self.with_settings({key: value})

    def with_settings(self, settings: Mapping[str, object]) -> Circuit:
        """Return the circuit with parameters changed, all at once.

        ``settings`` maps ``"section.field"`` to a number or the text of one, as in
        ``--set cell.capacitance_ff=20``.

        Raises :class:`~pimsim.errors.InputError` for an unknown key, naming the nearest known
        one, and for a value out of range, naming section, field and value.

        >>> load("rambus55").with_set("bitline.capacitance_ff", "-85")
        Traceback (most recent call last):
        ...
        pimsim.errors.InputError: [bitline] `capacitance_ff` must be a number from 0.001 to \
1,000,000 fF, not -85.0
        """
        if not settings:
            return self
        changed: dict[str, dict[str, Any]] = {}
        for key, value in settings.items():
            if key not in KEYS:
                raise InputError(f"unknown circuit parameter `{key}`{_hint(key)}")
            section, name = key.split(".")
            changed.setdefault(section, {})[name] = typed(key, value)
        built = {}
        for section, values in changed.items():
            try:
                built[section] = dataclasses.replace(getattr(self, section), **values)
            except InputError as error:
                raise InputError(f"[{section}] {error}") from error
        sources = {**self.sources, **dict.fromkeys(settings, "set by the user")}
        return dataclasses.replace(self, **built, sources=sources)

    def values(self) -> dict[str, float | int | bool]:
        """Return every parameter by its key, ``"section.field"``."""
        return {key: getattr(getattr(self, section), name) for key, section, name in _PARTS}


SECTIONS: Mapping[str, type] = {
    name: kind
    for name, kind in get_type_hints(Circuit).items()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}
"""The sections of a circuit and their types."""
_TYPES = {f"{s}.{f.name}": f.type for s, kind in SECTIONS.items() for f in dataclasses.fields(kind)}
KEYS: tuple[str, ...] = tuple(_TYPES)
"""Every parameter as ``"section.field"``."""
_PARTS = tuple((key, *key.split(".")) for key in KEYS)
_DEFAULTS = tuple(
    f"{s}.{f.name}"
    for s, kind in SECTIONS.items()
    for f in dataclasses.fields(kind)
    if f.default is not dataclasses.MISSING
)
"""Those that a file need not state."""


def typed(key: str, value: object) -> float | int | bool:
    """Return ``value``, a number or its text, as the type that the parameter ``key`` has.

    Raises :class:`~pimsim.errors.InputError` if it is not of that type.

    >>> typed("bitline.cells", "512"), typed("cell.capacitance_ff", 22)
    (512, 22.0)
    """
    kind = _TYPES[key]
    if kind == "bool":
        known = {"true": True, "false": False}
        if str(value).lower() in known:
            return known[str(value).lower()]
        raise InputError(f"`{key}` must be true or false, not {value!r}")
    wanted = "an integer" if kind == "int" else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"`{key}` must be {wanted}, not {value!r}")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise InputError(f"`{key}` must be {wanted}, not {documents.shown(value)}") from None
    if kind == "float":
        return number
    if not number.is_integer():
        raise InputError(f"`{key}` must be an integer, not {documents.shown(value)}")
    return int(number)


def names() -> tuple[str, ...]:
    """Names of the bundled presets, sorted."""
    return _SHELF.names()


_SHELF = sections.Shelf("preset", "pimsim.circuit", "presets")


def load(preset: str | Path) -> Circuit:
    """Return the bundled preset of that name, or the circuit in the ``.toml`` file at that path.

    A file may name a ``base``, the preset from which it takes what it does not state.

    Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), an
    unreadable file, unknown or missing keys (naming the nearest known one), and values out of
    range. The message lists everything that is wrong, each with file, section, key and value.
    """
    document = _SHELF.read(preset, tuple(SECTIONS))
    keys = {s: tuple(f.name for f in dataclasses.fields(kind)) for s, kind in SECTIONS.items()}
    values, sources = sections.stated(document, keys, _checked)
    wrong = document.mistakes
    needed = {s: tuple(k for k in keys[s] if f"{s}.{k}" not in _DEFAULTS) for s in keys}
    sections.require(document, values, needed)
    sources = {**dict.fromkeys(_DEFAULTS, f"not stated by {document.file}"), **sources}
    built: dict[str, Any] = {}
    for section, kind in SECTIONS.items() if not wrong else ():
        try:
            built[section] = kind(**values[section])
        except InputError as error:
            wrong += (f"[{section}] {text}" for text in error.mistakes or (str(error),))
    document.settle()
    try:
        return Circuit(document.name, document.description, **built, sources=sources)
    except InputError as error:
        raise InputError(f"{document.file}: {error}") from error


def toml(circuit: Circuit) -> str:
    """Return the text of a file that reads back as this circuit, sources included."""
    values: dict[str, dict[str, Any]] = {}
    for key, value in circuit.values().items():
        section, name = key.split(".")
        values.setdefault(section, {})[name] = value
    note = (
        "A circuit: `--preset FILE.toml` takes it. A value may stand alone, without a source; "
        f'with `base = "{circuit.name}"` in place of what is the same, only changes need be here.'
    )
    tops = {"name": circuit.name, "description": circuit.description}
    return sections.text(tops, values, circuit.sources, note)


def _checked(section: str, name: str, value: object) -> float | int | bool:
    found = typed(f"{section}.{name}", value)
    wrong = ranges.mistake(name, found)
    if wrong is not None:
        raise InputError(f"[{section}] {wrong}")
    return found


def _hint(key: str) -> str:
    alone = [known for known in KEYS if key and key in known.split(".")]  # field or section
    return documents.nearest(key, KEYS, f" (sections: {', '.join(SECTIONS)})", alone)


def _sign(section: str, vt_mv: float, *, negative: bool) -> None:
    if (vt_mv > 0) if negative else (vt_mv < 0):
        wanted = "at most 0, as of a pMOS" if negative else "at least 0, as of an nMOS"
        raise InputError(f"`{section}.vt_mv` must be {wanted}, not {vt_mv!r}")
