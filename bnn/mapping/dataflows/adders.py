"""What an adder of a chain takes at least, wherever in the chain it stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from bnn.mapped.placement.spent import Need, need_of
from bnn.system.system import System
from pimsim.microprogram.accumulation import programs
from pimsim.microprogram.program import Program


def adder_need(system: System) -> Need:
    """Return what an adder needs at least in each bank."""
    return _need(System(system.standard, system.options, address_map=system.address_map))


@lru_cache(maxsize=64)
def _need(system: System) -> Need:
    needs = {one: need_of(system, one.cycle) for one in programs(system.address_map).values()}

    def of(place: int) -> int:
        return round(least(system, lambda program: needs[program][place]))

    return Need(*map(of, range(len(Need._fields))))


def least(system: System, of: Callable[[Program], float]) -> float:
    """Return the least of a quantity that an adder takes; the last has the start of its chain, too.

    >>> from pimsim.dram.options import ModelOptions
    >>> from pimsim.dram.standard.standard import load
    >>> least(System(load("ddr3-1600-8-8-8"), ModelOptions()), len)
    6
    """
    starts, ends, others = list[float](), list[float](), list[float]()
    for (kind, after), program in programs(system.address_map).items():
        some = starts if kind == "start" else ends if after in ("end", "true") else others
        some.append(of(program))
    return min(*others, min(starts) + min(ends))
