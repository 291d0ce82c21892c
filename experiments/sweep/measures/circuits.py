"""Makes the circuit and the process from the fields of a point.

>>> circuit = circuit_of({"preset": "rambus55", "cb_cs_ratio": 5.0, "vdd_mv": 1000.0})
>>> circuit.bitline.capacitance_ff, circuit.supply.vdd_mv
(110.0, 1000.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options.table import CELSIUS
from experiments.sweep.measures.field import Stamp, stamp_of
from experiments.sweep.results import Value
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.model.elements import Retention
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.model.variation import Process

DECISIVE = frozenset(
    {
        "supply.vdd_mv",
        "supply.vpp_mv",
        "supply.precharge_share",
        "cell.capacitance_ff",
        "cell.one_share",
        "cell.zero_share",
        "bitline.capacitance_ff",
        "access.vt_mv",
    }
)
"""Circuit parameters that charge sharing uses; the others act on whole cycles only."""

_LEAKING = "retention."
_RESTORING = frozenset({"access.w_um", "access.l_um", "access.kp_ua_per_v2"})
_CIRCUIT, _SPREAD = "circuit.", "spread."
_MORE = frozenset({"vdd_mv", "cb_cs_ratio", "restore_ns", "wait_ms", "celsius"})
"""Fields, besides those that begin with ``circuit.``, that change the circuit of a preset."""


def circuit_of(values: Mapping[str, Value]) -> Circuit:
    """Return the circuit: the preset with all changes, then restore and leakage.

    Raises :class:`~pimsim.errors.InputError` for values that are out of range or contradict each
    other.
    """
    found = _found(values["preset"])
    return _circuit(*found, tuple((name, one) for name, one in values.items() if _acts(name)))


def _acts(name: str) -> bool:
    return name.startswith(_CIRCUIT) or name in _MORE


@lru_cache(maxsize=1024)
def _circuit(preset: str, stamp: Stamp | None, changed: tuple[tuple[str, Value], ...]) -> Circuit:
    """The circuit, cached: key and trials of a point need the same one, and so do many points."""
    from pimsim.circuit.model import retention

    values = dict(changed)
    settings: dict[str, object] = {
        name.removeprefix(_CIRCUIT): value
        for name, value in values.items()
        if name.startswith(_CIRCUIT)
    }
    if "vdd_mv" in values:
        _alone("vdd_mv", "supply.vdd_mv", settings)
        settings["supply.vdd_mv"] = values["vdd_mv"]
    circuit = _preset(preset, stamp).with_settings(settings)
    if "cb_cs_ratio" in values:
        _alone("cb_cs_ratio", "bitline.capacitance_ff", settings)
        bitline_ff = float(values["cb_cs_ratio"]) * circuit.cell.capacitance_ff
        circuit = circuit.with_set("bitline.capacitance_ff", bitline_ff)
    if "restore_ns" in values:
        circuit = retention.restored(circuit, float(values["restore_ns"]))
    if "wait_ms" in values:
        celsius = float(values.get("celsius", CELSIUS.default))
        return retention.after(circuit, float(values["wait_ms"]), celsius)
    if "celsius" in values:
        raise InputError("`celsius` must come with `wait_ms`: temperature acts on leakage only")
    return circuit


def process_of(values: Mapping[str, Value]) -> Process:
    """Return the process with the amounts that fields change.

    Raises :class:`~pimsim.errors.InputError` for an amount that the process does not have.
    """
    process = _process(*_found(values["process"]))
    for name, value in values.items():
        if name.startswith(_SPREAD):
            quantity = name.removeprefix(_SPREAD).rpartition("_")[0]
            try:
                process = process.with_amount(quantity, float(value))
            except InputError as error:
                raise InputError(f"`{name}` cannot be set: {error}") from error
    return process


def _found(wanted: Value) -> tuple[str, Stamp | None]:
    """A name or path, and the stamp by which a change of the file is noticed.

    A sweep uses the same few files at each of its thousands of points.
    """
    name = str(wanted)
    return name, stamp_of(Path(name)) if name.endswith(".toml") else None


@lru_cache(maxsize=64)
def _preset(name: str, _stamp: Stamp | None) -> Circuit:
    from pimsim.circuit.model import parameters

    return parameters.load(name)


@lru_cache(maxsize=64)
def _process(name: str, _stamp: Stamp | None) -> Process:
    from pimsim.circuit.model import variation

    return variation.load(name)


def require_effect(values: Mapping[str, Value]) -> None:
    """Refuse parameters that charge sharing does not use: their sweep would be flat.

    Raises :class:`~pimsim.errors.InputError`.
    """
    _require_effect(tuple(values))


@lru_cache(maxsize=64)
def _require_effect(values: tuple[str, ...]) -> None:
    """The same of the names; an error is not cached."""
    from pimsim.circuit.model import retention
    from pimsim.circuit.model.variation import QUANTITIES

    known = set(DECISIVE)
    known |= _RESTORING if "restore_ns" in values else set()
    for name in values:
        key = name.removeprefix(_CIRCUIT)
        leaks = key.startswith(_LEAKING) and "wait_ms" in values
        quantity = name.removeprefix(_SPREAD).rpartition("_")[0]
        idle = quantity == retention.SPREAD and "wait_ms" not in values
        if (name.startswith(_CIRCUIT) and key not in known and not leaks) or (
            name.startswith(_SPREAD) and (idle or not QUANTITIES[quantity].decides)
        ):
            raise InputError(f"`{name}` must not be set here: charge sharing does not depend on it")


def identity(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return everything that circuit and process depend on, as JSON values, for a key.

    If cells do not differ in retention, it is the same as in versions in which they could not.
    Points with the same circuit and process get the same object, which nobody must change.
    """
    circuit_of(values)  # what is wrong with it is told before anything else
    changed = tuple((n, one) for n, one in values.items() if _acts(n) or n.startswith(_SPREAD))
    return _identity(_found(values["preset"]), _found(values["process"]), changed)


@lru_cache(maxsize=1024)
def _identity(
    preset: tuple[str, Stamp | None],
    amounts: tuple[str, Stamp | None],
    changed: tuple[tuple[str, Value], ...],
) -> dict[str, Any]:
    from pimsim.circuit.model import retention

    values = {"preset": preset[0], "process": amounts[0], **dict(changed)}
    circuit = circuit_of(values)
    process = retention.acting(circuit, process_of(values))
    found: dict[str, Any] = circuit.values()
    if any(one.quantity == retention.SPREAD for one in process.varied):
        found["leaked"] = circuit.leaked
    else:
        del found[f"{_LEAKING}log_scale"]
        if circuit.leaked:
            found["cell.one_share"] = circuit.one_mv / circuit.supply.vdd_mv
            found["cell.zero_share"] = circuit.zero_mv / circuit.supply.vdd_mv
        elif circuit.retention == _reference():
            found.update(_BEFORE)
    return {"circuit": found, "process": process.as_json()}


_BEFORE = {
    f"{_LEAKING}time_constant_ms": 287.0,
    f"{_LEAKING}reference_celsius": 85.0,
    f"{_LEAKING}halving_celsius": 10.0,
}
"""Retention of bundled presets before cells differed; it only enters keys of points without a
wait."""


@cache
def _reference() -> Retention:
    from pimsim.circuit.model import parameters

    return parameters.load("rambus55").retention


def _alone(name: str, key: str, settings: Mapping[str, object]) -> None:
    if key in settings:
        raise InputError(f"`{name}` must not be set together with `{_CIRCUIT}{key}`: it sets that")
