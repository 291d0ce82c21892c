"""Sampled circuits: one scenario, many bitline pairs, every device with values of its own.

:func:`nominal` makes equal ones; a study of variation replaces the arrays that vary.

>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.transient.scenarios import tra
>>> pairs = nominal(load("rambus55"), tra("110"), samples=2)
>>> pairs.cell_mv
array([[1200., 1200.,    0.],
       [1200., 1200.,    0.]])
>>> import dataclasses
>>> wider = dataclasses.replace(pairs, cell_ff=pairs.cell_ff * np.array([[0.9], [1.1]]))
>>> wider.cell_ff[1]
array([24.2, 24.2, 24.2])
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model.elements import Transistor
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.transient.scenarios import OpenedCell, Scenario
from pimsim.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Instances:
    """Values of the devices of ``samples`` bitline pairs; every array begins with that axis.

    Pairs of columns are (bl, blb) for bitlines and latch transistors, by their drains, and
    (SAN, SAP) for the set devices and loads. A transistor's strength is kp W/L.
    """

    vdd_mv: Floats
    """(samples,) array supply."""
    vpp_mv: Floats
    """(samples,) level of a raised word line."""
    precharge_mv: Floats
    """(samples,) level that bitlines, SAN and SAP start from and are tied to."""
    equaliser_gate_mv: Floats
    """(samples,) gate level of the equaliser while it precharges."""
    bitline_ff: Floats
    """(samples, 2) capacitance of a whole bitline."""
    bitline_ohm: Floats
    """(samples, 2) resistance of a whole bitline."""
    set_load_ff: Floats
    """(samples, 2) load on SAN and SAP."""
    latch_n_ua_per_v2: Floats
    """(samples, 2) strength of the latch's nMOS."""
    latch_n_vt_mv: Floats
    """(samples, 2) their threshold voltages."""
    latch_p_ua_per_v2: Floats
    """(samples, 2) strength of the latch's pMOS."""
    latch_p_vt_mv: Floats
    """(samples, 2) their threshold voltages, negative."""
    set_ua_per_v2: Floats
    """(samples, 2) strength of the nMOS on SAN and the pMOS on SAP."""
    set_vt_mv: Floats
    """(samples, 2) their threshold voltages, the second negative."""
    equaliser_ua_per_v2: Floats
    """(samples, 5) strength of the equaliser: bl, blb, SAN, SAP to precharge, and bl to blb."""
    equaliser_vt_mv: Floats
    """(samples, 5) their threshold voltages."""
    cell_ff: Floats
    """(samples, cells) storage capacitors."""
    cell_mv: Floats
    """(samples, cells) stored levels at the start."""
    access_ua_per_v2: Floats
    """(samples, contacts) strength of the access transistors, in the scenario's order."""
    access_vt_mv: Floats
    """(samples, contacts) their threshold voltages."""

    @property
    def samples(self) -> int:
        """Number of bitline pairs."""
        return int(self.vdd_mv.shape[0])

    def require(self, scenario: Scenario) -> None:
        """Raise :class:`~pimsim.errors.InputError` unless every array is as wide as it must be."""
        single = ("vdd_mv", "vpp_mv", "precharge_mv", "equaliser_gate_mv")
        widths = {"equaliser": 5, "cell": len(scenario.cells), "access": len(scenario.contacts)}
        for name in (field.name for field in fields(self)):
            width = () if name in single else (widths.get(name.split("_")[0], 2),)
            found, wanted = getattr(self, name).shape, (self.samples, *width)
            if found != wanted:
                raise InputError(
                    f"`{name}` must be of shape {wanted} for {scenario.name}, not {found}"
                )


def nominal(circuit: Circuit, scenario: Scenario, samples: int = 1) -> Instances:
    """Return ``samples`` bitline pairs that are all exactly as ``circuit`` says.

    Raises :class:`~pimsim.errors.InputError` if the scenario opens more rows than a bitline has.
    """
    for side in ("bl", "blb"):
        on_side = sum(contact.side == side for _, contact in scenario.contacts)
        if on_side:
            circuit.require_rows(on_side)
    access = [_strength(circuit.access)] * len(scenario.contacts)
    levels = [_level_mv(circuit, cell) for cell in scenario.cells]
    latch_n, latch_p, equaliser = circuit.latch_n, circuit.latch_p, circuit.equaliser
    set_n, set_p, line = circuit.set_n, circuit.set_p, circuit.bitline

    def every(*values: float) -> Floats:
        return np.tile(np.array(values, dtype=np.float64), (samples, 1))

    return Instances(
        vdd_mv=every(circuit.supply.vdd_mv)[:, 0],
        vpp_mv=every(circuit.supply.vpp_mv)[:, 0],
        precharge_mv=every(circuit.precharge_mv)[:, 0],
        equaliser_gate_mv=every(circuit.sense_amplifier.equaliser_gate_mv)[:, 0],
        bitline_ff=every(*[line.capacitance_ff] * 2),
        bitline_ohm=every(*[line.resistance_ohm * line.cells] * 2),
        set_load_ff=every(*[circuit.sense_amplifier.set_load_ff] * 2),
        latch_n_ua_per_v2=every(*[_strength(latch_n)] * 2),
        latch_n_vt_mv=every(*[latch_n.vt_mv] * 2),
        latch_p_ua_per_v2=every(*[_strength(latch_p)] * 2),
        latch_p_vt_mv=every(*[latch_p.vt_mv] * 2),
        set_ua_per_v2=every(_strength(set_n), _strength(set_p)),
        set_vt_mv=every(set_n.vt_mv, set_p.vt_mv),
        equaliser_ua_per_v2=every(*[_strength(equaliser)] * 5),
        equaliser_vt_mv=every(*[equaliser.vt_mv] * 5),
        cell_ff=every(*[circuit.cell.capacitance_ff] * len(levels)),
        cell_mv=every(*levels),
        access_ua_per_v2=every(*access),
        access_vt_mv=every(*[circuit.access.vt_mv] * len(access)),
    )


def ladder_position(circuit: Circuit) -> tuple[int, float]:
    """Return the ladder node before the cells, from the sense amplifier, and the share beyond it.

    >>> from pimsim.circuit.model.parameters import load
    >>> [ladder_position(load("rambus55").with_set("cell.row", row)) for row in (256, 160)]
    [(2, 0.0), (1, 0.25)]
    """
    place = circuit.cell.row / circuit.bitline.cells * circuit.bitline.segments
    node = min(int(place), circuit.bitline.segments - 1)
    return node, place - node


def _level_mv(circuit: Circuit, cell: OpenedCell) -> float:
    if cell.stored == "neutral":
        return circuit.precharge_mv
    return circuit.one_mv if cell.stored else circuit.zero_mv


def _strength(device: Transistor) -> float:
    return device.kp_ua_per_v2 * device.w_um / device.l_um
