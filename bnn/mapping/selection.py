"""What every stage of a network is given: its mapping, and a place in a chain or none.

A mapping that is asked for by name is every stage's, and stages are chained where that takes less
time. Where mappings are chosen, a chain is one more offer to the stages that it would hold, taken
if the whole network does better with it, and a layer that no mapping has room for is the host's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from bnn.lowering.lower import lower
from bnn.lowering.stage import HostStage, Stage
from bnn.mapping import MAPPINGS, choice, frontier
from bnn.mapping.backends.prepare import Draft, booked
from bnn.mapping.chain import choice as chain
from bnn.mapping.choice import Candidate, able
from bnn.mapping.dataflows import output_stationary
from bnn.mapping.frontier import Offer
from bnn.mapping.mapped_stage import Mapping as Dataflow
from bnn.model.network import Network
from bnn.system.system import System
from bnn.values.encoding import Encoding

Chains = list[tuple[range, chain.Choice]]
"""Places of stages that can be chained, and what was chosen for them."""

Prices = Mapping[str, tuple[Candidate, ...]]
"""What every mapping would take, by stage."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen for a network."""

    taken: dict[str, Dataflow]
    """The mapping of every stage in DRAM."""
    chains: Chains = field(default_factory=list)
    prices: Prices = field(default_factory=dict)
    """Nothing where the mapping was not chosen."""

    def of(self, stage: Stage) -> tuple[Candidate, ...]:
        """What every mapping would take for a stage; nothing where none was chosen."""
        return self.prices.get(stage.name, ())


def lay_out(
    mapping: str, network: Network, encoding: Encoding | None, system: System, images: int
) -> tuple[tuple[Stage | HostStage, ...], Prices]:
    """Split a network into stages that there is room for, and price those in DRAM.

    Args:
        mapping: a mapping, or a way to choose, of :func:`bnn.mapping.choice.names`. A mapping that
            is asked for by name is given all that it may take, and nothing is priced.
        network: the layers.
        encoding: how its inputs are integers.
        system: whose banks compute.
        images: how many.

    Raises InputError for another name, and what all mappings refuse for another reason than room.
    """
    choice.check(mapping)
    stages = lower(network, encoding, system.data_rows)
    if mapping in MAPPINGS:
        return stages, {}
    prices = {
        stage.name: choice.priced(partial(_lay_out, stage, system, images), system)
        for stage in stages
        if isinstance(stage, Stage)
    }
    refused: dict[str, str] = {}
    for stage in stages:
        why = choice.why_none(prices[stage.name]) if isinstance(stage, Stage) else ""
        if isinstance(stage, Stage) and why:
            refused.setdefault(stage.layer.name, why)
    if refused:
        stages = lower(network, encoding, system.data_rows, refused)
    return stages, prices


def select(
    mapping: str,
    network: Network,
    stages: Sequence[Stage | HostStage],
    prices: Prices,
    system: System,
    images: int,
    chaining: str,
) -> Selection:
    """Choose for every stage of a network.

    Args:
        mapping: a mapping, or a way to choose, of :func:`bnn.mapping.choice.names`.
        network: whose stages they are.
        stages: all of them, in order.
        prices: those of :func:`lay_out`.
        system: whose banks compute.
        images: how many.
        chaining: whether dense stages are chained, of :data:`bnn.mapping.chain.choice.CHAINING`.

    Raises InputError for stages that must be chained and cannot be.
    """
    inside = [stage for stage in stages if isinstance(stage, Stage)]
    if mapping in MAPPINGS:
        names = [mapping if isinstance(stage, Stage) else None for stage in stages]
        chains = chain.chosen(names, network, stages, system, images, chaining)
        return Selection({stage.name: MAPPINGS[mapping] for stage in inside}, chains)
    chained = chain.asked_for(chaining, system)
    choosing = _Choosing(mapping, stages, system, images, chaining, prices)
    folded = [choosing.folds(stage) for stage in stages]
    runs = chain.find(network, stages, folded) if chained else []
    taken, chains = choosing.least(choosing.tried(runs))
    held = {place for places, one in chains if one.layout is not None for place in places}
    folded = [
        taken.get(stage.name) == output_stationary.name and place not in held
        for place, stage in enumerate(stages)
    ]
    rest = chain.find(network, stages, folded) if chained else []
    rest = [run for run in rest if run not in runs]
    if rest:  # runs that lost a stage which fares better under another mapping
        kept = [each for each in chains if each[1].layout is not None]
        taken, chains = choosing.least([*kept, *choosing.tried(rest)])
    return Selection({name: MAPPINGS[one] for name, one in taken.items()}, chains, prices)


def _lay_out(stage: Stage, system: System, images: int, mapping: str) -> Draft:
    return partial(booked, MAPPINGS[mapping].map_stage(stage, system, images))


class _Way(NamedTuple):
    """One way to carry stages out."""

    offer: Offer
    mappings: dict[str, str]
    chained: bool


class _Choosing:
    """The choice among mappings, and among stages apart and chained."""

    def __init__(
        self,
        way: str,
        stages: Sequence[Stage | HostStage],
        system: System,
        images: int,
        chaining: str,
        prices: Prices,
    ) -> None:
        self._way, self._stages = way, stages
        self._system, self._images, self._chaining = system, images, chaining
        self._prices = prices
        self._able = {name: able(found) for name, found in prices.items()}

    def folds(self, stage: Stage | HostStage) -> bool:
        """Whether a stage can be carried out so that its results stay where they are."""
        return output_stationary.name in dict(self._able.get(stage.name, ()))

    def tried(self, runs: Sequence[range]) -> Chains:
        """Runs of stages, and how each would be chained."""
        found: Chains = []
        for places in runs:
            stages = self._inside(places)
            apart_ps = sum(
                one.bare_ps
                for stage in stages
                for one in self._prices[stage.name]
                if one.mapping == output_stationary.name
            )
            one = chain.offered(stages, self._system, self._images, apart_ps, self._chaining)
            found.append((places, one))
        return found

    def least(self, runs: Chains) -> tuple[dict[str, str], Chains]:
        """The mapping of every stage, and which of the runs are chained."""
        held = {place for places, _ in runs for place in places}
        alone = [range(place, place + 1) for place in range(len(self._stages)) if place not in held]
        parts = [self._ways(places, None) for places in alone]
        parts += [self._ways(places, one) for places, one in runs]
        picks = frontier.least(self._way, [[each.offer for each in ways] for ways in parts])
        best = [ways[pick] for ways, pick in zip(parts, picks, strict=True)]
        chains = [
            (places, one if way.chained else replace(one, layout=None))
            for (places, one), way in zip(runs, best[len(alone) :], strict=True)
        ]
        return {name: one for way in best for name, one in way.mappings.items()}, chains

    def _ways(self, places: range, run: chain.Choice | None) -> list[_Way]:
        stages = self._inside(places)
        ways: list[_Way] = []
        if run is None or self._chaining != "always":
            able_to = [self._able[stage.name] for stage in stages]
            for corner in frontier.corners([[offer for _, offer in each] for each in able_to]):
                picked = zip(stages, able_to, corner.picks, strict=True)
                names = {stage.name: each[pick][0] for stage, each, pick in picked}
                ways.append(_Way(corner.total, names, chained=False))
        if run is not None and run.books is not None:
            names = {stage.name: output_stationary.name for stage in stages}
            ways.append(_Way(choice.offer(run.books, self._system), names, chained=True))
        return ways

    def _inside(self, places: range) -> list[Stage]:
        some = self._stages[places.start : places.stop]
        return [stage for stage in some if isinstance(stage, Stage)]
