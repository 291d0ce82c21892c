"""Chains of stages: the result bits of one are the operands of the next, and stay in DRAM.

Only the operands of a chain's first stage are written, and only the results of its last stage are
read. In between nothing crosses the channel, not even partial counts. Banks form teams (see
:mod:`bnn.mapping.chain.layout`): a team of one bank computes all outputs for its images; a larger
team divides the outputs and passes results around. Every size is priced, and the cheapest is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bnn.backends.prepare import booked
from bnn.lowering.stage import Stage
from bnn.mapping.chain.counted import Counted
from bnn.mapping.chain.execute import book, book_inputs, book_slot
from bnn.mapping.chain.laid import MakePlanner
from bnn.mapping.chain.layout import Layout, Step, lay_out, steps
from bnn.mapping.chain.trees import Trees
from bnn.mapping.dataflows import output_stationary, output_tree
from bnn.system.ledger import CommandLedger, ledger_alone
from bnn.system.system import System
from pimsim.errors import InputError, OutOfRowsError

MAPPINGS = {output_stationary.name: output_stationary, output_tree.name: output_tree}
"""The mappings whose stages can be chained."""

_PLANNERS: dict[str, MakePlanner] = {output_stationary.name: Counted, output_tree.name: Trees}

COUNTED = (output_stationary.name,)
"""Mappings that :func:`bnn.mapping.chain.bound.at_least` can bound."""

VERSION = 2
"""Version of chaining: goes up when numbers of a network change. 1: only dense layers."""

CHAINING = ("never", "auto", "always")
"""Whether to chain stages where that is possible: never, if it takes less time, or always."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was found of stages that can be chained."""

    names: tuple[str, ...]
    mapping: str
    """Their mapping."""
    layout: Layout | None
    """None if they are not chained."""
    chained_ps: int | None
    """Time that the chain takes, refresh aside; None if it cannot be made."""
    apart_ps: int
    """Time that its stages take if the host writes their operands."""
    refused: str = ""
    """Why it cannot be made."""
    books: CommandLedger | None = None
    """Commands of the chain alone, without refresh; None if it cannot be made."""

    @property
    def gains(self) -> bool:
        """Whether it takes less time than its stages apart."""
        return self.chained_ps is None or self.chained_ps < self.apart_ps

    def apart(self) -> Choice:
        """The same, not chained."""
        return replace(self, layout=None)

    @property
    def found(self) -> dict[str, Any]:
        """The values from which :func:`chosen` makes the choice again."""
        team = None if self.layout is None else self.layout.team
        chained = {"team": team, "chained_ps": self.chained_ps, "apart_ps": self.apart_ps}
        return {"mapping": self.mapping, **chained, "refused": self.refused}

    @property
    def text(self) -> str:
        """The choice in a line."""
        stages = f"{self.names[0]} to {self.names[-1]}"
        if self.layout is None:
            return f"{stages} not chained: {self.refused or 'it would gain nothing'}"
        team = self.layout.team
        shared = "images over banks" if team == 1 else f"outputs over {team} banks"
        return f"{stages} chained: {shared}"

    def operands(self, name: str) -> str | None:
        """Where a stage of a chain has its operands from; None if the host writes them."""
        step = self.names.index(name) if self.layout is not None and name in self.names else 0
        if self.layout is None or step == 0:
            return None
        placed = self.layout.steps[step - 1].placed
        return f"the layer before, {'in the same subarray' if placed else 'from bank to bank'}"


def asked_for(chaining: str, system: System) -> bool:
    """Whether any stages are to be chained.

    Raises InputError for an unknown ``chaining``, and where stages must be chained beside what is
    done about faults.
    """
    if chaining not in CHAINING:
        raise InputError(f"`chain` must be one of {', '.join(CHAINING)}, not {chaining!r}")
    refused = system.mitigation.lays_out
    if chaining == "always" and refused is not None:
        raise InputError(f"`chain` must be never or auto with {refused}, not 'always'")
    return chaining != "never" and refused is None


def choose(
    mapping: str, stages: Sequence[Stage], system: System, images: int, apart_ps: int, chaining: str
) -> Choice:
    """Choose how to chain stages that can be, whether or not that takes less than they do apart.

    Args:
        mapping: of all of them, one of :data:`MAPPINGS`.
        stages: each fed with the results of the one before.
        system: whose banks compute.
        images: how many.
        apart_ps: time that they take apart, see :func:`apart_ps`.
        chaining: whether they must be.

    Raises InputError if they must be chained and cannot be.
    """
    names = tuple(stage.name for stage in stages)
    scratch = ledger_alone(system, "psm")
    try:
        planner = _PLANNERS[mapping](stages, scratch.system, images)
        best = _best(steps(stages, scratch.system, planner), scratch, images)
    except (InputError, OutOfRowsError) as error:
        if chaining == "always":
            raise
        return Choice(names, mapping, None, None, apart_ps, str(error))
    books = CommandLedger(best.system)
    book(best, [books] * len(best.steps))
    return Choice(names, mapping, best, _spent_ps(books), apart_ps, books=books)


def chosen(
    mapping: str, stages: Sequence[Stage], system: System, images: int, found: Mapping[str, Any]
) -> Choice:
    """Make again what :func:`choose` once found, from :attr:`Choice.found`; nothing is priced."""
    names, layout, team = tuple(stage.name for stage in stages), None, found["team"]
    if team is not None:
        alone = ledger_alone(system, "psm").system
        planned = steps(stages, alone, _PLANNERS[mapping](stages, alone, images))
        layout = lay_out(planned, alone, images, team)
    return Choice(names, mapping, layout, found["chained_ps"], found["apart_ps"], found["refused"])


def apart_ps(mapping: str, stages: Sequence[Stage], system: System, images: int) -> int:
    """Time that stages take apart, refresh aside."""
    scratch = ledger_alone(system)
    for stage in stages:
        booked(MAPPINGS[mapping].map_stage(stage, scratch.system, images), scratch)
    return _spent_ps(scratch)


def _best(planned: list[Step], scratch: CommandLedger, images: int) -> Layout:
    """The layout that takes the least time; InputError if there is none."""
    priced: list[tuple[int, int, Layout]] = []
    refused: InputError | None = None
    system = scratch.system
    for team in range(1, min(system.standard.banks, system.banks) + 1):
        layout = lay_out(planned, system, images, team)
        try:
            priced.append((_latency_ps(layout, scratch), team, layout))
        except InputError as error:
            refused = error
    if refused is not None and not priced:
        raise refused
    return min(priced, key=lambda each: each[:2])[2]


def _latency_ps(layout: Layout, scratch: CommandLedger) -> int:
    """About the time that a chain takes, every slot being as long as the first of its step."""
    latency_ps = 0
    lanes_of = [turn.lanes for turn in layout.turns(0)]
    for lanes_used, turn in {lanes: turn for turn, lanes in enumerate(lanes_of)}.items():
        spent_ps = _spent_ps(scratch)
        book_inputs(layout, turn, scratch)
        scratch.enter("compute")
        batch_ps = _spent_ps(scratch) - spent_ps
        for step in range(len(layout.steps)):
            spent_ps = _spent_ps(scratch)
            lanes, units = next(layout.slots(step, turn))
            book_slot(layout, step, lanes, scratch, units)
            batch_ps += layout.size(step) * (_spent_ps(scratch) - spent_ps)
        latency_ps += lanes_of.count(lanes_used) * batch_ps
    return latency_ps


def _spent_ps(scratch: CommandLedger) -> int:
    return sum(scratch.cost(phase).latency_ps for phase in ("inputs", "compute"))
