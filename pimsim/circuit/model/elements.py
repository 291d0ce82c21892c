"""The parts of a bitline pair: frozen types with units, each value checked where it is made.

>>> Bitline(capacitance_ff=0.0, resistance_ohm=40.0, cells=512, segments=4)
Traceback (most recent call last):
...
pimsim.errors.InputError: `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not 0.0
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError
from pimsim.ranges import Ranged, require

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Supply(Ranged):
    """Voltages that the chip makes."""

    vdd_mv: float
    """Array supply: the level of a restored one."""
    vpp_mv: float
    """Level of a raised word line."""
    precharge_share: float
    """Level to which bitlines are precharged, as a share of vdd."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A storage cell and what it holds before its row is opened."""

    capacitance_ff: float
    """Storage capacitor."""
    plate_share: float
    """Level of the capacitor's other plate, as a share of vdd."""
    one_share: float
    """Level of a stored one when its row is opened, as a share of vdd."""
    zero_share: float
    """Level of a stored zero when its row is opened, as a share of vdd."""
    row: int
    """Where along the bitline opened cells sit; row 0 is next to the sense amplifier."""

    def __post_init__(self) -> None:
        require(self)
        if self.one_share <= self.zero_share:
            raise InputError(
                f"`one_share` must be more than `zero_share` ({self.zero_share:g}), "
                f"not {self.one_share:g}"
            )


@dataclass(frozen=True, slots=True)
class Bitline(Ranged):
    """One bitline; its complement is the same."""

    capacitance_ff: float
    """Capacitance of the whole bitline, without the cells that are opened."""
    resistance_ohm: float
    """Resistance of the length of bitline that belongs to one cell."""
    cells: int
    """Cells on the bitline."""
    segments: int
    """Pi segments of the ladder that stands for the distributed line."""


@dataclass(frozen=True, slots=True)
class Transistor(Ranged):
    """A square-law device without body effect."""

    w_um: float
    """Channel width."""
    l_um: float
    """Channel length."""
    vt_mv: float
    """Threshold voltage; negative for pMOS."""
    kp_ua_per_v2: float
    """Transconductance parameter: drain current of a square device in saturation is kp/2 V^2."""
    lambda_per_v: float
    """Channel-length modulation."""


@dataclass(frozen=True, slots=True)
class SenseAmplifier(Ranged):
    """What the latch has besides its transistors."""

    set_load_ff: float
    """Load on each of the nodes SAN and SAP."""
    equaliser_gate_mv: float
    """Gate level of the equaliser while it precharges."""


@dataclass(frozen=True, slots=True)
class GateCharge(Ranged):
    """Charge of gates and junctions: an option, off unless ``enabled``."""

    enabled: bool
    """Whether gates couple into the bitline."""
    overlap_ff_per_um: float
    """Gate-source and gate-drain overlap, per width."""
    junction_ff_per_um: float
    """Source and drain junctions, per width."""
    access_oxide_nm: float
    """Gate oxide of access transistors."""
    periphery_oxide_nm: float
    """Gate oxide of all others."""


@dataclass(frozen=True, slots=True)
class Retention(Ranged):
    """How a stored level decays, exponentially, towards a level of its own."""

    time_constant_ms: float
    """Time constant of the median cell, at the reference temperature."""
    reference_celsius: float
    """Temperature to which the time constant belongs."""
    halving_celsius: float
    """Rise of temperature that halves the time constant."""
    leak_to_mv: float
    """Level towards which cells leak."""
    log_scale: float = 0.0
    """Scale of the distribution of ln(time constant) over cells. The process says how many times
    this scale cells differ (``cell.retention``); 0: all cells are like the median one."""

    def waited(self, time_ms: float, celsius: float) -> float:
        """Return a time at a temperature in time constants of the median cell."""
        halvings = (celsius - self.reference_celsius) / self.halving_celsius
        return time_ms / float(self.time_constant_ms * 2.0**-halvings)

    def left_mv(self, before_mv: Floats | float, time_constants: Floats | float) -> Floats:
        """Return what is left of levels after so many time constants of their cells."""
        left_mv: Floats = np.exp(-np.asarray(time_constants)) * (before_mv - self.leak_to_mv)
        left_mv += self.leak_to_mv
        return left_mv


@dataclass(frozen=True, slots=True)
class ControlTimes:
    """When the control lines move in one activate-precharge cycle."""

    equaliser_off_ns: float
    """The equaliser lets go of the bitlines."""
    word_line_ns: float
    """The word line begins to rise."""
    word_line_ramp_ns: float
    """Time a word line takes from one level to the other."""
    sense_ns: float
    """The set devices begin to switch the sense amplifier on."""
    sense_ramp_ns: float
    """Time their gates, and the equaliser's, take from one level to the other."""
    second_word_line_ns: float
    """The second word line of an AAP begins to rise."""
    close_ns: float
    """The word lines begin to fall."""
    precharge_ns: float
    """The sense amplifier is off and the equaliser on again."""
    end_ns: float
    """End of the cycle."""

    def __post_init__(self) -> None:
        require(self)
        order = (
            "equaliser_off_ns", "word_line_ns", "sense_ns", "second_word_line_ns", "close_ns",
            "precharge_ns", "end_ns",
        )  # fmt: skip
        for earlier, later in pairwise(order):
            if getattr(self, later) <= getattr(self, earlier):
                raise InputError(
                    f"`{later}` must be after `{earlier}` ({getattr(self, earlier):g}), "
                    f"not {getattr(self, later):g}"
                )
