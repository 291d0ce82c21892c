"""What a cell still holds after a restore that was cut short, and after it has leaked.

Both change the stored levels of a :class:`~pimsim.circuit.model.parameters.Circuit`, and so
everything that is computed from them. Leakage is exponential, and cells differ. The circuit states
the time constant of the median cell. The logarithm of a cell's own differs from that of the median
by ``cell.retention`` of the process times ``retention.log_scale`` of the circuit.

>>> from pimsim.circuit.statistics.charge_sharing import majority_margin_mv
>>> from pimsim.circuit.model.parameters import load
>>> circuit = load("worst-cell")
>>> waited = after(circuit, time_ms=64.0, celsius=85.0)
>>> round(waited.one_mv), round(waited.zero_mv)
(960, 0)
>>> round(majority_margin_mv(circuit), 1), round(majority_margin_mv(waited), 1)
(87.4, 17.5)
>>> after(load("rambus55"), time_ms=64.0, celsius=85.0).leaked < 1e-5  # of its median cell
True
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pimsim.circuit.model.elements import Floats
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.statistics.charge_sharing import level_mv
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.model.variation import Process

SPREAD = "cell.retention"
"""The quantity of a process by which cells differ."""


def after(circuit: Circuit, time_ms: float, celsius: float) -> Circuit:
    """Return the circuit with cells that have leaked for a time without refresh.

    Raises :class:`~pimsim.errors.InputError` if all cells are alike and a one has sunk to the level
    of a zero.
    """
    waited = circuit.retention.waited(time_ms, celsius)
    found = dataclasses.replace(circuit, leaked=circuit.leaked + waited)
    if not circuit.retention.log_scale and found.one_mv <= found.zero_mv:
        raise InputError(
            f"`wait_ms` must leave a one above a zero ({found.zero_mv:g} mV), not at "
            f"{found.one_mv:g} mV as {time_ms:g} ms at {celsius:g} °C do"
        )
    return found


def acting(circuit: Circuit, process: Process) -> Process:
    """Return the process without its ``cell.retention`` where that changes nothing.

    That is so where no time has passed, and where all cells of the circuit are alike.

    >>> from pimsim.circuit.model import parameters, variation
    >>> circuit, ambit = parameters.load("rambus55"), variation.load("ambit-like")
    >>> [len(acting(one, ambit).varied) for one in (circuit, after(circuit, 64.0, 85.0))]
    [18, 19]
    """
    if circuit.leaked and circuit.retention.log_scale:
        return process
    kept = tuple(one for one in process.varied if one.quantity != SPREAD)
    return dataclasses.replace(process, varied=kept)


def left_mv(circuit: Circuit, restored_mv: Floats | float, longer: Floats) -> Floats | float:
    """Return what cells still hold of their restored levels, within ground and vdd.

    ``longer`` is ``cell.retention`` as a process spreads it; its shape and that of the levels
    broadcast. A level to which cells leak anyway is returned unchanged, to the last bit.
    """
    leak_to_mv, vdd_mv = circuit.retention.leak_to_mv, circuit.supply.vdd_mv
    if isinstance(restored_mv, float) and restored_mv == leak_to_mv:
        return restored_mv
    constants = circuit.leaked * np.exp(-longer * circuit.retention.log_scale)
    left = circuit.retention.left_mv(restored_mv, constants)
    if leak_to_mv < 0.0:
        return np.maximum(left, np.minimum(restored_mv, 0.0))
    if leak_to_mv > vdd_mv:
        return np.minimum(left, np.maximum(restored_mv, vdd_mv))
    return left


def weakest(circuit: Circuit, process: Process, cells: int) -> Circuit:
    """Return the circuit in which every cell leaks like the weakest of ``cells`` typically does.

    Its time constant is the one that a share of ``1 / cells`` of all cells is below. A circuit
    whose cells are alike stays as it is.

    >>> from pimsim.circuit.model import parameters, variation
    >>> circuit, ambit = parameters.load("rambus55"), variation.load("ambit-like")
    >>> round(weakest(circuit, ambit, 2**30).retention.time_constant_ms)
    61
    """
    spread = [one for one in process.varied if one.quantity == SPREAD]
    if not spread or not circuit.retention.log_scale:
        return circuit
    shorter = spread[0].quantile(1.0 / cells) * circuit.retention.log_scale
    constant_ms = circuit.retention.time_constant_ms * math.exp(shorter)
    settings = {"retention.time_constant_ms": constant_ms, "retention.log_scale": 0.0}
    return circuit.with_settings(settings)


def lost_share(circuit: Circuit, process: Process) -> float | None:
    """Return which share of cells no longer reads as a one, without any other variation.

    That is the share of those whose level is below the precharge level; None if the process does
    not say how cells differ.

    >>> from pimsim.circuit.model import parameters, variation
    >>> waited = after(parameters.load("rambus55"), time_ms=4_000.0, celsius=90.0)
    >>> round(100 * lost_share(waited, variation.load("ambit-like")), 2)
    0.14
    """
    start_mv, end_mv = circuit.restored_one_mv, circuit.retention.leak_to_mv
    for one in acting(circuit, process).varied:
        if one.quantity == SPREAD:
            if circuit.precharge_mv <= end_mv:
                return 0.0
            # A cell is at the precharge level after this many of its own time constants.
            constants = math.log((start_mv - end_mv) / (circuit.precharge_mv - end_mv))
            return one.below(math.log(circuit.leaked / constants) / circuit.retention.log_scale)
    return None


def restored(circuit: Circuit, time_ns: float) -> Circuit:
    """Return the circuit with its cells' levels as a restore of that time leaves them.

    Each cell starts from the level to which reading it has brought cell and bitline.

    >>> from pimsim.circuit.model.parameters import load
    >>> hurried = restored(load("rambus55"), time_ns=0.5)
    >>> round(hurried.one_mv), round(hurried.zero_mv)
    (1113, 14)
    """
    one_mv, zero_mv = (
        restored_mv(circuit, bit, level_mv(circuit, [held_mv]), time_ns)
        for bit, held_mv in ((True, circuit.one_mv), (False, circuit.zero_mv))
    )
    held_mv = {"cell.one_share": one_mv, "cell.zero_share": zero_mv}
    shares = {key: min(max(mv / circuit.supply.vdd_mv, 0.0), 1.0) for key, mv in held_mv.items()}
    return dataclasses.replace(circuit.with_settings(shares), leaked=0.0)


def restored_mv(circuit: Circuit, bit: bool, start_mv: float, time_ns: float) -> float:
    """Return the level of a cell that was connected for a time to a bitline at vdd or ground.

    The exact solution for a square-law access device without channel-length modulation. It ends
    at ``vpp - Vt`` where the word line is too low to pass vdd. The bitline is assumed to be held at
    its level; :mod:`pimsim.circuit.transient` tells how much longer a weak sense amplifier or many
    rows take.

    >>> from pimsim.circuit.model.parameters import load
    >>> circuit = load("rambus55")
    >>> [round(restored_mv(circuit, True, 687.4, time_ns)) for time_ns in (0.0, 0.3, 1.0, 10.0)]
    [687, 1023, 1180, 1200]
    """
    supply, access = circuit.supply, circuit.access
    # k/C in 1/(V ns), from uA/V^2 and fF; voltages in V.
    rate = access.kp_ua_per_v2 * access.w_um / access.l_um / circuit.cell.capacitance_ff
    start, vdd = start_mv / 1e3, supply.vdd_mv / 1e3
    passes = (supply.vpp_mv - access.vt_mv) / 1e3
    if not bit:
        # dV/dt = -rate V (passes - V/2): linear region while V < passes.
        return 1e3 * _discharged(start, passes, rate, time_ns)
    if passes <= vdd:
        if start >= passes:
            return start_mv
        # dV/dt = rate/2 (passes - V)^2: saturated throughout.
        missing = passes - start
        return 1e3 * (passes - missing / (1.0 + rate * missing * time_ns / 2.0))
    # With x = vdd - V: dx/dt = -rate x (headroom + x/2).
    headroom, missing = passes - vdd, vdd - start
    ratio = missing / (missing + 2 * headroom) * math.exp(-headroom * rate * time_ns)
    return 1e3 * (vdd - 2 * headroom * ratio / (1.0 - ratio))


def _discharged(start: float, passes: float, rate: float, time_ns: float) -> float:
    saturated_ns = 0.0
    if start > passes:  # saturated until the cell is down to vpp - Vt: a constant current
        saturated_ns = (start - passes) / (rate * passes**2 / 2.0)
        if time_ns <= saturated_ns:
            return start - rate * passes**2 / 2.0 * time_ns
        start = passes
    ratio = start / (2 * passes - start) * math.exp(-passes * rate * (time_ns - saturated_ns))
    return 2 * passes * ratio / (1.0 + ratio)
