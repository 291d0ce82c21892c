"""The circuit as data for the page: parameters, control lines, what varies, and words for phases.

>>> data = circuit_data()
>>> data["values"]["cell.capacitance_ff"], sorted(data["scenarios"])
(22.0, ['majority', 'not', 'read'])
>>> data["scenarios"]["not"]["end_ns"]
107.0
"""

from __future__ import annotations

import math
from typing import Any

from pimsim.circuit.model import parameters, retention, variation
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.statistics.intervals import LEVEL
from pimsim.circuit.statistics.sense_decision import COMMON_MODE_MV, LEAST_SHARE, OFFSET
from pimsim.circuit.transient import integrator, scenarios, simulation, step_code
from pimsim.circuit.transient.control_lines import lines, phases
from pimsim.circuit.transient.instances import ladder_position
from pimsim.circuit.transient.scenarios import Scenario

PRESET, PROCESS = "worst-cell", "ambit-like"
"""The reference circuit, and the process that reproduces Ambit's failures. All cells leak as much
as a refresh window allows, so that time and temperature have a visible effect."""

SAMPLES = 20_000
"""Bitlines that the page draws at random: a failure rate of 0.1 % is known to about a third of
it."""

STEP_PS = 100.0
"""Longest distance between points of a waveform: two for a ramp of the sense amplifier."""

SLIDERS: tuple[dict[str, Any], ...] = (
    {"key": "cell.capacitance_ff", "label": "Cell capacitor Cs", "unit": "fF",
     "low": 5, "high": 50, "step": 0.5,
     "help": "What one cell stores its bit in. Larger: more charge, more swing."},
    {"key": "bitline.capacitance_ff", "label": "Bitline Cb", "unit": "fF",
     "low": 30, "high": 300, "step": 1,
     "help": "The wire that cells share, with 512 cells on it. Longer: less swing."},
    {"key": "supply.vdd_mv", "label": "Array supply VDD", "unit": "mV",
     "low": 800, "high": 1600, "step": 10,
     "help": "The level of a stored one. Bitlines wait at half of it."},
    {"key": "offset_mv", "label": "Sense amplifier offset", "unit": "mV",
     "low": -200, "high": 200, "step": 1, "value": 0,
     "help": "An amplifier whose two halves differ leans to 1 (above 0) or to 0."},
    {"key": "wait_ms", "label": "Time since refresh", "unit": "ms",
     "low": 0, "high": 128, "step": 1, "value": 0,
     "help": "Cells leak while they wait. A refresh, or a copy, makes them full again."},
    {"key": "celsius", "label": "Temperature", "unit": "°C",
     "low": 25, "high": 95, "step": 1, "value": 85,
     "help": "Every 10 °C more, cells leak twice as fast. It shows once time has passed."},
    {"key": "variation_percent", "label": "Process variation", "unit": "%",
     "low": 0, "high": 30, "step": 0.5, "value": 10,
     "help": "How far parts of a bitline may be from what was drawn, each by itself."},
)  # fmt: skip
"""Sliders: each sets a parameter of the circuit, or one of the page's own, which has a value."""

_PHASES = {
    "float": "The equaliser lets go. Bitline and complement float at half of VDD.",
    "share": "The word line opens the cells. Their charge spreads over the bitline, which moves a "
    "little: charge sharing.",
    "sense and restore": "The sense amplifier is on. It pulls the higher of the two bitlines up to "
    "VDD and the other to ground, and so writes the result back into every open cell.",
    "second row": "A second word line opens. The sense amplifier, still on, writes its value into "
    "that row too: a copy.",
    "close": "The word lines fall. The cells are cut off and keep what they hold.",
    "precharge": "The equaliser ties both bitlines together, back to half of VDD.",
}


def circuit() -> Circuit:
    """Return the circuit that the page starts from."""
    return parameters.load(PRESET)


def circuit_data() -> dict[str, Any]:
    """Return the data of circuit and process for the page, as JSON values."""
    base = circuit()
    process = retention.acting(base, variation.load(PROCESS))
    if {one.distribution for one in process.varied} != {"uniform"}:
        raise ValueError(f"the page draws uniform quantities alone, not all of {process.name}")
    kinds = {
        "read": scenarios.read(1),
        "majority": scenarios.tra("110"),
        "not": scenarios.dual_contact_not(1),
    }
    return {
        "preset": base.name,
        "process": process.name,
        "values": base.values(),
        "sliders": [{**one, "value": _start(base, one)} for one in SLIDERS],
        "scenarios": {name: _scenario(base, kind) for name, kind in kinds.items()},
        "varied": [
            {
                "quantity": one.quantity,
                "amount": one.amount,
                "shared": one.shared,
                "instances": variation.QUANTITIES[one.quantity].instances,
            }
            for one in process.varied
            if variation.QUANTITIES[one.quantity].decides
        ],
        "offset": {
            name: [value if math.isfinite(value) else None for value in values]
            for name, values in OFFSET.items()
        },
        "common_mode_mv": COMMON_MODE_MV,
        "least_share": LEAST_SHARE,
        "samples": SAMPLES,
        "level": LEVEL,
        "tolerance_mv": simulation.TOLERANCE_MV,
        "step_ns": STEP_PS * 1e-3,
        "first_step_ns": integrator.FIRST_STEP_NS,
        "longest_step_ns": step_code.LONGEST_STEP_NS,
        "shortest_step_ns": step_code.SHORTEST_STEP_NS,
        "latched_share": step_code.LATCHED_SHARE,
    }


def _start(base: Circuit, slider: dict[str, Any]) -> float:
    value = slider["value"] if "value" in slider else base.values()[slider["key"]]
    return float(value)


def _scenario(base: Circuit, scenario: Scenario) -> dict[str, Any]:
    """Control lines of a scenario, and which cell each of them opens to which bitline."""
    controls = lines(base.timeline, scenario)
    near, share = ladder_position(base)
    segments = base.bitline.segments
    return {
        "cells": [cell.name for cell in scenario.cells],
        "word_lines": scenario.word_lines,
        "contacts": [
            {
                "cell": cell,
                "side": int(contact.side == "blb"),
                "line": controls.names.index(contact.word_line),
                "tap": [2 * (segments - k) + int(contact.side == "blb") for k in (near, near + 1)],
                "share": share,
            }
            for cell, contact in scenario.contacts
        ],
        "corners": controls.corners,
        "sense_ns": controls.sense_ns,
        "close_ns": controls.close_ns,
        "end_ns": controls.end_ns,
        "phases": [
            {"name": one.name, "start_ns": one.start_ns, "end_ns": one.end_ns,
             "words": _PHASES[one.name]}
            for one in phases(base.timeline, scenario)
        ],
    }  # fmt: skip
