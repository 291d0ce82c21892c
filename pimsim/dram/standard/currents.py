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
    draw less than the standby current that is subtracted from it.
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
    """Banks that were open when IDD3N was measured; None: all of the rank.

    JESD79-3F, JESD79-4 and JESD79-5 measure it with all banks open, JESD209-4 with one.
    """
    open_bank_share: float | None = None
    """Open banks add to the standby current; this share of the whole comes with the first. None: 1.

    The first is whichever bank is opened first. The rest grows with the number of open banks. At 1,
    one open bank draws as much as all; at 0, each bank adds the same. It is the factor rho of
    DRAMPower 5 and 6 (``factRho``, 1 where none is stated). Micron's TN-41-01 (DDR3) and TN-40-07
    (DDR4) compute with 1.
    """

    def __post_init__(self) -> None:
        require(self)
        wrong = []
        for name, floor in (
            ("idd3n_ma", "idd2n_ma"),
            ("idd0_ma", "idd2n_ma"),  # above standby with a bank open: see `negative`
            ("idd4r_ma", "idd3n_ma"),
            ("idd4w_ma", "idd3n_ma"),
            ("idd5_ma", "idd3n_ma"),
        ):
            if getattr(self, name) < getattr(self, floor):
                wrong.append(self._below(name, floor, getattr(self, floor)))
        if wrong:
            raise InputError.of(wrong)

    @property
    def shares_stated(self) -> str:
        """Which of its two fields about open banks is stated, the first if both; empty if none."""
        stated = (
            n for n in ("idd3n_open_banks", "open_bank_share") if getattr(self, n) is not None
        )
        return next(stated, "")

    def _below(self, name: str, what: str, least_ma: float) -> str:
        return (
            f"`{name}` must be at least {what} ({least_ma!r}), "
            f"not {getattr(self, name)!r}: its energy would be negative"
        )

    def active_standby_ma(self, of_banks: int, share: float | None = None) -> tuple[float, float]:
        """Return the standby current with any bank open, and what each open bank adds, in mA.

        Args:
            of_banks: banks of the rank.
            share: in place of ``open_bank_share``.

        >>> ddr5 = Currents(1100, 103, 92, 142, 377, 349, 277, open_bank_share=0)
        >>> ddr5.active_standby_ma(32), ddr5.active_standby_ma(32, share=1)
        ((92.0, 1.5625), (142, 0.0))
        """
        chosen = self.open_bank_share if share is None else share
        if chosen is None or chosen == 1:
            return self.idd3n_ma, 0.0
        measured = (self.idd3n_open_banks or of_banks) / of_banks
        all_add_ma = (self.idd3n_ma - self.idd2n_ma) / (chosen + (1 - chosen) * measured)
        return self.idd2n_ma + chosen * all_add_ma, (1 - chosen) * all_add_ma / of_banks

    def negative(self, of_banks: int, share: float | None = None) -> list[str]:
        """Return what is wrong with a share: operations that would draw less than standby does.

        >>> ddr5 = Currents(1100, 103, 92, 142, 377, 349, 277, open_bank_share=0)
        >>> ddr5.negative(32, share=0.5)  # doctest: +ELLIPSIS
        ['`idd0_ma` must be at least idd3n_ma with one of 32 banks open (117.78...), not 103: ...]
        """
        shared_ma, each_ma = self.active_standby_ma(of_banks, share)
        wrong = []
        for name, banks, words in (
            ("idd0_ma", 1, f" with one of {of_banks} banks open"),
            ("idd5_ma", of_banks, f" with all {of_banks} banks open"),
        ):
            least_ma = shared_ma + banks * each_ma if each_ma else shared_ma
            if getattr(self, name) < least_ma * (1 - 1e-12):
                what = f"idd3n_ma{words if each_ma else ''}"
                wrong.append(self._below(name, what, least_ma))
        return wrong

    def shares(self, of_banks: int) -> tuple[float, float]:
        """Return the least and the largest share at which no operation has a negative energy.

        A share is too large where one open bank would draw more than IDD0, and too small where all
        would draw more than IDD5.

        >>> ddr5 = Currents(1100, 103, 92, 142, 377, 349, 277, open_bank_share=0)
        >>> [round(share, 4) for share in ddr5.shares(32)]
        [0.0, 0.1948]
        """
        least, most = 0.0, 1.0
        added_ma = self.idd3n_ma - self.idd2n_ma
        measured = (self.idd3n_open_banks or of_banks) / of_banks
        if self.idd0_ma < self.idd3n_ma:
            ratio = (self.idd0_ma - self.idd2n_ma) / added_ma
            first = ratio * measured - 1 / of_banks
            most = first / (1 - ratio + first)
        if measured < 1:
            least = max(
                0.0, (added_ma / (self.idd5_ma - self.idd2n_ma) - measured) / (1 - measured)
            )
        return least, most

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

    It is for parts whose pins are terminated in another way than those of DDR3 and DDR4, and for
    which an energy per bit is published. Raises :class:`~pimsim.errors.InputError` if a value is
    out of range.
    """

    read_pj_per_bit: float
    """Each bit read."""
    write_pj_per_bit: float
    """Each bit written."""
