"""Supply currents of a DRAM part and the interface energies of its channel.

>>> part = Currents(vdd_mv=1500, idd0_ma=75, idd2n_ma=50, idd3n_ma=57, idd4r_ma=187,
...                 idd4w_ma=165, idd5_ma=220)
>>> part.charge_pj(part.idd0_ma - part.idd3n_ma, 35_000)  # 1.5 V x 18 mA x 35 ns
945.0
"""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.errors import InputError
from pimsim.ranges import Ranged, require


@dataclass(frozen=True, slots=True)
class Currents:
    """What ONE chip draws from one supply in mA, as a datasheet lists it, and the voltage in mV.

    A part with two supplies for its core (VDD and VPP, or VDD2 and VDD1) has two of these.
    Raises :class:`~pimsim.errors.InputError` if a value is out of range, or if an operation would
    draw less than the standby that its energy is counted above.
    """

    vdd_mv: float
    """Voltage of the supply."""
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
    """Refreshing all banks without a gap (IDD5B; not the average IDD5R of spread refreshes)."""
    idd3n_open_banks: int | None = None
    """Banks that were open when IDD3N was measured, if that is to be told from one open bank.

    JEDEC measures IDD3N with all banks open and IDD0 with one. With this, standby grows linearly
    with the banks that are open, as in DRAMPower 5 (its bank-wise factor rho at 0): where a part
    has many banks, its IDD0 may lie below its IDD3N. Without it, one open bank draws IDD3N,
    as in DRAMPower 4.
    """

    def __post_init__(self) -> None:
        require(self)
        wrong = []
        for name, floor in (
            ("idd3n_ma", "idd2n_ma"),
            ("idd0_ma", "idd3n_ma"),
            ("idd4r_ma", "idd3n_ma"),
            ("idd4w_ma", "idd3n_ma"),
            ("idd5_ma", "idd3n_ma"),
        ):
            least, what = getattr(self, floor), floor
            if name == "idd0_ma" and self.idd3n_open_banks is not None:
                least = self.open_ma(1)
                what = f"{floor} with one of {self.idd3n_open_banks} banks open"
            if getattr(self, name) < least:
                wrong.append(
                    f"`{name}` must be at least {what} ({least!r}), "
                    f"not {getattr(self, name)!r}: its energy would be negative"
                )
        if wrong:
            raise InputError.of(wrong)

    def open_ma(self, banks: int | None = None) -> float:
        """Active standby current with ``banks`` of the rank open (None: all), in mA.

        >>> ddr5 = Currents(1100, 103, 92, 142, 377, 349, 277, idd3n_open_banks=32)
        >>> ddr5.open_ma(1), ddr5.open_ma(16), ddr5.open_ma()
        (93.5625, 117.0, 142)
        """
        if banks is None or self.idd3n_open_banks is None or banks >= self.idd3n_open_banks:
            return self.idd3n_ma
        share = banks / self.idd3n_open_banks
        return self.idd2n_ma + share * (self.idd3n_ma - self.idd2n_ma)

    def charge_pj(self, current_ma: float, time_ps: float) -> float:
        """Energy in pJ that ``current_ma`` draws from VDD in ``time_ps``.

        mV x mA x ps = 1e-18 J, that is 1e-6 pJ.
        """
        return self.vdd_mv * current_ma * time_ps * 1e-6

    def power_mw(self, current_ma: float) -> float:
        """Power in mW of ``current_ma`` from VDD (mV x mA = 1e-3 mW)."""
        return self.vdd_mv * current_ma * 1e-3


@dataclass(frozen=True, slots=True)
class Interface(Ranged):
    """Power of the channel's pins while a burst moves, in mW a pin.

    Raises :class:`~pimsim.errors.InputError` if a value is out of range.
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

    def read_pj(self, burst_ps: int, ranks: int) -> float:
        """Energy in pJ of one read burst on a channel of ``ranks`` ranks (mW x ps = 1e-3 pJ)."""
        power_mw = self.read_mw + (self.other_rank_read_mw if ranks > 1 else 0.0)
        return power_mw * self.read_pins * burst_ps * 1e-3

    def write_pj(self, burst_ps: int, ranks: int) -> float:
        """Energy in pJ of one write burst on a channel of ``ranks`` ranks."""
        power_mw = self.write_odt_mw + (self.other_rank_write_mw if ranks > 1 else 0.0)
        return power_mw * self.write_pins * burst_ps * 1e-3


@dataclass(frozen=True, slots=True)
class InterfacePerBit(Ranged):
    """Energy of the channel's interface for each bit that moves, in pJ; termination included.

    For parts whose pins are not terminated as those of DDR3 and DDR4 are, and for which an energy
    per bit is published. Raises :class:`~pimsim.errors.InputError` if a value is out of range.
    """

    read_pj_per_bit: float
    """Each bit read."""
    write_pj_per_bit: float
    """Each bit written."""
