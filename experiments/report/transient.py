"""What ``pimsim circuit read|tra|...`` finds, as a report and as the rows that are shown of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.transient.ngspice_check import Comparison
    from pimsim.circuit.transient.simulation import Transient

Report = Mapping[str, Any]
"""What ``--json`` prints, as Python values."""


def report(
    settings: Sequence[str], circuit: Circuit, result: Transient, checked: Comparison | None
) -> dict[str, Any]:
    """Return what is printed with ``--json``.

    Args:
        settings: parameters that were changed, each ``FIELD=VALUE``.
        circuit: with them.
        result: a transient of one sample.
        checked: how far ngspice's waveforms are from it; None if it was not asked.
    """
    scenario, latch_ns, value = result.scenario, float(result.latch_ns[0]), int(result.value[0])
    made = {
        "scenario": scenario.name,
        "title": scenario.title,
        "dv_at_sense_mv": float(result.dv_at_sense_mv[0]),
        "latch_ns": None if math.isnan(latch_ns) else latch_ns,
        "restored_mv": float(result.restored_mv[0]),
        "energy_fj": float(result.energy_fj[0]),
        "value": value,
        "expected": scenario.expected,
        "correct": value == scenario.expected,
        "cells_mv": {
            cell.name: float(level)
            for cell, level in zip(scenario.cells, result.cells_mv[0], strict=True)
        },
        "charge_imbalance": float(result.charge_imbalance[0]),
        "assumptions": {
            "preset": circuit.name,
            "set": ", ".join(settings) or "nothing",
            "model": "square-law transistors without body effect or gate charge, linear "
            f"capacitors, {circuit.bitline.segments}-segment bitlines",
        },
    }
    if checked is not None:
        compared = asdict(checked)
        del compared["scenario"], compared["spice_latch_ns"]
        compared["latch_ns"] = checked.latch_ns if math.isfinite(checked.latch_ns) else None
        made["ngspice"] = {**compared, "failures": list(checked.failures())}
    return made


def quantities(report: Report) -> list[tuple[str, str, str]]:
    """Return what was found: each quantity, its value with its unit, and what it is."""
    latch = report["latch_ns"]
    return [
        (
            "dv at sense",
            f"{report['dv_at_sense_mv']:.2f} mV",
            "swing: how far apart both bitlines are when the sense amplifier starts",
        ),
        (
            "latch",
            "not before rows close" if latch is None else f"{latch:.3f} ns",
            "time that it then takes to tell them apart",
        ),
        (
            "value",
            f"{report['value']}" + ("" if report["correct"] else " (wrong)"),
            "bit that it decides on",
        ),
        (
            "restored",
            f"{report['restored_mv']:.1f} mV",
            "level that is left in the cells that are open, the one furthest off",
        ),
        (
            "energy",
            f"{report['energy_fj']:.1f} fJ",
            "taken from the supply, for this pair of bitlines",
        ),
        (
            "charge imbalance",
            f"{report['charge_imbalance']:.1e}",
            "charge that the integration lost or made, as a share: a check of the simulation",
        ),
    ]


def against_ngspice(report: Report) -> list[tuple[str, str, str]]:
    """Return what ngspice says: each quantity, pimsim's less its own, and the limit."""
    from pimsim.circuit.transient import ngspice_check as limits

    checked = report["ngspice"]
    latch_ns = checked["latch_ns"]
    none = (
        "only one latches"
        if any(one.startswith("latch") for one in checked["failures"])
        else ("neither latches")
    )
    return [
        ("dv at sense", f"{checked['dv_mv']:+.4f} mV", f"{limits.DV_MV:g} mV"),
        ("value", "equal" if checked["value_equal"] else "different", "equal"),
        ("waveforms, RMS", f"{checked['rms_mv']:.3f} mV", f"{limits.RMS_MV:g} mV"),
        ("waveforms, one point", f"{checked['point_mv']:.3f} mV", f"{limits.POINT_MV:g} mV"),
        (
            "latch",
            none if latch_ns is None else f"{latch_ns * 1e3:+.1f} ps",
            f"{limits.LATCH_NS * 1e3:g} ps or {limits.LATCH_SHARE:.0%}",
        ),
        ("restored", f"{checked['restored_mv']:+.3f} mV", f"{limits.RESTORED_MV:g} mV"),
        ("energy", f"{checked['energy_share']:+.4%}", f"{limits.ENERGY_SHARE:.0%}"),
    ]


def ngspice_title(report: Report) -> str:
    """Return the title of :func:`against_ngspice`, which says what exceeds its limit.

    >>> ngspice_title({"ngspice": {"failures": ["energy"]}})
    'against ngspice: beyond its limit: energy'
    """
    failures = report["ngspice"]["failures"]
    return "against ngspice" + (f": beyond its limit: {', '.join(failures)}" if failures else "")
