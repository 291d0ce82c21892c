"""Streams of commands that a scheduler is given, and how long it has to wait for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.standard.timing import Timing

ACT, PRE, RD, WR, REF, AAP, AP, TRANSFER = Kind
Command = tuple[int, Kind, int] | tuple[int, Kind, int, int | None]
DDR3 = load("ddr3-1600-8-8-8")  # tRAS 35, tRP 10, tRRD 6, tFAW 30 ns; AAP's second ACT 4 ns later
FREE = ModelOptions(refresh=False)
CLOCKED = ModelOptions(refresh=False, clocked=True)
ALL_SWITCHES = {
    f"{'clocked' if clocked else 'free'}-{'split' if split else 'plain'}-{acts}": ModelOptions(
        refresh=False, clocked=clocked, split_decoder=split, acts_per_aap=acts
    )
    for clocked in (False, True)
    for split in (True, False)
    for acts in (1, 2)
}


def tick(standard: Standard, options: ModelOptions) -> int:
    """The smallest step between times at which commands may start."""
    return standard.timing.t_ck_ps if options.clocked else 1


def kept(standard: Standard, options: ModelOptions) -> Timing:
    """The constraints as they bind: in whole clocks if commands start on clock edges."""
    return standard.timing.on_clock() if options.clocked else standard.timing


def second_act(standard: Standard, options: ModelOptions) -> int:
    """When the second ACT of an AAP at 0 comes: 4 ns later, or tRAS."""
    step = tick(standard, options)
    at = 4_000 if options.split_decoder else standard.timing.t_ras_ps
    return -(-at // step) * step


def scheduled(standard: Standard, options: ModelOptions, commands: Iterable[Command]) -> Scheduler:
    """A scheduler that has taken so many commands."""
    scheduler = Scheduler(standard, options)
    for at, kind, bank, *to in commands:
        scheduler.issue(kind, bank, at, *to)
    return scheduler


def names_of(
    naive: ModuleType, standard: Standard, options: ModelOptions, commands: Sequence[Command]
) -> set[str]:
    """Names of the constraints that the naive check finds broken."""
    return {v.name for v in naive.violations(standard, options, commands)}
