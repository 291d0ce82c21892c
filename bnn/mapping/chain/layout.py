"""Where consecutive dense stages lie when the results of one are the operands of the next.

The banks of a rank form *teams*. A team keeps its images from the first stage to the last, and each
of its banks computes some outputs of every stage. A result row becomes an operand row of the next
stage in every bank of the team: in the subarray in which it was computed, where the operands of
both stages fit side by side (one AAP; the other banks get it by RowClone PSM), else in other
subarrays, by one PSM copy a bank. A team of one bank, which need not share, moves on by one bank
with every such copy: within a bank a copy would be two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import Block, Placement, Turn, cut, tiling
from bnn.mapping.dataflows.output_stationary.planner import OutputPlan, plan
from bnn.system.ledger import Place
from bnn.system.row_moves import further
from bnn.system.system import System
from pimsim.dram.array.address_map import AddressMap
from pimsim.errors import InputError, OutOfRowsError
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.schedule import Schedule


class Spot(NamedTuple):
    """A data row that a lane uses."""

    step: int
    part: int
    """Subarray of the step."""
    lane: int
    row: int


Wave = list[tuple[Spot, Spot]]
"""Copies that need not wait for one another."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One stage of a chain."""

    stage: Stage
    plan: OutputPlan
    first: int
    """Number of its first subarray in every bank."""
    placed: bool
    """Whether the program copies the result to its row among the operands of the next stage, which
    lie in this subarray; False if they lie elsewhere or there is no next stage."""

    def target(self, channel: int) -> tuple[int, int]:
        """Subarray, and data row in it, of an operand."""
        for part, chunk in enumerate(self.plan.chunks):
            if channel < chunk.channels.stop:
                return part, self.plan.first_row + channel - chunk.channels.start
        raise ValueError(f"channel {channel} must be one of {self.stage.windows.channels}")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where a chain lies."""

    steps: list[Step]
    mapped: list[MappedStage]
    """Of each step; the operands that its program writes are there but for the first."""
    team: int
    """Banks of a team."""
    system: System

    @property
    def last(self) -> int:
        """Number of the last step."""
        return len(self.steps) - 1

    def size(self, step: int) -> int:
        """Outputs that a bank computes one after the other."""
        return -(-self.steps[step].stage.outputs // self.team)

    def turns(self, step: int) -> list[Turn]:
        """Tiles that teams compute at a time; lane ``tile * team + n`` is bank n of a team."""
        return self.mapped[step].placement.turns

    def slots(self, step: int, turn: int) -> Iterator[tuple[list[int], NDArray[np.intp]]]:
        """Lanes that compute at a time, and the output of each."""
        placement = self.mapped[step].placement
        some = placement.turns[turn]
        for lanes, outputs in placement.slots(some, some.lanes):
            yield lanes.tolist(), outputs

    def at(self, spot: Spot) -> Place:
        """Where a lane's row is."""
        step = self.steps[spot.step]
        (bank,) = self.mapped[spot.step].banks(spot.part, [spot.lane])
        return Place(bank, step.first + spot.part, spot.row)

    def hand_on(self, step: int, lanes: Sequence[int], outputs: Sequence[int]) -> list[Wave]:
        """The copies that bring results to the next stage, once each lane has computed its output.

        A result that is wanted in a further subarray of its own bank comes back from another bank
        of the team: there and back is how RowClone copies within a bank.
        """
        this, after = self.steps[step], self.steps[step + 1]
        out: Wave = []
        back: Wave = []
        for lane, output in zip(lanes, outputs, strict=True):
            first = lane - lane % self.team
            mates = [first + (lane - first + n) % self.team for n in range(self.team)]
            part, row = after.target(int(output))
            if this.placed:
                source = Spot(step, 0, lane, row)
                out += [(source, Spot(step, 0, mate, row)) for mate in mates[1:]]
                continue
            if this.plan.result is None:
                raise ValueError(f"stage {this.stage.name!r} has no result bits")
            source = Spot(step, 0, lane, this.plan.result)
            wanted = [Spot(step + 1, part, mate, row) for mate in mates]
            home = self.at(source).bank
            apart = [spot for spot in wanted if self.at(spot).bank != home]
            if not apart:
                raise InputError(
                    f"a chain through {after.stage.name!r} must have another bank to copy through"
                )
            out += [(source, spot) for spot in apart]
            back += [(apart[0], spot) for spot in wanted if spot not in apart]
        return [wave for wave in (out, back) if wave]


def _teams(system: System, size: int) -> list[list[int]]:
    """Teams of so many banks, each within a rank."""
    standard = system.standard.banks
    teams = []
    for first in range(0, system.banks, standard):
        banks = range(first, min(first + standard, system.banks))
        teams += [list(banks[i : i + size]) for i in range(0, len(banks) - size + 1, size)]
    return teams


def lay_out(steps: list[Step], system: System, images: int, team: int) -> Layout:
    """Deal the images out to teams of so many banks."""
    tiles, teams = tiling(images, 1, system.columns), _teams(system, team)
    batches = [tiles[some] for some in cut(len(tiles), len(teams))]
    mapped, moved = [], 0
    for step in steps:
        stage, size = step.stage, -(-step.stage.outputs // team)
        shares = [slice(n * size, min((n + 1) * size, stage.outputs)) for n in range(team)]
        turns = [
            Turn(
                [Block(share, tile.positions) for tile in batch for share in shares],
                [[tile.images for tile in batch for _ in shares]],
                tiles[0].columns,
                step.first,
            )
            for batch in batches
        ]
        # A team of one bank moves on to the next with every copy.
        homes = [further(system, bank, moved) for banks in teams for bank in banks]
        mapped.append(
            MappedStage(
                stage,
                system,
                step.plan.program,
                Placement(turns, tiles[0].columns, side_by_side=False),
                step.plan.readback,
                len(step.plan.chunks),
                system.subarray_rows,
                len(step.plan.chunks),
                homes=homes,
            )
        )
        moved += not step.placed and team == 1
    return Layout(steps, mapped, team, system)


def steps(stages: Sequence[Stage], system: System) -> list[Step]:
    """Plan all stages, as many as possible side by side in one subarray.

    Raises OutOfRowsError for a stage that does not fit, and InputError if the banks have too few
    subarrays.
    """
    shares: list[list[OutputPlan]] = []
    start = 0
    while start < len(stages):
        shares.append(_side_by_side(stages[start:], system))
        start += len(shares[-1])
    # Shares take turns in two sets of subarrays: one is read while the other is written.
    sets = [max((len(share[0].chunks) for share in shares[n::2]), default=0) for n in (0, 1)]
    needed = sum(sets)
    if needed > system.standard.subarrays_per_bank:
        raise InputError(
            f"a chain from {stages[0].name!r} to {stages[-1].name!r} must fit the "
            f"{system.standard.subarrays_per_bank} subarrays of a bank, not need {needed}"
        )
    found: list[Step] = []
    for number, share in enumerate(shares):
        for planned in share:
            first, placed = number % 2 * sets[0], planned is not share[-1]
            found.append(Step(stages[len(found)], planned, first, placed))
    for step, after in pairwise(found):
        if step.placed:
            _place(step, after, system.address_map)
    return found


def _place(step: Step, after: Step, address_map: AddressMap) -> None:
    """Let the program of a step copy its result among the operands of the next."""
    if step.plan.result is None:
        raise ValueError(f"stage {step.stage.name!r} has no result bits")
    base = address_map.first_data
    rows = np.array([after.target(output)[1] for output in range(step.stage.outputs)])
    place = Schedule(step.stage.outputs, address_map)
    place.append((COPY,), None, a=base + step.plan.result, out=base + rows)
    step.plan.program.run(place)


def _side_by_side(stages: Sequence[Stage], system: System) -> list[OutputPlan]:
    """Plans of as many of the first stages as can share a subarray; of one at least.

    Their operands take turns in two regions: those of a stage must not lie where those of the next
    arrive meanwhile.
    """
    last = len(stages) - 1

    @cache
    def planned(number: int, first_row: int, held: range) -> OutputPlan:
        """Of a stage there; most are there, too, when one stage more shares the subarray."""
        return plan(stages[number], system, first_row=first_row, held=held, stays=number < last)

    best = [plan(stages[0], system, stays=last > 0)]
    needs = [stage.windows.channels * stage.planes for stage in stages]
    for count in range(2, len(stages) + 1):
        low = max(needs[:count:2])
        regions = [range(n % 2 * low, n % 2 * low + rows) for n, rows in enumerate(needs[:count])]
        try:
            best = [
                planned(number, own.start, coming)
                for number, (own, coming) in enumerate(pairwise([*regions, range(0)]))
            ]
        except OutOfRowsError:
            break
    return best
