"""Timing constraints of a DRAM part, and what AAP and AP take under them.

>>> ddr3_1600_8_8_8 = Timing(
...     t_ck_ps=1250, t_rcd_ps=10_000, t_ras_ps=35_000, t_rp_ps=10_000, t_rc_ps=45_000,
...     t_rrd_s_ps=6_000, t_rrd_l_ps=6_000, t_faw_ps=30_000, t_rfc_ps=260_000,
...     t_refi_ps=7_800_000, t_wr_ps=15_000, t_rtp_ps=7_500, t_wtr_s_ps=7_500, t_wtr_l_ps=7_500,
...     cl_clocks=8, cwl_clocks=8, t_ccd_s_clocks=4, t_ccd_l_clocks=4, t_rtrs_clocks=1,
... )
>>> ddr3_1600_8_8_8.aap_ps(split_decoder=True), ddr3_1600_8_8_8.ap_ps
(49000, 45000)
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from pimsim.errors import InputError
from pimsim.ranges import require

SPLIT_DECODER_OVERLAP_PS = 4_000
"""Time from the first to the second ACTIVATE of an AAP with a split row decoder.

Source: Seshadri et al., "Ambit", MICRO 2017, section 5.3 (from their circuit simulation): B-group
and D-group addresses have decoders of their own, so the two activations overlap.
"""

ACTS_PER_FAW = 4
"""Activations that fit into one tFAW window (JESD79-3F, section 4: four-bank activation window)."""


_IN_NS = 100_000
"""A tREFI below this was most likely given in ns instead of ps."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Timing constraints in picoseconds, or in clocks where the name says so.

    Raises :class:`~pimsim.errors.InputError` if values are out of range or contradict each other;
    the message lists all of them.
    """

    t_ck_ps: int
    """Clock period of the commands; data move ``transfers_per_clock`` times in it."""
    t_rcd_ps: int
    """ACTIVATE to READ or WRITE of the same bank."""
    t_ras_ps: int
    """ACTIVATE to PRECHARGE of the same bank: the row is sensed and restored."""
    t_rp_ps: int
    """PRECHARGE to ACTIVATE of the same bank."""
    t_rc_ps: int
    """ACTIVATE to ACTIVATE of the same bank."""
    t_rrd_s_ps: int
    """ACTIVATE to ACTIVATE of different bank groups (without groups: of different banks)."""
    t_rrd_l_ps: int
    """ACTIVATE to ACTIVATE of different banks of one bank group."""
    t_faw_ps: int
    """Window in which at most four ACTIVATEs may start in a rank."""
    t_rfc_ps: int
    """REFRESH to the next command of the rank."""
    t_refi_ps: int
    """Average interval between REFRESHes."""
    t_wr_ps: int
    """End of the data of a WRITE to PRECHARGE of the same bank: write recovery."""
    t_rtp_ps: int
    """READ to PRECHARGE of the same bank."""
    t_wtr_s_ps: int
    """End of the data of a WRITE to READ, of different bank groups."""
    t_wtr_l_ps: int
    """End of the data of a WRITE to READ, of one bank group."""
    cl_clocks: int
    """READ to the first of its data."""
    cwl_clocks: int
    """WRITE to the first of its data."""
    t_ccd_s_clocks: int
    """READ to READ, or WRITE to WRITE, of different bank groups (without groups: of any)."""
    t_ccd_l_clocks: int
    """READ to READ, or WRITE to WRITE, of one bank group."""
    t_rtrs_clocks: int
    """Data of one rank to data of another: the bus changes hands."""
    t_ccd_l_wr_clocks: int | None = None
    """WRITE to WRITE of one bank group, where that takes longer than READ to READ (DDR5: on-die
    error correction first reads the word that a WRITE changes a part of); None: equally long."""
    transfers_per_clock: int = 2
    """Data rate over clock: 2 for DDR3 to DDR5 and HBM2; 4 for HBM3, whose strobes run twice as
    fast as its clock; 8 for LPDDR5 and GDDR6 with a data clock (WCK) four times as fast."""
    t_rtw_clocks: int | None = None
    """READ to WRITE of one rank, where a part states it; None: such that two clocks lie between the
    data of the READ and those of the WRITE."""

    def __post_init__(self) -> None:
        require(self)
        wrong = [
            f"`{name}` must be at least {floor} ({getattr(self, floor)}), not {getattr(self, name)}"
            for name, floor in (
                ("t_ras_ps", "t_rcd_ps"),
                ("t_rc_ps", "t_ras_ps"),
                ("t_rrd_l_ps", "t_rrd_s_ps"),
                ("t_wtr_l_ps", "t_wtr_s_ps"),
                ("t_ccd_l_clocks", "t_ccd_s_clocks"),
                ("t_faw_ps", "t_rrd_s_ps"),
            )
            if getattr(self, name) < getattr(self, floor)
        ]
        if self.write_to_write_clocks < self.t_ccd_l_clocks:
            wrong.append(
                f"`t_ccd_l_wr_clocks` must be at least t_ccd_l_clocks ({self.t_ccd_l_clocks}), "
                f"not {self.t_ccd_l_wr_clocks}"
            )
        if self.t_refi_ps < self.busy_ps(ranks=1):
            wrong.append(self.no_room(ranks=1))
        if self.transfers_per_clock % 2:
            wrong.append(
                f"`transfers_per_clock` must be a multiple of 2, not {self.transfers_per_clock}"
            )
        if wrong:
            raise InputError.of(wrong)

    def busy_ps(self, ranks: int) -> int:
        """The shortest possible time between two REFRESHes of a rank, in ps.

        One row cycle must fit in, and tRFC of every rank of the channel, because all ranks may fall
        due at once.
        """
        return ranks * self.t_rfc_ps + self.t_rc_ps

    def no_room(self, ranks: int) -> str:
        """The message if that does not fit."""
        refreshes = "t_rfc_ps" if ranks == 1 else f"t_rfc_ps of {ranks} ranks"
        hint = "; 7.8 us are 7_800_000" if self.t_refi_ps < _IN_NS else ""
        return (
            f"`t_refi_ps` must leave room for a row cycle: at least {self.busy_ps(ranks):,} ps "
            f"({refreshes} and t_rc_ps), not {self.t_refi_ps:,}{hint}"
        )

    def on_clock(self) -> Timing:
        """Return the same constraints in whole clocks: rounded up, tREFI down.

        >>> from pimsim.dram.standard.standard import load
        >>> load("ddr3-1600-8-8-8").timing.on_clock().t_rrd_s_ps
        6250
        """
        rounded = {
            field.name: -(-getattr(self, field.name) // self.t_ck_ps) * self.t_ck_ps
            for field in fields(self)
            if field.name.endswith("_ps")
        }
        rounded["t_refi_ps"] = self.t_refi_ps // self.t_ck_ps * self.t_ck_ps
        return replace(self, **rounded)

    @property
    def write_to_write_clocks(self) -> int:
        """WRITE to WRITE of one bank group."""
        longer = self.t_ccd_l_wr_clocks
        return self.t_ccd_l_clocks if longer is None else longer

    @property
    def ap_ps(self) -> int:
        """ACTIVATE-PRECHARGE, in ps: tRAS + tRP."""
        return self.t_ras_ps + self.t_rp_ps

    def aap_ps(self, *, split_decoder: bool) -> int:
        """ACTIVATE-ACTIVATE-PRECHARGE, in ps.

        With a split row decoder the activations overlap: tRAS + 4 ns + tRP. Without it, one follows
        the other: 2 tRAS + tRP (Ambit, section 5.3).
        """
        second = SPLIT_DECODER_OVERLAP_PS if split_decoder else self.t_ras_ps
        return self.t_ras_ps + second + self.t_rp_ps

    def burst_ps(self, burst_length: int) -> int:
        """Time the data of one burst are on the bus, in ps: BL/2 clocks at two transfers a clock.

        >>> from pimsim.dram.standard.standard import load
        >>> load("ddr5-6400").timing.burst_ps(16), load("lpddr5-6400").timing.burst_ps(16)
        (2496, 2500)
        """
        return burst_length // self.transfers_per_clock * self.t_ck_ps
