"""Energy of each DRAM command, in one of two modes that are never mixed.

``ambit-paper`` repeats the arithmetic of Ambit's energy table: one figure per row command, one
per byte read or written over the channel, and nothing else. ``datasheet`` derives core energies
from the currents of a named part, adds the interface, refresh and background.

>>> from pimsim.dram.standards import load
>>> paper = command_energies("ambit-paper", load("ddr3-1600-8-8-8"))
>>> paper.aap_pj, paper.parts  # 6.29 nJ for an 8 KB row
(6290.0, ('activate_precharge', 'read_write'))
>>> part = command_energies("datasheet", load("ddr3-1600-11-11-11"))
>>> round(part.act_pj + part.pre_pj)  # 11.7 nJ to open and close an 8 KB row
11685
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pimsim.dram.standards import Standard
from pimsim.errors import InputError

EnergyMode = Literal["ambit-paper", "datasheet"]
"""The two energy models."""
ENERGY_MODES: tuple[EnergyMode, ...] = get_args(EnergyMode)
"""Names of the energy models, the default first."""

PAPER_ROW_COMMAND_PJ_PER_KB = 786.25
"""One AAP or AP: 6.29 nJ per 8 KB row. Back-computed from Ambit (MICRO 2017), energy table, where
operations of 2, 4, 5 and 7 row commands take 1.6, 3.2, 4.0 and 5.5 nJ/KB."""
PAPER_READ_PJ_PER_KB = 44_200.0
"""Reading over a DDR3 channel, activation included: operations that read two rows and write one
take 137.9 nJ/KB in Ambit's table, those that read one and write one 93.7; the difference."""
PAPER_WRITE_PJ_PER_KB = 49_500.0
"""Writing over a DDR3 channel, activation included: 93.7 - 44.2 nJ/KB (Ambit's table)."""


@dataclass(frozen=True, slots=True)
class CommandEnergies:
    """What one command of each kind costs in pJ, over all chips of the rank.

    ``parts`` names the parts that the mode models, in the order in which they are printed; a part
    that is not named there is not zero but not modelled.
    """

    parts: tuple[str, ...]
    aap_pj: float
    """ACTIVATE-ACTIVATE-PRECHARGE."""
    ap_pj: float
    """ACTIVATE-PRECHARGE."""
    act_pj: float
    """ACTIVATE around column accesses."""
    pre_pj: float
    """PRECHARGE around column accesses."""
    extra_wordline_pj: float
    """Each wordline raised beyond the first of an activation."""
    rd_pj: float
    """One READ burst: the core."""
    wr_pj: float
    """One WRITE burst: the core."""
    rd_io_pj: float = 0.0
    """One READ burst: pins and termination."""
    wr_io_pj: float = 0.0
    """One WRITE burst: pins and termination."""
    ref_pj: float = 0.0
    """One REFRESH of the rank."""
    active_mw: float = 0.0
    """Background power with a bank open."""
    standby_mw: float = 0.0
    """Background power with all banks precharged."""


def command_energies(
    mode: str,
    standard: Standard,
    *,
    acts_per_aap: int = 2,
    extra_wordline_factor: float = 0.0,
) -> CommandEnergies:
    """Return the energy of every command under ``mode``.

    ``extra_wordline_factor`` is what each wordline beyond the first adds, as a share of one
    activation (``datasheet``) or of one row command (``ambit-paper``, which does not tell the
    two apart). Raises :class:`~pimsim.errors.InputError` for an unknown mode, or ``datasheet``
    for a standard without currents or interface powers.
    """
    if mode == "ambit-paper":
        return _ambit_paper(standard, extra_wordline_factor)
    if mode == "datasheet":
        return _datasheet(standard, acts_per_aap, extra_wordline_factor)
    raise InputError(f"`energy` must be one of {', '.join(ENERGY_MODES)}, not {mode!r}")


def _ambit_paper(standard: Standard, extra_wordline_factor: float) -> CommandEnergies:
    row_command_pj = PAPER_ROW_COMMAND_PJ_PER_KB * standard.row_bytes / 1024
    return CommandEnergies(
        parts=("activate_precharge", "read_write"),
        aap_pj=row_command_pj,
        ap_pj=row_command_pj,
        act_pj=0.0,
        pre_pj=0.0,
        extra_wordline_pj=extra_wordline_factor * row_command_pj,
        rd_pj=PAPER_READ_PJ_PER_KB * standard.burst_bytes / 1024,
        wr_pj=PAPER_WRITE_PJ_PER_KB * standard.burst_bytes / 1024,
    )


def _datasheet(
    standard: Standard, acts_per_aap: int, extra_wordline_factor: float
) -> CommandEnergies:
    """Energies from currents, as in DRAMPower: each operation above the standby it runs in.

    E_act = VDD (IDD0 - IDD3N) tRAS; E_pre = VDD (IDD0 - IDD2N) tRP; E_rd and E_wr =
    VDD (IDD4 - IDD3N) BL/2 tCK; E_ref = VDD (IDD5 - IDD3N) tRFC; all per chip. An AAP is
    ``acts_per_aap`` activations and one precharge: the datasheet knows no overlapped ACTIVATE, so
    the second is charged in full.
    """
    currents, interface, timing = standard.currents, standard.interface, standard.timing
    if currents is None or interface is None:
        raise InputError(
            f"`energy` must be ambit-paper for {standard.name}, not 'datasheet': "
            f"the standard has no {'currents' if currents is None else 'interface'}"
        )
    chips = standard.chips_per_rank
    burst_ps = standard.burst_ps
    standby_ma = currents.idd3n_ma
    act_pj = chips * currents.charge_pj(currents.idd0_ma - standby_ma, timing.t_ras_ps)
    pre_pj = chips * currents.charge_pj(currents.idd0_ma - currents.idd2n_ma, timing.t_rp_ps)
    return CommandEnergies(
        parts=("activate_precharge", "read_write", "io", "refresh", "background"),
        aap_pj=acts_per_aap * act_pj + pre_pj,
        ap_pj=act_pj + pre_pj,
        act_pj=act_pj,
        pre_pj=pre_pj,
        extra_wordline_pj=extra_wordline_factor * act_pj,
        rd_pj=chips * currents.charge_pj(currents.idd4r_ma - standby_ma, burst_ps),
        wr_pj=chips * currents.charge_pj(currents.idd4w_ma - standby_ma, burst_ps),
        rd_io_pj=interface.read_pj(burst_ps, standard.ranks),
        wr_io_pj=interface.write_pj(burst_ps, standard.ranks),
        ref_pj=chips * currents.charge_pj(currents.idd5_ma - standby_ma, timing.t_rfc_ps),
        active_mw=chips * currents.vdd_mv * currents.idd3n_ma * 1e-3,
        standby_mw=chips * currents.vdd_mv * currents.idd2n_ma * 1e-3,
    )
