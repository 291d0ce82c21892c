"""Streams of commands that banks execute in lock-step, with what repeats written once.

>>> from pimsim.dram.commands import Kind
>>> full_adder = ((Kind.AAP, 6), (Kind.AP, 1), (Kind.AAP, 1))
>>> segment = Segment((Run(full_adder, 784),), banks=(0, 1))
>>> segment.commands
12544

:func:`walk` issues one command after the other. :class:`~pimsim.dram.timeline.timeline.Timeline`
finds the time of a stream without walking everything that repeats.

>>> from pimsim.dram.standard.standard import load
>>> issued = list(walk(load("ddr3-1600-8-8-8"), ModelOptions(), [segment]))
>>> [(each.at_ps, each.kind.name, each.bank) for each in issued[:3]]
[(0, 'AAP', 0), (10000, 'AAP', 1), (49000, 'AAP', 0)]
>>> sum(each.kind is Kind.REF for each in issued)
40
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeAlias

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import bank_address, effective_timing
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError

RowCycle: TypeAlias = tuple[tuple[Kind, int], ...]
"""Commands of one bank in order, as pairs of a kind and how often it comes in succession: a
microprogram, or ACT, column accesses and PRE."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row cycle, repeated.

    A row cycle begins and ends with its banks closed. Raises :class:`~pimsim.errors.InputError` for
    a cycle that does not, or that opens a bank which is already open.
    """

    cycle: RowCycle
    times: int

    def __post_init__(self) -> None:
        _require_cycle(self.cycle)
        if type(self.times) is not int or self.times <= 0:
            raise InputError(f"`times` must be a positive integer, not {self.times!r}")

    @property
    def commands(self) -> int:
        """Commands that one bank executes."""
        return self.times * sum(times for _, times in self.cycle)


Slot: TypeAlias = tuple[int, int | None]
"""Bank that a command is for; of a TRANSFER, the bank it goes to."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs that some banks execute in lock-step: one command in every bank, then the next.

    A segment with TRANSFERs works on pairs of banks, one from ``banks`` and one from ``to``. A
    TRANSFER goes from the first to the second bank of a pair; all other commands go to both.

    >>> copy = ((Kind.ACT, 1), (Kind.TRANSFER, 128), (Kind.PRE, 1))
    >>> pairs = Segment((Run(copy, 1),), banks=(0, 1), to=(4, 5))
    >>> pairs.slots(Kind.ACT), pairs.slots(Kind.TRANSFER)
    (((0, None), (4, None), (1, None), (5, None)), ((0, 4), (1, 5)))
    """

    runs: tuple[Run, ...]
    banks: tuple[int, ...]
    """System-wide numbers, in the order of issue, each once."""
    to: tuple[int, ...] = ()
    """For each of ``banks``, the bank that its TRANSFERs go to; empty without TRANSFERs."""

    def __post_init__(self) -> None:
        if not self.banks or len(set(self.banks)) != len(self.banks):
            raise InputError(f"`banks` must name one bank or more, each once, not {self.banks!r}")
        transfers = any(kind is Kind.TRANSFER for run in self.runs for kind, _ in run.cycle)
        if len(self.to) != (len(self.banks) if transfers else 0):
            wanted = "one bank for each of `banks`" if transfers else "empty without a TRANSFER"
            raise InputError(f"`to` must be {wanted}, not {self.to!r}")
        if len({*self.banks, *self.to}) != len(self.banks) + len(self.to):
            raise InputError(f"`to` must name banks that are not in `banks`, each once: {self.to}")

    @property
    def commands(self) -> int:
        """Commands of all banks together."""
        return sum(
            run.times * times * len(self.slots(kind))
            for run in self.runs
            for kind, times in run.cycle
        )

    def slots(self, kind: Kind) -> tuple[Slot, ...]:
        """The banks, or pairs of banks, that get a command of that kind, in the order of issue."""
        return slots(kind, self.banks, self.to)


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Segments one after the other, and all of them ``times`` times."""

    segments: tuple[Segment, ...]
    times: int

    @property
    def commands(self) -> int:
        """Commands of all banks together."""
        return self.times * sum(segment.commands for segment in self.segments)


Part: TypeAlias = Segment | Repeated


def segments_of(part: Part) -> tuple[Segment, ...]:
    """The segments of a part, those of a repetition once."""
    return part.segments if isinstance(part, Repeated) else (part,)


def expanded(part: Part) -> Iterator[Segment]:
    """All segments of a part, in order."""
    for _ in range(part.times if isinstance(part, Repeated) else 1):
        yield from segments_of(part)


@lru_cache(maxsize=1024)
def slots(kind: Kind, banks: tuple[int, ...], to: tuple[int, ...]) -> tuple[Slot, ...]:
    """Who gets a command in lock-step: pairs for a TRANSFER, else every bank of every pair."""
    if kind is Kind.TRANSFER:
        return tuple(zip(banks, to, strict=True))
    every = [bank for pair in zip(banks, to, strict=True) for bank in pair] if to else banks
    return tuple((bank, None) for bank in every)


def issue_order(standard: Standard, banks: Iterable[int]) -> tuple[int, ...]:
    """Return the banks in an order in which ranks take turns, because each has its own tFAW.

    >>> from dataclasses import replace
    >>> from pimsim.dram.standard.standard import load
    >>> issue_order(replace(load("ddr3-1600-8-8-8"), ranks=2), range(10))
    (0, 8, 1, 9, 2, 3, 4, 5, 6, 7)
    """
    return _issue_order(standard.banks, tuple(banks))


@lru_cache(maxsize=4096)
def _issue_order(of_rank: int, banks: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(banks, key=lambda bank: (bank % of_rank, bank)))


class Issued(NamedTuple):
    """A command and when it issued."""

    at_ps: int
    kind: Kind
    bank: int
    """System-wide number; for REF, a bank of the rank."""
    to: int | None = None
    """Bank that a TRANSFER goes to."""


def walk(standard: Standard, options: ModelOptions, parts: Iterable[Part]) -> Iterator[Issued]:
    """Issue every command of a stream in turn, through a scheduler.

    Order: for each repetition, for each command of the row cycle, for each bank (or pair, source
    first) of the segment. A command issues at the earliest legal time, and not before the previous
    command of its channel. Channels are independent of one another.

    With refresh on, the k-th REF of every rank is due at k * tREFI. A command that would open the
    first row of a rank may be able to issue only at or after the time at which the next REF is due.
    Then the REF goes first, as early as legal; this is repeated as long as another REF is due. REFs
    may also fall due while the segments of other ranks leave a rank out. They are carried out
    meanwhile, each as soon as it is due, and cost no time. They are listed when the rank is next
    used, as far as they have ended by then; so only the times of REFs may step back. A rank that no
    segment names gets no REF, and a rank gets none after the last segment that names it.

    Raises :class:`~pimsim.errors.InputError` for a bank that the standard does not have.
    """
    scheduler = Scheduler(standard, options)
    timing = effective_timing(standard, options)
    free_since_ps: dict[tuple[int, int], int] = {}

    def due_ps(bank: int) -> int:
        return (scheduler.rank_of(bank).refs + 1) * timing.t_refi_ps

    for segment in chain.from_iterable(map(expanded, parts)):
        ranks = {bank_address(standard, bank)[:2]: bank for bank in reversed(segment.banks)}
        if options.refresh:
            for rank, bank in ranks.items():
                start_ps = scheduler.front_ps(bank)
                at_ps = max(due_ps(bank), free_since_ps.get(rank, 0))
                while at_ps + timing.t_rfc_ps <= start_ps:
                    scheduler.issue(Kind.REF, bank, at_ps)
                    yield Issued(at_ps, Kind.REF, bank)
                    at_ps = max(due_ps(bank), at_ps + timing.t_rfc_ps)
        for kind in _kinds(segment):
            for bank, to in segment.slots(kind):
                if options.refresh and kind.opens and not scheduler.rank_of(bank).open_banks:
                    while scheduler.earliest_ps(kind, bank) >= due_ps(bank):
                        front_ps = scheduler.front_ps(bank)
                        at_ps = scheduler.issue_earliest(Kind.REF, bank, front_ps)
                        yield Issued(at_ps, Kind.REF, bank)
                yield Issued(scheduler.issue_earliest(kind, bank, to=to), kind, bank, to)
        for rank, bank in ranks.items():
            next_ref_ps = scheduler.rank_of(bank).next_ref_ps
            free_since_ps[rank] = max(next_ref_ps, scheduler.front_ps(bank))


def _kinds(segment: Segment) -> Iterator[Kind]:
    for run in segment.runs:
        for _ in range(run.times):
            for kind, times in run.cycle:
                for _ in range(times):
                    yield kind


@lru_cache(maxsize=1024)
def _require_cycle(cycle: RowCycle) -> None:
    is_open = False
    for kind, times in cycle:
        if type(times) is not int or times <= 0:
            raise InputError(
                f"`cycle` must repeat a command a positive number of times, not {cycle!r}"
            )
        if kind is Kind.REF:
            raise InputError(
                f"`cycle` must hold no REF, the stream is refreshed as it goes: {cycle!r}"
            )
        if kind.opens is is_open or (kind in (Kind.ACT, Kind.PRE) and times > 1):
            state = "open" if kind.opens else "closed"
            raise InputError(f"`cycle` must not {kind.name} a bank that is {state}: {cycle!r}")
        is_open = kind is Kind.ACT or (is_open and kind is not Kind.PRE)
    if is_open or not cycle:
        raise InputError(f"`cycle` must open a row and close it, not {cycle!r}")


def row_cycle(kind: Kind, bursts: int) -> RowCycle:
    """ACT, ``bursts`` column accesses of one kind, PRE.

    With TRANSFER, it is the row cycle of a pair of banks in RowClone's pipelined serial mode.
    """
    return (Kind.ACT, 1), (kind, bursts), (Kind.PRE, 1)


def streamed(kind: Kind, bits: int, standard: Standard, banks: int) -> list[Segment]:
    """The segments that read or write ``bits`` bits, in whole rows, the banks taking turns.

    >>> from pimsim.dram.standard.standard import load
    >>> ddr3 = load("ddr3-1600-8-8-8")
    >>> [segment.commands for segment in streamed(Kind.RD, 9 * 65536 + 1, ddr3, banks=8)]
    [1040, 130, 3]
    """
    bursts = -(-bits // (standard.burst_bytes * 8))
    rows, rest = divmod(bursts, standard.bursts_per_row)
    whole = row_cycle(kind, standard.bursts_per_row)
    rounds, more = divmod(rows, banks)
    segments = []
    if rounds:
        segments.append(Segment((Run(whole, rounds),), issue_order(standard, range(banks))))
    if more:
        segments.append(Segment((Run(whole, 1),), issue_order(standard, range(more))))
    if rest:
        segments.append(Segment((Run(row_cycle(kind, rest), 1),), (more,)))
    return segments
