"""Where an ACT, or the two of an AAP, fit among the ACTs of a rank: tRRD and tFAW.

The second ACT of an AAP may lie ahead of commands that are issued later. So an ACT has to keep its
distance from those after it as well as from those before it, and a time that is legal may be
followed by one that is not.

>>> from pimsim.dram.scheduler.bank_state import channels
>>> from pimsim.dram.standard.standard import load
>>> banks = channels(load("ddr3-1600-8-8-8"))[0].ranks[0].banks
>>> spacing = ActSpacing(rrd_s_ps=6_000, rrd_l_ps=6_000, faw_ps=30_000)
>>> for at_ps in (0, 35_000):  # an AAP of bank 0
...     spacing.add(banks[0], at_ps)
>>> spacing.fit(banks[1], 0), spacing.fit(banks[1], 29_001)
(6000, 41000)
>>> spacing.fit(banks[1], 0, second_ps=35_000)
6000
"""

from __future__ import annotations

from bisect import bisect_left, insort

from pimsim.dram.scheduler.bank_state import Bank
from pimsim.dram.standard.timing import ACTS_PER_FAW


class ActSpacing:
    """The distances that ACTs of a rank keep: tRRD between banks, four in any window of tFAW."""

    def __init__(self, *, rrd_s_ps: int, rrd_l_ps: int, faw_ps: int) -> None:
        self._rrd_ps = rrd_s_ps, rrd_l_ps
        self._widest_rrd_ps = max(self._rrd_ps)
        self._faw_ps = faw_ps
        self.reach_ps = max(faw_ps, rrd_s_ps, rrd_l_ps)
        """How long an ACT matters."""

    def add(self, bank: Bank, at_ps: int) -> None:
        """Count an ACT of the bank, and forget those that no longer matter."""
        acts = bank.rank.acts
        past_ps = bank.rank.channel.front_ps - self.reach_ps
        while acts and acts[0][0] <= past_ps:
            del acts[0]
        if acts and at_ps < acts[-1][0]:
            insort(acts, (at_ps, bank.number))
        else:
            acts.append((at_ps, bank.number))

    def fit(self, bank: Bank, at_ps: int, second_ps: int = 0) -> int:
        """Return the first time from ``at_ps`` on, in ps, at which an ACT of the bank fits.

        If ``second_ps`` is not 0, another of the same bank has to fit that much later; the two
        need not keep tRRD between them.

        Whatever is in the way forbids all times up to a certain one: go there and look again.
        """
        acts = bank.rank.acts
        if not acts:
            return at_ps
        while True:
            at_ps = self._after_rrd(bank, at_ps, second_ps)
            if at_ps >= acts[-1][0]:  # the usual case: none lies ahead
                if len(acts) >= ACTS_PER_FAW:
                    at_ps = max(at_ps, acts[-ACTS_PER_FAW][0] + self._faw_ps)
                if second_ps and len(acts) >= ACTS_PER_FAW - 1:
                    at_ps = max(at_ps, acts[1 - ACTS_PER_FAW][0] + self._faw_ps - second_ps)
                return at_ps
            clear_ps = self._after_faw(acts, at_ps, second_ps)
            if clear_ps == at_ps:
                return at_ps
            at_ps = clear_ps

    def _after_rrd(self, here: Bank, at_ps: int, second_ps: int) -> int:
        """The first time from ``at_ps`` on that keeps tRRD."""
        rrd_ps, widest_ps, group = self._rrd_ps, self._widest_rrd_ps, here.group
        banks, first = here.rank.banks, here.rank.banks[0].number
        settled = False
        while not settled:
            settled = True
            for act_ps, number in reversed(here.rank.acts):
                if act_ps + widest_ps <= at_ps:
                    break
                if act_ps - widest_ps >= at_ps + second_ps:
                    continue
                other = banks[number - first]
                if other is here:
                    continue
                gap_ps = rrd_ps[other.group is group]
                if act_ps - gap_ps < at_ps < act_ps + gap_ps:
                    at_ps = act_ps + gap_ps
                    settled = False
                if second_ps and act_ps - gap_ps < at_ps + second_ps < act_ps + gap_ps:
                    at_ps = act_ps + gap_ps - second_ps
                    settled = False
        return at_ps

    def _after_faw(self, acts: list[tuple[int, int]], at_ps: int, second_ps: int) -> int:
        """``at_ps`` if no window then holds too many ACTs, else a time before which one does."""
        faw_ps = self._faw_ps
        for offset_ps in (0, second_ps) if second_ps else (0,):
            # Four ACTs next to one another and the new one, wherever it stands among them.
            new_ps = at_ps + offset_ps
            after = bisect_left(acts, (new_ps,))
            for index in range(max(0, after - ACTS_PER_FAW), len(acts) - ACTS_PER_FAW + 1):
                oldest_ps = acts[index][0]
                if oldest_ps >= new_ps + faw_ps:
                    break
                newest_ps = acts[index + ACTS_PER_FAW - 1][0]
                if max(newest_ps, new_ps) - min(oldest_ps, new_ps) < faw_ps:
                    return oldest_ps + faw_ps - offset_ps
        if 0 < second_ps < faw_ps:
            # Three ACTs next to one another and both new ones.
            new_ps = at_ps + second_ps
            for index in range(len(acts) - ACTS_PER_FAW + 2):
                oldest_ps, newest_ps = acts[index][0], acts[index + ACTS_PER_FAW - 2][0]
                if max(newest_ps, new_ps) - min(oldest_ps, at_ps) < faw_ps:
                    return oldest_ps + faw_ps - second_ps
        return at_ps
