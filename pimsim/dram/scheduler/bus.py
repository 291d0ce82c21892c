"""A scheduler of a channel with a command bus: whole clocks, and one command at a time.

An AAP and an AP take the bus two or three times, as far apart as ever: they are moved as a whole,
and what depends on them moves along, because it is scheduled after them. A command that takes
several clocks has its time from the one from which distances count, and begins before it: the
first of all before the time 0. There is one bus, also where columns have one of their own, because
tools that read traces take one command a clock; no command comes earlier than it could.

>>> from pimsim.dram.standard.standard import load
>>> scheduler = BusScheduler(load("ddr3-1600-8-8-8"), ModelOptions(faw=False))
>>> [scheduler.issue_earliest(Kind.AAP, bank) // 1250 for bank in range(6)]
[0, 1, 2, 3, 8, 9]
>>> scheduler.waited, scheduler.longest_wait_clocks  # all at once, were it not for the bus
(5, 5)
>>> scheduler = BusScheduler(load("ddr5-4800"), ModelOptions())
>>> [scheduler.issue_earliest(Kind.ACT, bank) // 416 for bank in (0, 1)]  # of two clocks
[0, 8]
>>> scheduler.issue_earliest(Kind.RD, 0) // 416, scheduler.issue_earliest(Kind.PRE, 1) // 416
(39, 85)
"""

from __future__ import annotations

from dataclasses import replace

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.bank_state import Bank
from pimsim.dram.scheduler.constraints import second_act_ps
from pimsim.dram.scheduler.scheduler import Scheduler
from pimsim.dram.standard.standard import Standard


class BusScheduler(Scheduler):
    """A scheduler whose commands are on clock edges, each with the bus of its channel to itself.

    How long a command takes it is of the part, see
    :class:`~pimsim.dram.standard.command_bus.CommandBus`.

    The options are taken as if they were ``clocked``. A REF comes no earlier than the last command
    of its channel: a bus goes forward.
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        options = replace(options, clocked=True)
        super().__init__(standard, options)
        second = second_act_ps(standard, options) // self._clock_ps
        row = self._ras_ps // self._clock_ps
        bus = standard.command_bus
        lead = max(bus.taken(kind)[0] for kind in Kind)

        def taken(kind: Kind, clock: int = 0) -> int:
            before, after = bus.taken(kind)
            return ((1 << (before + 1 + after)) - 1) << (lead + clock - before)

        self._taken = {kind: taken(kind) for kind in Kind}
        """Clocks that a command takes, a bit each, from ``lead`` clocks before its own on."""
        self._taken[Kind.AP] = taken(Kind.ACT) | taken(Kind.PRE, row)
        self._taken[Kind.AAP] = (
            taken(Kind.ACT) | taken(Kind.ACT, second) | taken(Kind.PRE, second + row)
        )
        self.waited = 0
        """Commands that :meth:`issue_earliest` let wait for the bus."""
        self.longest_wait_clocks = 0
        self.wait_clocks = 0
        """How long the last command that was asked for has to wait for the bus."""

    def earliest_ps(
        self, kind: Kind, bank: int, not_before_ps: int = 0, to: int | None = None
    ) -> int:
        """Return the first legal time from ``not_before_ps`` on at which the bus is free, in ps.

        Raises what :meth:`~pimsim.dram.scheduler.scheduler.Scheduler.earliest_ps` does.
        """
        channel, clock_ps = self._bank(bank).rank.channel, self._clock_ps
        not_before_ps = max(-(-not_before_ps // clock_ps) * clock_ps, channel.front_ps)
        first_ps = at_ps = super().earliest_ps(kind, bank, not_before_ps, to)
        while channel.busy >> ((at_ps - channel.front_ps) // clock_ps) & self._taken[kind]:
            at_ps = super().earliest_ps(kind, bank, at_ps + clock_ps, to)
        self.wait_clocks = (at_ps - first_ps) // clock_ps
        return at_ps

    def issue_earliest(
        self, kind: Kind, bank: int, not_before_ps: int = 0, to: int | None = None
    ) -> int:
        """Issue the command at the first legal time from ``not_before_ps`` on; return it, in ps."""
        at_ps = super().issue_earliest(kind, bank, not_before_ps, to)
        self.waited += self.wait_clocks > 0
        self.longest_wait_clocks = max(self.longest_wait_clocks, self.wait_clocks)
        return at_ps

    def _commit(self, kind: Kind, here: Bank, at_ps: int, to: int | None) -> None:
        channel = here.rank.channel
        front_ps = channel.front_ps
        super()._commit(kind, here, at_ps, to)
        busy = channel.busy | self._taken[kind] << (at_ps - front_ps) // self._clock_ps
        channel.busy = busy >> (channel.front_ps - front_ps) // self._clock_ps
