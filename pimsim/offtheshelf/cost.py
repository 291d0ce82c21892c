"""Time and energy of programs of unmodified chips, with the delays that they violate.

An access is ACT, t1, PRE, t2, ACT, tRAS, PRE, tRP. The step sets t1 and t2; everything else obeys
the part, and so do tRRD and tFAW between banks. Energy is that of the commands sent, by
:func:`pimsim.cost.charge`: two full activations and two full precharges. One of each is cut short,
so this is an upper bound. Wordlines beyond the first cost what the option ``extra_wordline_factor``
says, by default nothing.

>>> from pimsim.dram.standard.standard import load
>>> from pimsim.offtheshelf.primitives import PRIMITIVES
>>> ddr4 = load("ddr4-2400")
>>> options = ModelOptions.of(ddr4, refresh=False)
>>> cost = program_cost(PRIMITIVES["not"].program(1), ddr4, options)
>>> cost.latency_ps  # 46.5 + 3 + tRAS + tRP
95661
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pimsim.cost import Cost, Elapsed, charge
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import (
    Constraint,
    Scope,
    bank_address,
    gap_ps,
    shared,
    table,
)
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import issue_order
from pimsim.errors import InputError
from pimsim.offtheshelf.decoder import RowDecoder
from pimsim.offtheshelf.program import FRAC_NS, Activate, ChipProgram, Step

_ROUNDS = 4
"""Repetitions of a program for its sustained rate, which is that of the last half."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Commands of a step to its bank, with times from the first ACTIVATE on."""

    acts_ps: tuple[int, ...]
    pres_ps: tuple[int, ...]
    done_ps: int
    """Time at which the bank may be activated again."""
    extra_wordlines: int
    """Rows open beyond the first of each ACTIVATE."""


@dataclass(frozen=True, slots=True)
class ChipCost:
    """Time and energy of a program."""

    latency_ps: int
    """Time of one execution in one bank."""
    energy_pj: float
    """Energy of its row commands in one bank."""
    energy_pj_per_kb: float
    """The same per KB (1024 bytes) of result; only columns that hold a result count."""
    round_ps: float
    """Time of one execution in every bank, in the long run, with refresh if it is on."""
    throughput_gb_per_s: float
    """Results of all banks, in 1e9 bytes a second."""
    activations: int
    """ACTIVATEs of one execution."""


def burst(step: Step, standard: Standard, options: ModelOptions) -> Burst:
    """Return the commands of a step.

    >>> from pimsim.dram.standard.standard import load
    >>> from pimsim.offtheshelf.program import MAJORITY, Activate, Row
    >>> step = Activate(Row(0, 127), Row(0, 128), MAJORITY)
    >>> sent = burst(step, load("ddr4-2400"), ModelOptions(energy="datasheet"))
    >>> sent.acts_ps, sent.pres_ps, sent.extra_wordlines
    ((0, 4500), (1500, 36500), 30)
    """
    rows = table(standard, options)
    t_ras, t_rp = (gap_ps(rows, *pair) for pair in ((Kind.ACT, Kind.PRE), (Kind.PRE, Kind.ACT)))
    if not isinstance(step, Activate):
        closed = round(FRAC_NS * 1000)
        return Burst((0,), (closed,), closed + t_rp, 0)
    first_pre = round(step.delays.t1_ns * 1000)
    second_act = first_pre + round(step.delays.t2_ns * 1000)
    decoder = RowDecoder(standard.rows_per_subarray)
    sides = len({step.first.subarray, step.second.subarray})
    opened = sides * len(decoder.opened(step.first.row, step.second.row))
    last_pre = second_act + t_ras
    return Burst(
        (0, second_act),
        (first_pre, last_pre),
        last_pre + t_rp,
        0 if step.alone else max(0, opened - 2),
    )


def program_cost(
    program: ChipProgram, standard: Standard, options: ModelOptions, steps: Sequence[Step] = ()
) -> ChipCost:
    """Return time and energy of a program, or of some of its ``steps``.

    Raises :class:`~pimsim.errors.InputError` for another energy mode than ``datasheet``.
    """
    _require_currents(options)
    bursts = [burst(step, standard, options) for step in steps or program.steps]
    banks = issue_order(standard, range(options.banks))
    alone = _Schedule(standard, options).run(bursts, banks[:1])
    together = _Schedule(standard, options)
    ends = [together.run(bursts, banks) for _ in range(_ROUNDS)]
    half = _ROUNDS // 2
    round_ps = (ends[-1] - ends[half - 1]) / (_ROUNDS - half)
    if options.refresh:
        round_ps = _refreshed(round_ps, standard)
    energy_pj = _energy_pj(bursts, standard, options)
    result_bytes = standard.row_bytes / (2 if program.halved else 1)
    return ChipCost(
        alone,
        energy_pj,
        energy_pj * 1024 / result_bytes,
        round_ps,
        len(banks) * result_bytes * 1000 / round_ps,
        sum(len(one.acts_ps) for one in bursts),
    )


def charged(
    bursts: Iterable[tuple[Burst, int]],
    latency_ps: int,
    banks: int,
    case: tuple[Standard, ModelOptions],
) -> Cost:
    """Return time and energy of steps that ``banks`` carry out in so long a time.

    Args:
        bursts: each with its number of executions, in all banks together.
        latency_ps: time without refresh.
        banks: number of banks that share them evenly.
        case: the part, and the options of the cost model.

    Raises :class:`~pimsim.errors.InputError` for another energy mode than ``datasheet``.
    """
    standard, options = case
    _require_currents(options)
    every = list(bursts)
    open_ps = sum(sum(_open(one)) * times for one, times in every)
    ranks = max(1, -(-banks // standard.banks))
    elapsed = Elapsed(latency_ps, ranks * latency_ps, min(open_ps, ranks * latency_ps), open_ps)
    if options.refresh:
        elapsed = elapsed.with_refresh(standard)
    return charge(
        sum((_counts(one) * times for one, times in every), CommandCounts()),
        elapsed, standard, options,
    )  # fmt: skip


def _require_currents(options: ModelOptions) -> None:
    """Refuse other energy modes: Ambit's figures are for AAPs, not for an ACT or a PRE."""
    if options.energy != "datasheet":
        raise InputError(
            f"`energy` must be datasheet for unmodified chips, not {options.energy!r}: what an ACT "
            "or a PRE alone takes is in no other"
        )


def _energy_pj(bursts: Sequence[Burst], standard: Standard, options: ModelOptions) -> float:
    counts = sum(map(_counts, bursts), CommandCounts())
    row_commands = charge(counts, Elapsed(), standard, replace(options, idle_ranks=False))
    return row_commands.energy_pj["activate_precharge"]


def _counts(one: Burst) -> CommandCounts:
    return CommandCounts(
        act=len(one.acts_ps), pre=len(one.pres_ps), extra_wordlines=one.extra_wordlines
    )


def _open(one: Burst) -> tuple[int, ...]:
    """Time that a bank is open: from the first ACTIVATE to the last PRECHARGE."""
    return (one.pres_ps[-1] - one.acts_ps[0],)


def _refreshed(time_ps: float, standard: Standard) -> float:
    timing = standard.timing
    return time_ps * timing.t_refi_ps / (timing.t_refi_ps - timing.t_rfc_ps)


class _Schedule:
    """Steps of all banks in lock-step, each as early as the other banks allow.

    The ACTIVATEs of one step are exempt from tRC and tRRD between themselves, as those of an AAP.
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        self._standard = standard
        rows = table(standard, options)
        self._gaps = {
            scope: gap_ps(rows, Kind.ACT, Kind.ACT, scope) for scope in (Scope.GROUP, Scope.RANK)
        }
        windows = [row for row in rows if _is_window(row)]
        self._window_ps = windows[0].gap_ps if windows else 0
        self._apart = windows[0].apart if windows else 4
        self._far_ps = max(self._window_ps, *self._gaps.values())
        self._where = [bank_address(standard, bank) for bank in range(options.banks)]
        self._ready: dict[int, int] = {}
        self._acts: dict[tuple[int, int], list[tuple[int, int]]] = {}
        """Times and banks of the ACTIVATEs of each rank, in order."""

    def run(self, bursts: Sequence[Burst], banks: Sequence[int]) -> int:
        """Schedule a program in every bank; return when all are done."""
        for one in bursts:
            for bank in banks:
                acts = self._acts.setdefault(self._where[bank][:2], [])
                start = self._ready.get(bank, 0)
                while (later := self._blocked(one, bank, start, acts)) is not None:
                    start = later
                self._ready[bank] = start + one.done_ps
                for act in one.acts_ps:
                    insort(acts, (start + act, bank))
        return max(self._ready.values())

    def _blocked(
        self, one: Burst, bank: int, start: int, acts: Sequence[tuple[int, int]]
    ) -> int | None:
        """A later start that is worth trying, if this one breaks a constraint."""
        own = [start + act for act in one.acts_ps]
        first = bisect_left(acts, (own[0] - self._far_ps, -1))
        last = bisect_left(acts, (own[-1] + self._far_ps, -1))
        near = acts[first:last]
        for at, other in near:
            scope = shared(self._where[bank], self._where[other])
            gap = 0 if scope is None or scope is Scope.BANK else self._gaps[scope]
            for act in own:
                if abs(act - at) < gap:
                    return start + at + gap - act
        merged = sorted([at for at, _ in near] + own)
        for one_ps, fifth_ps in zip(merged, merged[self._apart :], strict=False):
            within = fifth_ps - one_ps < self._window_ps
            if within and any(one_ps <= act <= fifth_ps for act in own):
                return start + self._window_ps - (fifth_ps - one_ps)
        return None


def _is_window(row: Constraint) -> bool:
    return row.name == "tFAW" and row.scope is Scope.GROUP
