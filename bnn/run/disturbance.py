"""Whether a run disturbs rows beside those that it activates, and what would prevent that.

>>> from bnn.system.activations import ActivationCounter
>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.dram.disturbance.chip_classes import bundled
>>> counter = ActivationCounter(ambit(), rows=1024)
>>> counter.layer("a layer")
>>> counter.rows([7], (0, 0), times=3000)               # data row D7, in 1 ms of every 2
>>> times = {"a layer": 2 * 10**9}
>>> once, again = (exposures(counter, times, 64 * 10**9, again=again) for again in (False, True))
>>> worst = once.worst(bundled()[0])
>>> (worst.row, worst.beside, worst.share)              # the last of both is as bad as the first
('D6', (0, 3000), 0.3)
>>> again.worst(bundled()[0]).beside
(0, 96000)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.run.plan import LayerRun
from bnn.system.activations import ActivationCounter, Site
from bnn.system.ledger import PHASES
from bnn.system.system import System
from pimsim.cost import Elapsed, charge
from pimsim.dram.commands import CommandCounts
from pimsim.dram.disturbance.chip_classes import ChipClass
from pimsim.dram.disturbance.exposure import beside
from pimsim.dram.disturbance.hammer import Hammer
from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.dram.disturbance.weak_cells import SAFE
from pimsim.dram.disturbance.window import Span, most_in
from pimsim.dram.standard.standard import Standard

REFRESHES = 8192
"""REFs in which all rows of a chip are refreshed once (JESD79-3F, JESD79-4, JESD79-5)."""
COUNTER_PS, BACK_OFF_PS, BACK_OFF_ROWS = 52_000 - 47_000, 350_000, 4
"""Per-row activation counting (PRAC) of DDR5: a row cycle takes longer, and a back-off takes so
long and refreshes two rows on either side.

With PRAC tRC is 52 ns, tRAS 16 and tRP 36, tRTP 5 and tWR 10 (JESD79-5C v1.30, table 343), as two
public simulators have it that cite that table: Chronus (Canpolat et al., HPCA 2025; commit 0c24d49,
src/dram/impl/DDR5-VRR.cpp) and QPRAC (Woo et al., HPCA 2025; commit 6fd217e, DDR5-PRAC.cpp).
Without it tRC is 47 ns: tRAS 32 and tRP 15; 46 to 48.6 by bin. A back-off is an RFM of 350 ns (the
same, five times a tRRF of 70 ns), after up to 180 ns in which commands go on. Certain: what both
have. Assumed: that an AAP, which no standard knows, grows by as much as a row cycle, and that two
rows on either side are refreshed (blast radius 2)."""

Counts = NDArray[np.int64]


class Victim(NamedTuple):
    """A row beside others that are activated."""

    bank: int
    subarray: int
    row: str
    beside: tuple[int, int]
    """Activations of the row before it and of the row behind it in a refresh window."""
    pair: int
    """The activations that both had in common between two openings of the row itself."""
    one: int
    """The activations of the neighbour that had more."""
    opened: bool
    """Whether the run opens it: then it may hold operands."""
    share: float
    """Share of HC_first that the row has seen; at 1 the first bit flips."""


class Hot(NamedTuple):
    """A row that is activated."""

    bank: int
    subarray: int
    row: str
    activations: int
    """In a refresh window."""


@dataclass(frozen=True, eq=False)
class Exposures:
    """What rows see in the worst refresh window, each array ``(sites, places)``."""

    sites: tuple[Site, ...]
    labels: tuple[str, ...]
    acts: Counts
    """Activations of the row."""
    pair: Counts
    one: Counts
    opened: NDArray[np.bool_]
    holds: NDArray[np.bool_]
    """Which places, ``(places,)``, may hold something: all but guard rows."""

    def shares(self, chip: ChipClass) -> NDArray[np.float64]:
        """Return the share of HC_first that each row has seen, ``(sites, places)``."""
        pair, one = self.pair / chip.hc_double_sided, (self.one - self.pair) / chip.hc_single_sided
        return np.asarray((pair + one) * self.holds)

    def worst(self, chip: ChipClass) -> Victim:
        """Return the row that is nearest to a flip."""
        return self.victims(chip, 1)[0]

    def victims(self, chip: ChipClass, most: int) -> list[Victim]:
        """Return the rows nearest to a flip, the nearest first."""
        shares = self.shares(chip)
        found = []
        for site, place in _largest(shares, most):
            lower, upper = beside(self.acts[site])[:, place].tolist()
            counts = int(self.pair[site, place]), int(self.one[site, place])
            opened, share = bool(self.opened[site, place]), float(shares[site, place])
            label = self.labels[place]
            found.append(Victim(*self.sites[site], label, (lower, upper), *counts, opened, share))
        return found

    def hottest(self, most: int) -> list[Hot]:
        """Return the rows that are activated most, the first of all first."""
        return [
            Hot(*self.sites[site], self.labels[place], int(self.acts[site, place]))
            for site, place in _largest(self.acts, most)
        ]


def exposures(
    counter: ActivationCounter,
    latency_ps: Mapping[Hashable, int],
    window_ps: int,
    *,
    again: bool,
) -> Exposures:
    """Return what rows see in the worst refresh window.

    Within a layer, a bank works on one of its subarrays after the other, each for as long as its
    share of the bank's activations says, and evenly: an assumption.

    Args:
        counter: what was done where.
        latency_ps: time that each of its layers took, in order.
        window_ps: how long after a refresh a row is refreshed again.
        again: the run is repeated without a pause.

    """
    sites, period_ps = counter.sites(), sum(latency_ps.values())
    starts = dict(zip(latency_ps, accumulate(latency_ps.values(), initial=0), strict=False))
    of_bank = {
        key: {bank: sum(int(e.acts.sum()) for (b, _), e in layer.items() if b == bank)
              for bank in {bank for bank, _ in layer}}
        for key, layer in counter.done.items()
    }  # fmt: skip
    acts, pairs, ones, opened = [], [], [], []
    for site in sites:
        spans, counts = [], []
        for key, layer in counter.done.items():
            if site not in layer or not latency_ps[key]:
                continue
            share = int(layer[site].acts.sum()) / of_bank[key][site[0]]
            spans.append(Span(starts[key], starts[key] + share * latency_ps[key]))
            counts.append(layer[site].acts)
        own = most_in(np.array(counts), spans, window_ps, period_ps, again=again)
        whole = counter.whole(site)
        pair, one = whole.worst(again=again)
        sides = beside(own)
        acts.append(own)
        pairs.append(np.minimum(pair, sides.min(axis=0)))
        ones.append(np.minimum(one, sides.max(axis=0)))
        opened.append(whole.restores > 0)
    holds = np.ones(len(counter.order.labels), np.bool_)
    holds[list(counter.order.guards)] = False
    return Exposures(
        sites, counter.order.labels, np.array(acts), np.array(pairs), np.array(ones),
        np.array(opened), holds,
    )  # fmt: skip


def window_ps(standard: Standard) -> int:
    """Return how long it takes until a row is refreshed again.

    >>> from pimsim.dram.standard.standard import load
    >>> window_ps(load("ddr3-1600-8-8-8")) / 1e9
    63.8976
    """
    return REFRESHES * standard.timing.t_refi_ps


def latencies_ps(layers: Sequence[LayerRun]) -> dict[Hashable, int]:
    """Return the time of every layer by its ledger, in order."""
    return {
        layer.ledger: sum(layer.ledger.cost(phase).latency_ps for phase in PHASES)
        for layer in layers
    }


def energy_pj(layers: Sequence[LayerRun]) -> float:
    """Return the energy of all layers, loading weights included."""
    return sum(layer.ledger.cost(phase).total_pj for layer in layers for phase in PHASES)


class Prevention(NamedTuple):
    """What would keep every row below :data:`SAFE`, and what that takes of a run."""

    name: str
    rows_left_empty: int
    """Rows of a subarray that hold nothing."""
    refreshes: float
    """Rows that are refreshed besides, of all banks."""
    latency_ps: float
    energy_pj: float
    possible: bool
    """Whether that is enough."""


def preventions(
    seen: Exposures,
    counter: ActivationCounter,
    layers: Sequence[LayerRun],
    system: System,
    chip: ChipClass,
) -> list[Prevention]:
    """Return two ways to keep rows from flipping in a run that is repeated without a pause.

    Refreshes: the controller knows the rows in danger, and activates each as often as the
    activations beside it require. Counters: chips count activations of every row, as DDR5 can, and
    back off when a row reaches the limit, whether or not its neighbours are in danger. Banks in
    lock-step back off together.
    """
    danger = seen.shares(chip) >= SAFE
    refreshes: dict[int, float] = {}
    back_offs: dict[int, float] = {}
    for site, rows in zip(seen.sites, danger, strict=True):
        acts = counter.whole(site).acts
        sides = np.sort(beside(acts), axis=0).astype(np.float64)
        shares = sides[0] / chip.hc_double_sided + (sides[1] - sides[0]) / chip.hc_single_sided
        bank = site[0]
        refreshes[bank] = refreshes.get(bank, 0.0) + float(shares[rows].sum()) / SAFE
        limit = SAFE * chip.hc_double_sided
        back_offs[bank] = back_offs.get(bank, 0.0) + float(acts.sum()) / limit
    timing = system.standard.timing
    ap_pj = charge(CommandCounts(ap=1), Elapsed(), system.standard, system.options).total_pj
    counts = sum(
        (layer.ledger.counts(phase) for layer in layers for phase in PHASES), CommandCounts()
    )
    cycles = (counts.aap + counts.ap + counts.pre) / max(len(refreshes), 1)
    extra, backed = sum(refreshes.values()), sum(back_offs.values())
    return [
        Prevention(
            "refreshes of rows in danger", 0, extra,
            max(refreshes.values(), default=0.0) * (timing.t_ras_ps + timing.t_rp_ps),
            extra * ap_pj, True,
        ),
        Prevention(
            "counters in the chips", 0, backed * BACK_OFF_ROWS,
            cycles * COUNTER_PS + max(back_offs.values(), default=0.0) * BACK_OFF_PS,
            backed * BACK_OFF_ROWS * ap_pj, True,
        ),
    ]  # fmt: skip


def guarded(
    before: Sequence[LayerRun], after: Sequence[LayerRun], system: System, chip: ChipClass
) -> Prevention:
    """Return what guard rows take, from what a run took without and with them.

    It is enough if no row is in danger then.

    Args:
        before: layers of the run.
        after: those of the same run on ``system``.
        system: with guard rows, and what they activated.
        chip: what rows stand.

    """
    if system.counter is None:
        raise ValueError("a system must count activations")
    taken = latencies_ps(after)
    seen = exposures(system.counter, taken, window_ps(system.standard), again=True)
    return Prevention(
        "guard rows",
        2 * system.mitigation.guard_rows,
        0.0,
        sum(taken.values()) - sum(latencies_ps(before).values()),
        energy_pj(after) - energy_pj(before),
        not (seen.shares(chip) >= SAFE).any(),
    )


def hammer(system: System, chip: ChipClass, seed: int) -> Hammer:
    """Return what flips bits on chips of that class, while commands are carried out.

    >>> from pimsim.dram.disturbance.chip_classes import bundled
    >>> from pimsim.dram.options import ModelOptions
    >>> from pimsim.dram.standard.standard import load
    >>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
    >>> found = hammer(system, bundled()[0], seed=1)
    >>> found.chip.name, found.most, found.order.labels[0]      # 63.9 ms of 45 ns each
    ('samsung-8gb-e', 1419946, 'T0')
    """
    timing, guards = system.standard.timing, system.mitigation.guard_rows
    order = RowOrder.of(system.address_map, system.subarray_rows, guards)
    most = window_ps(system.standard) // (timing.t_ras_ps + timing.t_rp_ps)
    counter = system.counter
    if counter is None:
        return Hammer(chip, order, most, seed)
    return Hammer(chip, order, most, seed, lambda site: counter.whole(site).after)


def _largest(values: NDArray[np.float64] | Counts, most: int) -> list[tuple[int, int]]:
    """Sites and places of the largest values, the largest first, and of equal ones the first."""
    flat = values.ravel()
    some = np.argsort(-flat, kind="stable")[:most]
    return [divmod(int(one), values.shape[1]) for one in some if flat[one] > 0]
