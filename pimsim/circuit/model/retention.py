"""What a cell still holds: restored for too short a time, then leaking.

Both feed the stored levels of a :class:`~pimsim.circuit.model.parameters.Circuit`, and so
everything that follows from them.

>>> from pimsim.circuit.statistics.charge_sharing import majority_margin_mv
>>> from pimsim.circuit.model.parameters import load
>>> circuit = load("rambus55")
>>> waited = after(circuit, time_ms=64.0, celsius=85.0)
>>> round(waited.one_mv), round(waited.zero_mv)
(960, 0)
>>> round(majority_margin_mv(circuit), 1), round(majority_margin_mv(waited), 1)
(87.4, 17.5)
"""

from __future__ import annotations

import math

from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.statistics.charge_sharing import level_mv


def stored_mv(circuit: Circuit, before_mv: float, time_ms: float, celsius: float) -> float:
    """Return what is left of a stored level after a time without refresh.

    The time in which the distance to the leakage level falls to 1/e halves with every
    ``retention.halving_celsius``.
    """
    retention = circuit.retention
    halvings = (celsius - retention.reference_celsius) / retention.halving_celsius
    constant_ms = float(retention.time_constant_ms * 2.0**-halvings)
    end_mv = retention.leak_to_mv
    return end_mv + (before_mv - end_mv) * math.exp(-time_ms / constant_ms)


def after(circuit: Circuit, time_ms: float, celsius: float) -> Circuit:
    """Return the circuit with its cells' levels as they are after a time without refresh.

    Raises :class:`~pimsim.errors.InputError` if ones and zeros have become the same.
    """
    return _holding(
        circuit,
        stored_mv(circuit, circuit.one_mv, time_ms, celsius),
        stored_mv(circuit, circuit.zero_mv, time_ms, celsius),
    )


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
    return _holding(circuit, one_mv, zero_mv)


def restored_mv(circuit: Circuit, bit: bool, start_mv: float, time_ns: float) -> float:
    """Return the level of a cell that was connected for a time to a bitline at vdd or ground.

    The exact solution for a square-law access device without channel-length modulation. It ends
    at ``vpp - Vt`` where the word line is too low to pass vdd. The bitline is held: what a weak
    sense amplifier or many rows cost in addition, the transient tells.

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


def _holding(circuit: Circuit, one_mv: float, zero_mv: float) -> Circuit:
    vdd_mv = circuit.supply.vdd_mv
    held_mv = {"cell.one_share": one_mv, "cell.zero_share": zero_mv}
    return circuit.with_settings(
        {key: min(max(level / vdd_mv, 0.0), 1.0) for key, level in held_mv.items()}
    )


def _discharged(start: float, passes: float, rate: float, time_ns: float) -> float:
    saturated_ns = 0.0
    if start > passes:  # saturated until the cell is down to vpp - Vt: a constant current
        saturated_ns = (start - passes) / (rate * passes**2 / 2.0)
        if time_ns <= saturated_ns:
            return start - rate * passes**2 / 2.0 * time_ns
        start = passes
    ratio = start / (2 * passes - start) * math.exp(-passes * rate * (time_ns - saturated_ns))
    return 2 * passes * ratio / (1.0 + ratio)
