"""The transient against ngspice: differences, and the limits that they must keep.

>>> Comparison("read-1", 0.0, True, 0.2, 3.0, -0.001, 1.7, 0.1, 0.002).failures()
()
>>> Comparison("read-1", 0.7, False, 0.2, 3.0, -0.1, 1.7, 0.1, 0.002).failures()
('dv +0.7 mV', 'value', 'latch -0.1 ns')
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.transient.control_lines import Controls
from pimsim.circuit.transient.instances import Floats
from pimsim.circuit.transient.simulation import Transient
from pimsim.circuit.transient.spice import SpiceRun
from pimsim.circuit.transient.step_code import LATCHED_SHARE

DV_MV = 0.5
RMS_MV = 10.0
POINT_MV = 25.0
"""At any point further than :data:`EDGE_NS` from an edge of a control line or the latch."""
EDGE_NS = 0.3
LATCH_SHARE, LATCH_NS = 0.05, 0.05
"""Either is enough."""
RESTORED_MV = 10.0
ENERGY_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """Transient less ngspice, for one scenario."""

    scenario: str
    dv_mv: float
    """Difference between the bitlines when sensing starts."""
    value_equal: bool
    """Whether the logic values are the same."""
    rms_mv: float
    """Root mean square over the whole time, of the node where it is largest."""
    point_mv: float
    """Largest difference of any node away from edges and latch."""
    latch_ns: float
    """Latch time; nan if neither latched, infinite if only one did."""
    spice_latch_ns: float
    """Latch time of ngspice, to which the relative limit refers."""
    restored_mv: float
    """Restored level, of the cell where it is largest."""
    energy_share: float
    """Energy, as a share of that of ngspice."""

    def failures(self) -> tuple[str, ...]:
        """Return what exceeds its limit, with its size; empty if all is well."""
        latch_limit = max(LATCH_NS, LATCH_SHARE * self.spice_latch_ns)
        both_late = math.isnan(self.latch_ns)
        checks = (
            (abs(self.dv_mv) <= DV_MV, f"dv {self.dv_mv:+.3g} mV"),
            (self.value_equal, "value"),
            (self.rms_mv <= RMS_MV, f"waveform {self.rms_mv:.3g} mV RMS"),
            (self.point_mv <= POINT_MV, f"waveform {self.point_mv:.3g} mV at one point"),
            (both_late or abs(self.latch_ns) <= latch_limit, f"latch {self.latch_ns:+.3g} ns"),
            (abs(self.restored_mv) <= RESTORED_MV, f"restored {self.restored_mv:+.3g} mV"),
            (abs(self.energy_share) <= ENERGY_SHARE, f"energy {self.energy_share:+.2%}"),
        )
        return tuple(text for passed, text in checks if not passed)


def compare(ours: Transient, theirs: SpiceRun) -> Comparison:
    """Return the differences between the first sample of a transient and ngspice's run of it.

    Raises :class:`ValueError` if the transient has no waveforms.
    """
    if ours.waveforms is None:
        raise ValueError("the transient must have waveforms")
    times = ours.waveforms.time_ns
    nodes = {
        name: np.interp(times, theirs.time_ns, level) for name, level in theirs.nodes_mv.items()
    }
    controls, scenario = ours.controls, ours.scenario
    vdd_mv = float(ours.waveforms.controls_mv["set_p"][0].max())  # of this sample
    start, close = controls.sense_ns[-1], controls.close_ns[-1]
    apart = theirs.nodes_mv["bl"] - theirs.nodes_mv["blb"]
    latch_ns = _latch_ns(theirs.time_ns, apart, start, close, LATCHED_SHARE * vdd_mv)
    calm = _calm(times, controls, [start + float(ours.latch_ns[0]), start + latch_ns])
    errors = {
        name: ours.waveforms.nodes_mv[name][0] - level
        for name, level in nodes.items()
        if name not in ("san", "sap")
    }
    closed = [np.interp(close, theirs.time_ns, theirs.nodes_mv[c.name]) for c in scenario.cells]
    restored = ours.cells_mv[0] - np.array(closed)
    restored = restored[list(scenario.holders())] if scenario.holders() else restored
    energy_fj = _area(theirs.supply_ua, theirs.time_ns) * vdd_mv * 1e-3
    return Comparison(
        scenario=scenario.name,
        dv_mv=float(ours.dv_at_sense_mv[0] - np.interp(start, theirs.time_ns, apart)),
        value_equal=bool(ours.value[0] == (np.interp(close, theirs.time_ns, apart) > 0)),
        rms_mv=max(_rms(times, error) for error in errors.values()),
        point_mv=max(float(np.abs(error[calm]).max()) for error in errors.values()),
        latch_ns=_late(float(ours.latch_ns[0]), latch_ns),
        spice_latch_ns=latch_ns,
        restored_mv=float(restored[np.abs(restored).argmax()]),
        energy_share=float(ours.energy_fj[0]) / energy_fj - 1,
    )


def _latch_ns(times: Floats, apart: Floats, start: float, close: float, level: float) -> float:
    """Time from ``start`` to bitlines ``level`` apart, linear between points; nan if not."""
    inside = (times >= start) & (times <= close)
    at, size = times[inside], np.abs(apart[inside])
    beyond = np.flatnonzero(size >= level)
    if not beyond.size:
        return math.nan
    i = int(beyond[0])
    if i == 0:
        return 0.0
    return float(np.interp(level, size[i - 1 : i + 1], at[i - 1 : i + 1])) - start


def _late(ours: float, theirs: float) -> float:
    if math.isnan(ours) != math.isnan(theirs):
        return math.inf
    return ours - theirs


def _calm(times: Floats, controls: Controls, latches: list[float]) -> NDArray[np.bool_]:
    """Mask of the instants further than :data:`EDGE_NS` from every edge and latch."""
    calm = np.ones(times.shape, dtype=bool)
    edges = [(at, at) for at in latches if not math.isnan(at)]
    for line in controls.corners:
        edges += [
            (at, later)
            for (at, level), (later, other) in itertools.pairwise(line)
            if level != other
        ]
    for first, last in edges:
        calm &= (times < first - EDGE_NS) | (times > last + EDGE_NS)
    return calm


def _area(values: Floats, times: Floats) -> float:
    """Integral over time, linear between points; of scipy this would be half a second to import."""
    return float((np.diff(times) * (values[1:] + values[:-1]) / 2.0).sum())


def _rms(times: Floats, error: Floats) -> float:
    """Root mean square over time, whose points need not be evenly spaced."""
    return math.sqrt(_area(error**2, times) / float(times[-1] - times[0]))
