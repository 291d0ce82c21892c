"""The whole bitline pair as one ordinary differential equation, compiled.

Nodes of a pair, whose sides alternate: the far ends of bl and blb, the ladder nodes towards the
sense amplifier, bl and blb there, SAN and SAP; the cells come after. The equation is

    C dv/dt = i(v, t)

with a diagonal C. A cell that sits between two ladder nodes is tapped
in proportion: its voltage is interpolated and its current divided, as a linear finite element
does.

Units: V, ns, fF, uA, uA/V, fC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.transient.devices import (
    Current,
    allocating,
    called,
    compiled,
    merged,
    nmos,
    pmos,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Columns of the packed values of a sample; pairs are (bl, blb) or (SAN, SAP).
VDD, VPP, PRECHARGE, EQUALISER_GATE = 0, 1, 2, 3
BITLINE_FF, BITLINE_US, SET_LOAD = 4, 6, 8
LATCH_N, LATCH_N_VT, LATCH_P, LATCH_P_VT = 10, 12, 14, 16
SET, SET_VT = 18, 20
EQUALISER, EQUALISER_VT = 22, 27

# Channel-length modulation, by kind of device.
MOD_ACCESS, MOD_LATCH_N, MOD_LATCH_P, MOD_SET_N, MOD_SET_P, MOD_EQUALISER = 0, 1, 2, 3, 4, 5

# Supplies whose charge is integrated, and gates that are not word lines.
FROM_VDD, FROM_PRECHARGE, FROM_GROUND = 0, 1, 2
EQUALISER_LINE, SET_LINE = 0, 1


class Wiring(NamedTuple):
    """What is the same in every sample."""

    segments: int
    modulation: Floats
    """(6,) channel-length modulation by kind of device, 1/V."""
    cell_of: Ints
    """(contacts,) the cell of each access transistor."""
    contact_of: Ints
    """(cells, 2) the contacts of each cell, the second -1 where there is but one."""
    line_of: Ints
    """(contacts,) the control line at its gate."""
    tap: Ints
    """(contacts, 2) the ladder nodes to either side of it."""
    share: Floats
    """(contacts,) how far it is from the first of them to the second, 0 to 1."""


class Sample(NamedTuple):
    """Values of one bitline pair."""

    p: Floats
    """(32,) the columns above."""
    charge: Floats
    """(nodes + cells,) capacitance of every node."""
    access: Floats
    """(contacts,) strength of the access transistors."""
    access_vt: Floats
    """(contacts,) their threshold voltages."""


class Rates(NamedTuple):
    """Currents and their derivatives."""

    out: Floats
    """(nodes + cells,) current into every node."""
    by_time: Floats
    """(nodes + cells,) its derivative by time, through the control lines."""
    jacobian: Floats
    """(nodes, nodes) its derivative by voltage; becomes the factors."""
    by_tap: Floats
    """(contacts,) derivative of the current into the cell by the bitline's voltage."""
    by_cell: Floats
    """(contacts,) and by the cell's voltage."""
    pivot: Floats
    """(cells,) diagonal of the cells in the factors."""
    supplied: Floats
    """(3,) current out of each supply."""
    supplied_by: Floats
    """(3, 4) its derivative by bl, blb, SAN and SAP."""
    supplied_by_time: Floats
    """(3,) its derivative by time."""


@allocating
def new_rates(nodes: int, cells: int, contacts: int) -> Rates:
    """Return room for the currents of one sample, and for their derivatives."""
    return Rates(
        np.empty(nodes + cells), np.empty(nodes + cells), np.empty((nodes, nodes)),
        np.empty(contacts), np.empty(contacts), np.empty(cells),
        np.empty(3), np.empty((3, 4)), np.empty(3),
    )  # fmt: skip


@allocating
def new_currents(size: int) -> Rates:
    """Return room for the currents of one sample, and none for their derivatives."""
    return Rates(
        np.empty(size), np.empty(0), np.empty((0, 0)), np.empty(0), np.empty(0), np.empty(0),
        np.empty(3), np.empty((0, 0)), np.empty(0),
    )  # fmt: skip


@merged
def _between(
    rates: Rates, through: Current, drain: int, source: int, slope: float, derive: bool
) -> None:
    """Add a transistor between two nodes, all but its gate."""
    current, by_gate, by_drain = through
    rates.out[drain] -= current
    rates.out[source] += current
    if not derive:
        return
    jacobian, by_source = rates.jacobian, -by_gate - by_drain
    jacobian[drain, drain] -= by_drain
    jacobian[drain, source] -= by_source
    jacobian[source, drain] += by_drain
    jacobian[source, source] += by_source
    rates.by_time[drain] -= by_gate * slope
    rates.by_time[source] += by_gate * slope


@merged
def _from_supply(
    rates: Rates, supply: int, through: Current, node: int, slope: float, core: int, derive: bool
) -> None:
    """Add a transistor with its drain on a node and its source on a supply."""
    current, by_gate, by_drain = through
    rates.out[node] -= current
    rates.supplied[supply] -= current
    if not derive:
        return
    rates.jacobian[node, node] -= by_drain
    rates.by_time[node] -= by_gate * slope
    rates.supplied_by[supply, node - core] -= by_drain
    rates.supplied_by_time[supply] -= by_gate * slope


@called
def find_currents(
    rates: Rates, wiring: Wiring, sample: Sample, v: Floats, gates: Floats, slopes: Floats
) -> None:  # fmt: skip
    """Fill ``rates`` at the voltages ``v``, with control lines at ``gates`` moving by ``slopes``.

    ``gates`` and ``slopes`` (lines,) are shares of the full level, and shares per ns. Derivatives
    are filled where there is room for them. (To say so by an argument would have everything
    compiled twice: a constant is a type of its own.)
    """
    derive = rates.by_time.size > 0
    _clear(rates, derive)
    _add_ladders(rates, wiring, sample, v, derive)
    _add_latch(rates, wiring, sample, v, derive)
    if gates[SET_LINE] > 0.0:
        _add_set_devices(rates, wiring, sample, v, gates[SET_LINE], slopes[SET_LINE], derive)
    if gates[EQUALISER_LINE] > 0.0:
        _add_equaliser(
            rates, wiring, sample, v, gates[EQUALISER_LINE], slopes[EQUALISER_LINE], derive
        )
    _add_cells(rates, wiring, sample, v, gates, slopes, derive)


@compiled
def _clear(rates: Rates, derive: bool) -> None:
    out, by_time, jacobian = rates.out, rates.by_time, rates.jacobian
    for i in range(out.size):
        out[i] = 0.0
    for k in range(3):
        rates.supplied[k] = 0.0
    if not derive:
        return
    for i in range(out.size):
        by_time[i] = 0.0
    for i in range(jacobian.shape[0]):
        for j in range(jacobian.shape[0]):
            jacobian[i, j] = 0.0
    for k in range(3):
        rates.supplied_by_time[k] = 0.0
        for i in range(4):
            rates.supplied_by[k, i] = 0.0


@compiled
def _add_ladders(rates: Rates, wiring: Wiring, sample: Sample, v: Floats, derive: bool) -> None:
    segments, out, jacobian = wiring.segments, rates.out, rates.jacobian
    for side in range(2):
        conductance = sample.p[BITLINE_US + side] * segments
        for k in range(segments):
            far = 2 * k + side
            near = far + 2
            current = conductance * (v[near] - v[far])
            out[far] += current
            out[near] -= current
            if not derive:
                continue
            jacobian[far, far] -= conductance
            jacobian[near, near] -= conductance
            jacobian[far, near] += conductance
            jacobian[near, far] += conductance


@compiled
def _add_latch(rates: Rates, wiring: Wiring, sample: Sample, v: Floats, derive: bool) -> None:
    p, modulation, bl = sample.p, wiring.modulation, 2 * wiring.segments
    san, sap = bl + 2, bl + 3
    for side in range(2):
        drain, gate = bl + side, bl + 1 - side
        through = nmos(
            v[gate], v[drain], v[san], p[LATCH_N + side], p[LATCH_N_VT + side],
            modulation[MOD_LATCH_N],
        )  # fmt: skip
        _between(rates, through, drain, san, 0.0, derive)
        if derive:
            _, by_gate, _ = through
            rates.jacobian[drain, gate] -= by_gate
            rates.jacobian[san, gate] += by_gate
        through = pmos(
            v[gate], v[drain], v[sap], p[LATCH_P + side], p[LATCH_P_VT + side],
            modulation[MOD_LATCH_P],
        )  # fmt: skip
        _between(rates, through, drain, sap, 0.0, derive)
        if derive:
            _, by_gate, _ = through
            rates.jacobian[drain, gate] -= by_gate
            rates.jacobian[sap, gate] += by_gate


@compiled
def _add_set_devices(
    rates: Rates, wiring: Wiring, sample: Sample, v: Floats, level: float, slope: float,
    derive: bool,
) -> None:  # fmt: skip
    p, modulation, bl = sample.p, wiring.modulation, 2 * wiring.segments
    san, sap, vdd = bl + 2, bl + 3, p[VDD]
    through = nmos(vdd * level, v[san], 0.0, p[SET], p[SET_VT], modulation[MOD_SET_N])
    _from_supply(rates, FROM_GROUND, through, san, vdd * slope, bl, derive)
    through = pmos(
        vdd * (1.0 - level), v[sap], vdd, p[SET + 1], p[SET_VT + 1], modulation[MOD_SET_P]
    )
    _from_supply(rates, FROM_VDD, through, sap, -vdd * slope, bl, derive)


@compiled
def _add_equaliser(
    rates: Rates, wiring: Wiring, sample: Sample, v: Floats, level: float, slope: float,
    derive: bool,
) -> None:  # fmt: skip
    p, modulation, bl = sample.p, wiring.modulation[MOD_EQUALISER], 2 * wiring.segments
    gate, turn = p[EQUALISER_GATE] * level, p[EQUALISER_GATE] * slope
    for k in range(4):
        through = nmos(
            gate, v[bl + k], p[PRECHARGE], p[EQUALISER + k], p[EQUALISER_VT + k], modulation
        )
        _from_supply(rates, FROM_PRECHARGE, through, bl + k, turn, bl, derive)
    through = nmos(gate, v[bl], v[bl + 1], p[EQUALISER + 4], p[EQUALISER_VT + 4], modulation)
    _between(rates, through, bl, bl + 1, turn, derive)


@compiled
def _add_cells(
    rates: Rates, wiring: Wiring, sample: Sample, v: Floats, gates: Floats, slopes: Floats,
    derive: bool,
) -> None:  # fmt: skip
    nodes, vpp, modulation = 2 * wiring.segments + 4, sample.p[VPP], wiring.modulation[MOD_ACCESS]
    out, by_time, jacobian = rates.out, rates.by_time, rates.jacobian
    for c in range(wiring.cell_of.size):
        line = wiring.line_of[c]
        level = gates[line]
        if level <= 0.0:
            if derive:
                rates.by_tap[c] = 0.0
                rates.by_cell[c] = 0.0
            continue
        cell, near, far = nodes + wiring.cell_of[c], wiring.tap[c, 0], wiring.tap[c, 1]
        to_far = wiring.share[c]
        to_near = 1.0 - to_far
        current, by_gate, by_drain = nmos(
            vpp * level, to_near * v[near] + to_far * v[far], v[cell], sample.access[c],
            sample.access_vt[c], modulation,
        )  # fmt: skip
        out[cell] += current
        out[near] -= to_near * current
        out[far] -= to_far * current
        if not derive:
            continue
        turn = by_gate * vpp * slopes[line]
        rates.by_tap[c] = by_drain
        rates.by_cell[c] = -by_gate - by_drain
        by_time[cell] += turn
        by_time[near] -= to_near * turn
        by_time[far] -= to_far * turn
        jacobian[near, near] -= to_near * to_near * by_drain
        jacobian[near, far] -= to_near * to_far * by_drain
        jacobian[far, near] -= to_far * to_near * by_drain
        jacobian[far, far] -= to_far * to_far * by_drain
