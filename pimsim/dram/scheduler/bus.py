"""A scheduler of a channel with a command bus: whole clocks, and one command at a time.

An AP takes the bus twice and an AAP three times, at fixed distances. If one of these clocks is
taken, the whole AAP or AP is moved; what depends on it is scheduled later and moves along. Some
commands take several clocks. Their time is the clock from which distances count, so they may begin
before it, the very first of them before the time 0. There is one bus even for parts that have a
second one for column commands, because tools that read traces take one command a clock. That never
makes a command earlier.

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
    """A scheduler whose commands are on clock edges, one at a time on the bus of each channel.

    The part says for how many clocks a command takes the bus, see
    :class:`~pimsim.dram.standard.command_bus.CommandBus`.

    The options are used as if ``clocked`` were set. A REF comes no earlier than the last command of
    its channel, because the bus serves commands in order.
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
        """Clocks that a command takes, one bit each, beginning ``lead`` clocks before its own."""
        self._taken[Kind.AP] = taken(Kind.ACT) | taken(Kind.PRE, row)
        self._taken[Kind.AAP] = (
            taken(Kind.ACT) | taken(Kind.ACT, second) | taken(Kind.PRE, second + row)
        )
        self.waited = 0
        """Commands that had to wait for the bus in :meth:`issue_earliest`."""
        self.longest_wait_clocks = 0
        self.wait_clocks = 0
        """How long the command of the last call has to wait for the bus, in clocks."""

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
