"""Choosing for every stage of a network: its mapping, and whether it is part of a chain.

A mapping that is asked for by name is used for every stage, and stages are chained where that saves
time. If mappings are chosen, a chain is one more offer for its stages, taken if the whole network
is better with it. A layer that no mapping has room for runs on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from bnn.backends.prepare import Draft, booked
from bnn.lowering.lower import consecutive, lower
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.mapped_stage import Mapping as Dataflow
from bnn.mapping import MAPPINGS, choice, frontier
from bnn.mapping.chain import choice as chain
from bnn.mapping.chain.bound import at_least
from bnn.mapping.choice import Candidate
from bnn.mapping.frontier import Offer
from bnn.model.network import Network
from bnn.system.system import System
from bnn.values.encoding import Encoding
from pimsim.dram.energy import require_energy
from pimsim.errors import InputError
from pimsim.microprogram.schedule import gc_paused

Chains = list[tuple[range, chain.Choice]]
"""Positions of stages that can be chained, and what was chosen for them."""

_Tried = list[tuple[range, list[chain.Choice]]]
"""Places of stages that can be chained, and what each mapping would take for them."""

Prices = Mapping[str, tuple[Candidate, ...]]
"""What every mapping would take, by stage."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen for a network."""

    stages: tuple[Stage | HostStage, ...]
    """All of them, in order."""
    taken: dict[str, Dataflow]
    """The mapping of every stage in DRAM."""
    chains: Chains
    prices: Prices
    """Nothing where the mapping was not chosen."""
    laid: Mapping[str, list[MappedStage]]
    """Stages as they were laid out to be priced."""
    refused: Mapping[str, str]
    """Layers that no mapping has room for, and why."""

    @property
    def found(self) -> dict[str, Any]:
        """The JSON value from which :func:`selected` makes the selection again."""
        prices = {name: choice.written(every) for name, every in self.prices.items()}
        return {
            "taken": {name: one.name for name, one in self.taken.items()},
            "chains": [[at.start, at.stop, chosen.found] for at, chosen in self.chains],
            "prices": prices,
            "refused": dict(self.refused),
        }

    def mapped(self, stage: Stage, system: System, images: int) -> list[MappedStage]:
        """Lay a stage out under its mapping, for as many images as that was chosen for."""
        known = self.laid.get(stage.name)
        if known is not None and known[0].system is system:
            return known
        return self.taken[stage.name].map_stage(stage, system, images)

    def of(self, stage: Stage) -> tuple[Candidate, ...]:
        """What every mapping would take for a stage; nothing where none was chosen."""
        return self.prices.get(stage.name, ())


@gc_paused()
def select(
    mapping: str,
    network: Network,
    encoding: Encoding | None,
    system: System,
    images: int,
    chaining: str,
) -> Selection:
    """Split a network into stages, and choose for each.

    Args:
        mapping: a mapping, or a way to choose, of :func:`bnn.mapping.choice.names`. A mapping that
            is asked for by name is given all that it may take, and nothing is priced.
        network: the layers.
        encoding: how its inputs are integers.
        system: whose banks compute.
        images: how many.
        chaining: whether stages are chained, of :data:`bnn.mapping.chain.choice.CHAINING`.

    Raises InputError for another name, for what all mappings refuse for another reason than room,
    for stages that must be chained and cannot be, and for ``auto-energy`` without energies.
    """
    choice.check(mapping)
    if mapping == "auto-energy":
        require_energy("mapping", mapping, system.options.energy)
    stages = lower(network, encoding, system.data_rows)
    prices: dict[str, tuple[Candidate, ...]] = {}
    refused: dict[str, str] = {}
    laid: dict[tuple[str, str], list[MappedStage]] = {}
    if mapping in MAPPINGS:
        choosing = _Choosing(network, stages, system, images, chaining, prices, laid)
        every = [stage for stage in stages if isinstance(stage, Stage)]
        taken = {stage.name: mapping for stage in every}
        chains = choosing.named(mapping)
    else:
        for stage in stages:
            if isinstance(stage, Stage):
                lay_out = partial(_lay_out, laid, stage, system, images)
                found = choice.priced(lay_out, stage, system)
                prices[stage.name] = found
                if why := choice.why_none(found):
                    refused.setdefault(stage.layer.name, why)
        if refused:
            stages = lower(network, encoding, system.data_rows, refused)
            laid.clear()
        choosing = _Choosing(network, stages, system, images, chaining, prices, laid)
        taken, chains = choosing.cheapest(mapping)
    named = {name: MAPPINGS[one] for name, one in taken.items()}
    kept = {name: laid[name, one] for name, one in taken.items() if (name, one) in laid}
    return Selection(stages, named, chains, prices, kept, refused)


def selected(
    found: Mapping[str, Any],
    network: Network,
    encoding: Encoding | None,
    system: System,
    images: int,
) -> Selection:
    """Make again what :func:`select` once found, from :attr:`Selection.found`; nothing is priced.

    Other arguments are those that it was given then.
    """
    stages = lower(network, encoding, system.data_rows, found["refused"])
    prices = {name: choice.read(every) for name, every in found["prices"].items()}
    chains = []
    for start, stop, one in found["chains"]:
        inside = [stage for stage in stages[start:stop] if isinstance(stage, Stage)]
        chained = chain.chosen(one["mapping"], inside, system, images, one)
        chains.append((range(start, stop), chained))
    taken = {name: MAPPINGS[one] for name, one in found["taken"].items()}
    return Selection(stages, taken, chains, prices, {}, found["refused"])


def _lay_out(
    laid: dict[tuple[str, str], list[MappedStage]],
    stage: Stage,
    system: System,
    images: int,
    mapping: str,
) -> Draft:
    mapped = laid[stage.name, mapping] = MAPPINGS[mapping].map_stage(stage, system, images)
    return partial(booked, mapped)


class _Way(NamedTuple):
    """One way to carry stages out."""

    offer: Offer
    mappings: dict[str, str]
    chained: chain.Choice | None = None


@dataclass(frozen=True, slots=True)
class _Choosing:
    """The choice among mappings, and among stages apart and chained."""

    network: Network
    stages: Sequence[Stage | HostStage]
    system: System
    images: int
    chaining: str
    prices: Prices
    laid: Mapping[tuple[str, str], list[MappedStage]]
    """Stages as they were laid out to be priced, by their mapping, too."""

    def named(self, mapping: str) -> Chains:
        """How stages of one mapping are chained: where they must be, or take less time then."""
        if not chain.asked_for(self.chaining, self.system):
            return []
        chained = mapping in chain.MAPPINGS
        if self.chaining == "always" and not chained and self._inside(range(len(self.stages))):
            raise InputError(f"`chain` must be never or auto for {mapping}, not 'always'")
        runs = self._runs(lambda *_: chained)
        found = [(places, self._tried(places, mapping, self.chaining)) for places in runs]
        if self.chaining == "always":
            return found
        return [(places, one if one.gains else one.apart()) for places, one in found]

    def cheapest(self, way: str) -> tuple[dict[str, str], Chains]:
        """The mapping of every stage, and how they are chained, by one of the ways to choose."""
        runs = self._runs(lambda _, stage: any(name in chain.MAPPINGS for name in self._of(stage)))
        tried: _Tried = [(places, self._every(places)) for places in runs]
        taken, chains = self._least(way, tried)
        kept = {places for places, one in chains if one.layout is not None}
        held = {place for places in kept for place in places}

        def left(name: str, place: int, stage: Stage) -> bool:
            return taken[stage.name] == name and place not in held

        every = (self._runs(partial(left, name)) for name in chain.MAPPINGS)
        rest = [places for some in every for places in some if places not in runs]
        if not rest:
            return taken, chains
        # Runs that lost a stage which fares better under another mapping.
        some = [(places, choices) for places, choices in tried if places in kept]
        return self._least(way, [*some, *((places, self._every(places)) for places in rest)])

    def _runs(self, folds: Callable[[int, Stage], bool]) -> list[range]:
        """Runs of stages whose results could stay where they are; ``folds`` says so for each."""
        if not chain.asked_for(self.chaining, self.system):
            return []
        folded = [
            isinstance(stage, Stage) and folds(place, stage)
            for place, stage in enumerate(self.stages)
        ]
        return consecutive(self.network, self.stages, folded)

    def _every(self, places: range) -> list[chain.Choice]:
        """How a run of stages would be chained under each mapping that all of them may take.

        Raises InputError or OutOfRowsError where they must be chained and cannot be.
        """
        able = [set(self._of(stage)) for stage in self._inside(places)]
        names = [name for name in chain.MAPPINGS if all(name in own for own in able)]
        tried: dict[str, chain.Choice] = {}
        for name in sorted(names, key=partial(self._apart_ps, places)):
            if not any(self._is_below(one, places, name) for one in tried.values()):
                tried[name] = self._tried(places, name, "auto")
        found = [tried[name] for name in names if name in tried]
        if self.chaining == "always" and all(one.layout is None for one in found):
            return [self._tried(places, names[0], self.chaining)] if names else []
        return found

    def _apart_ps(self, places: range, mapping: str) -> int:
        """Time that a run of stages takes apart, refresh aside; 0 if that is not known."""
        return sum(
            one.bare_ps
            for stage in self._inside(places)
            for one in self.prices.get(stage.name, ())
            if one.mapping == mapping
        )

    def _is_below(self, one: chain.Choice, places: range, mapping: str) -> bool:
        """Whether a chain takes less than another mapping's chain can, by its row commands alone.

        The other is then never chosen, whatever other offers there are, and is not the fastest.
        """
        laid = [self.laid.get((stage.name, mapping), []) for stage in self._inside(places)]
        if one.books is None or one.chained_ps is None or mapping not in chain.COUNTED:
            return False
        if any(len(some) != 1 for some in laid):
            return False
        least = at_least([some for (some,) in laid], self.system, self.images)
        offered = choice.offer(one.books, self.system)
        return (
            one.chained_ps < least.bare_ps
            and offered.latency_ps < least.latency_ps
            and offered.energy_pj <= least.energy_pj
        )

    def _tried(self, places: range, mapping: str, chaining: str) -> chain.Choice:
        """How a run of stages would be chained."""
        stages = self._inside(places)
        apart_ps = self._apart_ps(places, mapping)
        apart_ps = apart_ps or chain.apart_ps(mapping, stages, self.system, self.images)
        return chain.choose(mapping, stages, self.system, self.images, apart_ps, chaining)

    def _least(self, way: str, runs: _Tried) -> tuple[dict[str, str], Chains]:
        """The mapping of every stage, and which of the runs are chained."""
        held = {place for places, _ in runs for place in places}
        alone = [range(place, place + 1) for place in range(len(self.stages)) if place not in held]
        parts = [self._ways(places, []) for places in alone]
        parts += [self._ways(places, some) for places, some in runs]
        picks = frontier.least(way, [[each.offer for each in ways] for ways in parts])
        best = [ways[pick] for ways, pick in zip(parts, picks, strict=True)]
        chains = [
            (places, chosen.chained or _fastest(some).apart())
            for (places, some), chosen in zip(runs, best[len(alone) :], strict=True)
            if some
        ]
        return {name: one for chosen in best for name, one in chosen.mappings.items()}, chains

    def _ways(self, places: range, chained: Sequence[chain.Choice]) -> list[_Way]:
        stages = self._inside(places)
        ways: list[_Way] = []
        if not chained or self.chaining != "always":
            able_to = [self._able(stage) for stage in stages]
            for corner in frontier.corners([[offer for _, offer in each] for each in able_to]):
                picked = zip(stages, able_to, corner.picks, strict=True)
                names = {stage.name: each[pick][0] for stage, each, pick in picked}
                ways.append(_Way(corner.total, names))
        for one in chained:
            if one.books is not None:
                offered = choice.offer(one.books, self.system)
                ways.append(_Way(offered, dict.fromkeys(one.names, one.mapping), one))
        return ways

    def _of(self, stage: Stage) -> list[str]:
        """Mappings that a stage may take."""
        return [name for name, _ in self._able(stage)]

    def _able(self, stage: Stage) -> list[tuple[str, Offer]]:
        return choice.able(self.prices.get(stage.name, ()))

    def _inside(self, places: range) -> list[Stage]:
        some = self.stages[places.start : places.stop]
        return [stage for stage in some if isinstance(stage, Stage)]


def _fastest(choices: Sequence[chain.Choice]) -> chain.Choice:
    """The chain that takes the least time; one that cannot be made only if all cannot."""
    return min(choices, key=lambda one: (one.chained_ps is None, one.chained_ps or 0))
