"""Energy of each DRAM command, in one of two modes that are never mixed, or none at all.

``ambit-paper`` repeats the arithmetic of Ambit's energy table: one figure per row command, one per
byte read or written over the channel, and nothing else. ``datasheet`` derives core energies from
the currents of a named part, on all its supplies, and adds interface, refresh and background. A
part of the energy that a mode or a standard does not model is named, and never silently counted as
zero. For a part without published currents there is ``none``: times are unchanged, and energies are
nan.

>>> from pimsim.dram.standard.standard import load
>>> paper = command_energies("ambit-paper", load("ddr3-1600-8-8-8"))
>>> paper.aap_pj, paper.parts  # 6.29 nJ for an 8 KB row
(6290.0, ('activate_precharge', 'read_write'))
>>> part = command_energies("datasheet", load("ddr3-1600-11-11-11"))
>>> round(part.act_pj + part.pre_pj)  # 11.7 nJ to open and close an 8 KB row
11685
>>> command_energies("datasheet", load("ddr5-4800")).not_modelled
('io',)
>>> command_energies("none", load("lpddr5-6400")).aap_pj
nan
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, get_args

from pimsim.dram.standard.currents import Currents
from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError

EnergyMode = Literal["ambit-paper", "datasheet", "none"]
"""The two energy modes, and the one without energies."""
ENERGY_MODES: tuple[EnergyMode, ...] = get_args(EnergyMode)
"""Their names, the default first."""
NO_ENERGY: EnergyMode = "none"

_NO_CURRENTS = "the standard has no currents"

PARTS = ("activate_precharge", "read_write", "io", "refresh", "background")
"""Parts of an energy, in the order in which they are printed."""

PAPER_ROW_COMMAND_PJ_PER_KB = 786.25
"""One AAP or AP: 6.29 nJ per 8 KB row. Back-computed from Ambit (MICRO 2017), energy table, where
operations of 2, 4, 5 and 7 row commands take 1.6, 3.2, 4.0 and 5.5 nJ/KB."""
PAPER_READ_PJ_PER_KB = 44_200.0
"""Reading over a DDR3 channel, activation included. In Ambit's table, operations that read two rows
and write one take 137.9 nJ/KB, and those that read one and write one 93.7: this is the
difference."""
PAPER_WRITE_PJ_PER_KB = 49_500.0
"""Writing over a DDR3 channel, activation included: 93.7 - 44.2 nJ/KB (Ambit's table)."""


@dataclass(frozen=True, slots=True)
class CommandEnergies:
    """What one command of each kind costs in pJ, over all chips of the rank.

    ``parts`` names the parts of the energy that the mode models, in the order in which they are
    printed. A part that is missing there is not modelled, which is not the same as zero. The powers
    are those of one rank: an energy is the power times the time that each rank spends in that state
    (mW x ps = 1e-3 pJ).
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
    transfer_pj: float = 0.0
    """One TRANSFER of a burst from bank to bank; counts as ``read_write``."""
    active_mw: float = 0.0
    """Background power with a bank open or refreshing, without what each open bank adds."""
    open_bank_mw: float = 0.0
    """Power that each open bank adds; while a rank refreshes, all of its banks count as open."""
    standby_mw: float = 0.0
    """Background power with all banks precharged."""

    @property
    def not_modelled(self) -> tuple[str, ...]:
        """The parts in ``PARTS`` that ``parts`` lacks."""
        return tuple(part for part in PARTS if part not in self.parts)


def modes(standard: Standard) -> tuple[EnergyMode, ...]:
    """Return the modes that have figures for a standard, its default first; possibly none.

    >>> from pimsim.dram.standard.standard import load
    >>> modes(load("ddr3-1600-8-8-8")), modes(load("hbm2"))
    (('ambit-paper', 'datasheet'), ('datasheet',))
    >>> modes(load("hbm3-6400"))
    ()
    """
    has = {"ambit-paper": standard.like_ddr3, "datasheet": standard.currents is not None}
    return tuple(mode for mode in ENERGY_MODES if has.get(mode))


def default_mode(standard: Standard) -> EnergyMode:
    """Return the first of :func:`modes`, or ``none`` if the standard has none."""
    return next(iter(modes(standard)), NO_ENERGY)


def stated_pj(energy_pj: float) -> float | None:
    """Return an energy, or a number derived from one, for a result; None instead of nan.

    >>> stated_pj(2.5), stated_pj(math.nan)
    (2.5, None)
    """
    return None if math.isnan(energy_pj) else energy_pj


def require_mode(mode: str, standard: Standard) -> None:
    """Raise InputError, saying why, unless a mode has figures for a standard."""
    if mode == NO_ENERGY or mode in modes(standard):
        return
    reason = "its figures are those of DDR3" if mode == "ambit-paper" else _NO_CURRENTS
    raise InputError(
        f"`energy` must be {default_mode(standard)} for {standard.name}, not {mode!r}: {reason}"
    )


def require_energy(name: str, value: str, options_energy: str) -> None:
    """Raise InputError where a choice needs energies, and none are stated.

    >>> require_energy("minimise", "energy", "none")
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `minimise` must be another than energy: `energy` is none, so that no \
energy is stated
    """
    if options_energy == NO_ENERGY:
        raise InputError(
            f"`{name}` must be another than {value}: `energy` is none, so that no energy is stated"
        )


def require_share(share: float, standard: Standard) -> None:
    """Raise InputError if some operation of a standard has no positive energy at a share.

    >>> from pimsim.dram.standard.standard import load
    >>> require_share(0.5, load("ddr5-4800"))
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `open_bank_share` must be from 0 to 0.1948 for ddr5-4800, not 0.5: \
`idd0_ma` would be less than standby with one bank open
    """
    if not 0 <= share <= 1:
        raise InputError(f"`open_bank_share` must be a number from 0 to 1, not {share!r}")
    least, most = standard.open_bank_shares
    if least * (1 - 1e-12) <= share <= most * (1 + 1e-12):
        return
    key, banks = ("idd0_ma", "one bank") if share > most else ("idd5_ma", "all banks")
    raise InputError(
        f"`open_bank_share` must be from {math.ceil(least * 1e4) / 1e4:g} to "
        f"{math.floor(most * 1e4) / 1e4:g} for {standard.name}, not {share:g}: `{key}` would be "
        f"less than standby with {banks} open"
    )


def command_energies(
    mode: str,
    standard: Standard,
    *,
    acts_per_aap: int = 2,
    extra_wordline_factor: float = 0.0,
    open_bank_share: float | None = None,
) -> CommandEnergies:
    """Return the energy of every command under ``mode``.

    ``extra_wordline_factor`` is what each wordline beyond the first adds, as a share of one
    activation (``datasheet``) or of one row command (``ambit-paper``, which has no figure for a
    single activation). ``open_bank_share`` replaces that of the standard
    (:attr:`~pimsim.dram.standard.currents.Currents.open_bank_share`).

    Raises :class:`~pimsim.errors.InputError` for an unknown mode, ``datasheet`` for a standard
    without currents, and a share at which an operation would have a negative energy. Without
    interface energies in the standard, the result has no part ``io``.
    """
    if mode == "ambit-paper":
        return _ambit_paper(standard, extra_wordline_factor)
    if mode == "datasheet":
        return _datasheet(standard, acts_per_aap, extra_wordline_factor, open_bank_share)
    if mode == NO_ENERGY:
        return CommandEnergies((), *(math.nan for _ in range(len(fields(CommandEnergies)) - 1)))
    raise InputError(f"`energy` must be one of {', '.join(ENERGY_MODES)}, not {mode!r}")


def _ambit_paper(standard: Standard, extra_wordline_factor: float) -> CommandEnergies:
    """Energies from Ambit's table, which has none for a TRANSFER.

    Nor does it say which share of a read or a write the channel takes. A TRANSFER is charged like a
    read and a write in full, including the channel, which it does not use: an upper bound. For
    comparison, in RowClone (MICRO 2013, Table 3) a copy between banks takes 1/3.2 of the energy of
    a copy over the channel.
    """
    row_command_pj = PAPER_ROW_COMMAND_PJ_PER_KB * standard.row_bytes / 1024
    burst_kb = standard.burst_bytes / 1024
    return CommandEnergies(
        parts=("activate_precharge", "read_write"),
        aap_pj=row_command_pj,
        ap_pj=row_command_pj,
        act_pj=0.0,
        pre_pj=0.0,
        extra_wordline_pj=extra_wordline_factor * row_command_pj,
        rd_pj=PAPER_READ_PJ_PER_KB * burst_kb,
        wr_pj=PAPER_WRITE_PJ_PER_KB * burst_kb,
        transfer_pj=(PAPER_READ_PJ_PER_KB + PAPER_WRITE_PJ_PER_KB) * burst_kb,
    )


def _datasheet(
    standard: Standard, acts_per_aap: int, extra_wordline_factor: float, share: float | None
) -> CommandEnergies:
    """Energies from currents, as in DRAMPower: each operation above the standby it runs in.

    E_act = VDD (IDD0 - IDD3N) tRAS; E_pre = VDD (IDD0 - IDD2N) tRP; E_rd and E_wr =
    VDD (IDD4 - IDD3N) BL/2 tCK; E_ref = VDD (IDD5 - IDD3N) tRFC; all per chip, summed over the
    supplies. IDD3N is taken with one bank open in E_act, and with all banks open in E_ref. An AAP
    is ``acts_per_aap`` activations and one precharge: data sheets do not know overlapped ACTIVATEs,
    so the second is charged in full. A TRANSFER is a read and a write without the interface, both
    above the same standby: E_rd + E_wr (RowClone, MICRO 2013, section 3.2: the pins are
    disconnected).
    """
    if standard.currents is None:
        raise InputError(
            f"`energy` must be {default_mode(standard)} for {standard.name}, not 'datasheet': "
            f"{_NO_CURRENTS}"
        )
    banks, chosen = standard.banks, standard.open_bank_share if share is None else share
    require_share(chosen, standard)
    timing, burst_ps = standard.timing, standard.burst_ps

    def over_chips(of_supply: Callable[[Currents], float]) -> float:
        return standard.chips_per_rank * math.fsum(map(of_supply, standard.supplies))

    def open_ma(supply: Currents, open_banks: int) -> float:
        shared_ma, each_ma = supply.active_standby_ma(banks, chosen)
        return shared_ma + open_banks * each_ma

    act_pj = over_chips(lambda s: s.charge_pj(s.idd0_ma - open_ma(s, 1), timing.t_ras_ps))
    pre_pj = over_chips(lambda s: s.charge_pj(s.idd0_ma - s.idd2n_ma, timing.t_rp_ps))
    rd_io_pj, wr_io_pj = _io_pj(standard) or (0.0, 0.0)
    rd_pj = over_chips(lambda s: s.charge_pj(s.idd4r_ma - s.idd3n_ma, burst_ps))
    wr_pj = over_chips(lambda s: s.charge_pj(s.idd4w_ma - s.idd3n_ma, burst_ps))
    return CommandEnergies(
        parts=tuple(part for part in PARTS if part != "io" or _io_pj(standard) is not None),
        aap_pj=acts_per_aap * act_pj + pre_pj,
        ap_pj=act_pj + pre_pj,
        act_pj=act_pj,
        pre_pj=pre_pj,
        extra_wordline_pj=extra_wordline_factor * act_pj,
        rd_pj=rd_pj,
        wr_pj=wr_pj,
        rd_io_pj=rd_io_pj,
        wr_io_pj=wr_io_pj,
        ref_pj=over_chips(lambda s: s.charge_pj(s.idd5_ma - open_ma(s, banks), timing.t_rfc_ps)),
        active_mw=over_chips(lambda s: s.power_mw(open_ma(s, 0))),
        open_bank_mw=over_chips(lambda s: s.power_mw(s.active_standby_ma(banks, chosen)[1])),
        standby_mw=over_chips(lambda s: s.power_mw(s.idd2n_ma)),
        transfer_pj=rd_pj + wr_pj,
    )


def _io_pj(standard: Standard) -> tuple[float, float] | None:
    """Interface energy of one READ and of one WRITE burst; None if the standard gives none."""
    if standard.interface is not None:
        return (
            standard.interface.read_pj(standard.burst_ps, standard.ranks),
            standard.interface.write_pj(standard.burst_ps, standard.ranks),
        )
    if standard.interface_per_bit is not None:
        bits = standard.burst_bytes * 8
        return (
            standard.interface_per_bit.read_pj_per_bit * bits,
            standard.interface_per_bit.write_pj_per_bit * bits,
        )
    return None
