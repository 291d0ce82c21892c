"""What every stage of a network is given: its mapping, and a place in a chain or none.

A mapping that is asked for by name is every stage's, and stages are chained where that takes less
time. Where mappings are chosen, a chain is one more offer to the stages that it would hold, taken
if the whole network does better with it, and a layer that no mapping has room for is the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from bnn.backends.prepare import Draft, booked
from bnn.lowering.lower import consecutive, lower
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.mapped_stage import Mapping as Dataflow
from bnn.mapping import MAPPINGS, choice, frontier
from bnn.mapping.chain import choice as chain
from bnn.mapping.choice import Candidate
from bnn.mapping.frontier import Offer
from bnn.model.network import Network
from bnn.system.system import System
from bnn.values.encoding import Encoding
from pimsim.errors import InputError

Chains = list[tuple[range, chain.Choice]]
"""Places of stages that can be chained, and what was chosen for them."""

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

    def mapped(self, stage: Stage, system: System, images: int) -> list[MappedStage]:
        """Lay a stage out under its mapping, for as many images as that was chosen for."""
        known = self.laid.get(stage.name)
        if known is not None and known[0].system is system:
            return known
        return self.taken[stage.name].map_stage(stage, system, images)

    def of(self, stage: Stage) -> tuple[Candidate, ...]:
        """What every mapping would take for a stage; nothing where none was chosen."""
        return self.prices.get(stage.name, ())


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
        chaining: whether dense stages are chained, of :data:`bnn.mapping.chain.choice.CHAINING`.

    Raises InputError for another name, for what all mappings refuse for another reason than room,
    and for stages that must be chained and cannot be.
    """
    choice.check(mapping)
    stages = lower(network, encoding, system.data_rows)
    prices: dict[str, tuple[Candidate, ...]] = {}
    laid: dict[tuple[str, str], list[MappedStage]] = {}
    if mapping in MAPPINGS:
        choosing = _Choosing(network, stages, system, images, chaining, prices)
        every = [stage for stage in stages if isinstance(stage, Stage)]
        taken = {stage.name: mapping for stage in every}
        chains = choosing.named(mapping)
    else:
        refused: dict[str, str] = {}
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
        choosing = _Choosing(network, stages, system, images, chaining, prices)
        taken, chains = choosing.cheapest(mapping)
    named = {name: MAPPINGS[one] for name, one in taken.items()}
    kept = {name: laid[name, one] for name, one in taken.items() if (name, one) in laid}
    return Selection(stages, named, chains, prices, kept)


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
    chained: bool


@dataclass(frozen=True, slots=True)
class _Choosing:
    """The choice among mappings, and among stages apart and chained."""

    network: Network
    stages: Sequence[Stage | HostStage]
    system: System
    images: int
    chaining: str
    prices: Prices

    def named(self, mapping: str) -> Chains:
        """How stages of one mapping are chained: where they must be, or take less time then."""
        if not chain.asked_for(self.chaining, self.system):
            return []
        chained = mapping == chain.MAPPING.name
        if self.chaining == "always" and not chained and self._inside(range(len(self.stages))):
            raise InputError(f"`chain` must be never or auto for {mapping}, not 'always'")
        found = [(places, self._tried(places)) for places in self._runs(lambda *_: chained)]
        if self.chaining == "always":
            return found
        return [(places, one if one.gains else one.apart()) for places, one in found]

    def cheapest(self, way: str) -> tuple[dict[str, str], Chains]:
        """The mapping of every stage, and how they are chained, by one of the ways to choose."""
        runs = self._runs(lambda _, stage: chain.MAPPING.name in dict(self._able(stage)))
        taken, chains = self._least(way, [(places, self._tried(places)) for places in runs])
        kept = [(places, one) for places, one in chains if one.layout is not None]
        held = {place for places, _ in kept for place in places}
        rest = self._runs(
            lambda place, stage: taken[stage.name] == chain.MAPPING.name and place not in held
        )
        rest = [places for places in rest if places not in runs]
        if not rest:
            return taken, chains
        # Runs that lost a stage which fares better under another mapping.
        return self._least(way, [*kept, *((places, self._tried(places)) for places in rest)])

    def _runs(self, folds: Callable[[int, Stage], bool]) -> list[range]:
        """Runs of stages whose results could stay where they are, as ``folds`` says of each."""
        if not chain.asked_for(self.chaining, self.system):
            return []
        folded = [
            isinstance(stage, Stage) and folds(place, stage)
            for place, stage in enumerate(self.stages)
        ]
        return consecutive(self.network, self.stages, folded)

    def _tried(self, places: range) -> chain.Choice:
        """How a run of stages would be chained."""
        stages = self._inside(places)
        apart_ps = sum(
            one.bare_ps
            for stage in stages
            for one in self.prices.get(stage.name, ())
            if one.mapping == chain.MAPPING.name
        ) or chain.apart_ps(stages, self.system, self.images)  # fmt: skip
        return chain.choose(stages, self.system, self.images, apart_ps, self.chaining)

    def _least(self, way: str, runs: Chains) -> tuple[dict[str, str], Chains]:
        """The mapping of every stage, and which of the runs are chained."""
        held = {place for places, _ in runs for place in places}
        alone = [range(place, place + 1) for place in range(len(self.stages)) if place not in held]
        parts = [self._ways(places, None) for places in alone]
        parts += [self._ways(places, one) for places, one in runs]
        picks = frontier.least(way, [[each.offer for each in ways] for ways in parts])
        best = [ways[pick] for ways, pick in zip(parts, picks, strict=True)]
        chains = [
            (places, one if chosen.chained else one.apart())
            for (places, one), chosen in zip(runs, best[len(alone) :], strict=True)
        ]
        return {name: one for chosen in best for name, one in chosen.mappings.items()}, chains

    def _ways(self, places: range, run: chain.Choice | None) -> list[_Way]:
        stages = self._inside(places)
        ways: list[_Way] = []
        if run is None or self.chaining != "always":
            able_to = [self._able(stage) for stage in stages]
            for corner in frontier.corners([[offer for _, offer in each] for each in able_to]):
                picked = zip(stages, able_to, corner.picks, strict=True)
                names = {stage.name: each[pick][0] for stage, each, pick in picked}
                ways.append(_Way(corner.total, names, chained=False))
        if run is not None and run.books is not None:
            names = dict.fromkeys(run.names, chain.MAPPING.name)
            ways.append(_Way(choice.offer(run.books, self.system), names, chained=True))
        return ways

    def _able(self, stage: Stage) -> list[tuple[str, Offer]]:
        return choice.able(self.prices.get(stage.name, ()))

    def _inside(self, places: range) -> list[Stage]:
        some = self.stages[places.start : places.stop]
        return [stage for stage in some if isinstance(stage, Stage)]
