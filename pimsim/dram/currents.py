"""Supply currents of a DRAM part and the interface powers of its channel.

>>> part = Currents(vdd_mv=1500, idd0_ma=75, idd2n_ma=50, idd3n_ma=57, idd4r_ma=187,
...                 idd4w_ma=165, idd5_ma=220)
>>> part.charge_pj(part.idd0_ma - part.idd3n_ma, 35_000)  # 1.5 V x 18 mA x 35 ns
945.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from pimsim.errors import InputError


def _require_positive(value: object, name: str) -> None:
    number = type(value) in (int, float)
    if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]
        raise InputError(f"`{name}` must be a positive number, not {value!r}")


@dataclass(frozen=True, slots=True)
class Currents:
    """IDD currents of ONE chip in mA, as a datasheet lists them, and its supply voltage in mV.

    Raises :class:`~pimsim.errors.InputError` if a value is not positive, or if an operation would
    draw less than the standby that its energy is counted above.
    """

    vdd_mv: float
    """Supply voltage."""
    idd0_ma: float
    """One bank activated and precharged every tRC."""
    idd2n_ma: float
    """Standby, all banks precharged."""
    idd3n_ma: float
    """Standby, a bank open."""
    idd4r_ma: float
    """Reading bursts without a gap."""
    idd4w_ma: float
    """Writing bursts without a gap."""
    idd5_ma: float
    """Refreshing without a gap."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _require_positive(getattr(self, field.name), field.name)
        for name, floor in (
            ("idd3n_ma", "idd2n_ma"),
            ("idd0_ma", "idd3n_ma"),
            ("idd4r_ma", "idd3n_ma"),
            ("idd4w_ma", "idd3n_ma"),
            ("idd5_ma", "idd3n_ma"),
        ):
            if getattr(self, name) < getattr(self, floor):
                raise InputError(
                    f"`{name}` must be at least {floor} ({getattr(self, floor)!r}), "
                    f"not {getattr(self, name)!r}: its energy would be negative"
                )

    def charge_pj(self, current_ma: float, time_ps: float) -> float:
        """Energy in pJ that ``current_ma`` draws from VDD in ``time_ps``.

        mV x mA x ps = 1e-18 J, that is 1e-6 pJ.
        """
        return self.vdd_mv * current_ma * time_ps * 1e-6


@dataclass(frozen=True, slots=True)
class Interface:
    """Power of the channel's pins while a burst moves, in mW a pin.

    Raises :class:`~pimsim.errors.InputError` if a value is not positive.
    """

    read_mw: float
    """Output drivers, during a read."""
    read_pins: int
    """Data and strobe pins of the rank that toggle in a read."""
    write_odt_mw: float
    """Termination in the written rank, during a write."""
    write_pins: int
    """Data, strobe and mask pins of the rank that toggle in a write."""
    other_rank_read_mw: float
    """Termination in another rank of the channel, during a read."""
    other_rank_write_mw: float
    """Termination in another rank of the channel, during a write."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _require_positive(getattr(self, field.name), field.name)

    def read_pj(self, burst_ps: int, ranks: int) -> float:
        """Energy in pJ of one read burst on a channel of ``ranks`` ranks (mW x ps = 1e-3 pJ)."""
        power_mw = self.read_mw + (self.other_rank_read_mw if ranks > 1 else 0.0)
        return power_mw * self.read_pins * burst_ps * 1e-3

    def write_pj(self, burst_ps: int, ranks: int) -> float:
        """Energy in pJ of one write burst on a channel of ``ranks`` ranks."""
        power_mw = self.write_odt_mw + (self.other_rank_write_mw if ranks > 1 else 0.0)
        return power_mw * self.write_pins * burst_ps * 1e-3
