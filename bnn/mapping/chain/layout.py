"""Where consecutive stages lie when the results of one are the operands of the next.

A column computes the same position of the same image in all of them: each but the first is dense,
or a convolution of one tap.

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
from bnn.mapping.chain.laid import Bit, Draft, Laid, Planner
from bnn.system.row_moves import further
from bnn.system.system import System
from bnn.system.targets import Place
from pimsim.errors import InputError, OutOfRowsError


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

    laid: Laid
    first: int
    """Number of its first subarray in every bank."""
    placed: bool
    """Whether its bits stand among operands of the next stage, in this subarray; False if these lie
    elsewhere or there is no next stage."""

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.laid.stage

    def target(self, channel: int) -> tuple[int, int]:
        """Subarray, and data row in it, of an operand."""
        for part, chunk in enumerate(self.laid.chunks):
            if channel < chunk.channels.stop:
                return part, self.laid.first_row + channel - chunk.channels.start
        raise ValueError(f"channel {channel} must be one of {self.stage.windows.channels}")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where a chain lies."""

    steps: list[Step]
    mapped: list[MappedStage]
    """The mapped stage of each step; all but the first get their operands from the program."""
    team: int
    """Banks of a team."""
    system: System

    @property
    def last(self) -> int:
        """Number of the last step."""
        return len(self.steps) - 1

    def size(self, step: int) -> int:
        """Units that a bank computes one after the other."""
        return -(-len(self.steps[step].laid.units) // self.team)

    def turns(self, step: int) -> list[Turn]:
        """Tiles that teams compute at a time; lane ``tile * team + n`` is bank n of a team."""
        return self.mapped[step].placement.turns

    def slots(self, step: int, turn: int) -> Iterator[tuple[list[int], NDArray[np.intp]]]:
        """Lanes that compute at a time, and the unit of each."""
        placement = self.mapped[step].placement
        some = placement.turns[turn]
        for lanes, units in placement.slots(some, some.lanes):
            yield lanes.tolist(), units

    def at(self, spot: Spot) -> Place:
        """Where a lane's row is."""
        step = self.steps[spot.step]
        (bank,) = self.mapped[spot.step].banks(spot.part, [spot.lane])
        return Place(bank, step.first + spot.part, spot.row)

    def hand_on(self, step: int, lanes: Sequence[int], units: Sequence[int]) -> list[list[Wave]]:
        """The copies that bring bits to the next stage, once each lane has computed its unit.

        They are those of a bit of each lane, and then of the next. A bit that is wanted in a
        further subarray of its own bank comes back from another bank of the team: there and back
        is how RowClone copies within a bank.
        """
        every = [self.steps[step].laid.units[unit] for unit in units]
        waves: list[list[Wave]] = []
        for number in range(max(map(len, every), default=0)):
            some = [
                (lane, bits[number])
                for lane, bits in zip(lanes, every, strict=True)
                if number < len(bits)
            ]
            waves.append(self._hand_on(step, some))
        return waves

    def _hand_on(self, step: int, bits: Sequence[tuple[int, Bit]]) -> list[Wave]:
        """The copies of a bit of each lane."""
        this, after = self.steps[step], self.steps[step + 1]
        out: Wave = []
        back: Wave = []
        for lane, bit in bits:
            first = lane - lane % self.team
            mates = [first + (lane - first + n) % self.team for n in range(self.team)]
            part, row = after.target(bit.output)
            source = Spot(step, 0, lane, bit.row)
            if this.placed:
                out += [(source, Spot(step, 0, mate, row)) for mate in mates[1:]]
                continue
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
    """Deal the images, or positions of an image, out to teams of so many banks."""
    positions = steps[0].stage.windows.positions
    tiles, teams = tiling(images, positions, system.columns), _teams(system, team)
    batches = [tiles[some] for some in cut(len(tiles), len(teams))]
    mapped, moved = [], 0
    for step in steps:
        units = len(step.laid.units)
        size = -(-units // team)
        shares = [slice(min(n * size, units), min((n + 1) * size, units)) for n in range(team)]
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
        placement = Placement(turns, tiles[0].shape[0], side_by_side=False)
        mapped.append(step.laid.place(placement, homes))
        moved += not step.placed and team == 1
    return Layout(steps, mapped, team, system)


def steps(stages: Sequence[Stage], system: System, planner: Planner) -> list[Step]:
    """Plan all stages, as many as possible side by side in one subarray.

    Raises OutOfRowsError for a stage that does not fit, and InputError if the banks have too few
    subarrays.
    """
    shares: list[list[Draft]] = []
    start = 0
    while start < len(stages):
        shares.append(_side_by_side(stages, start, planner))
        start += len(shares[-1])
    # Shares take turns in two sets of subarrays: one is read while the other is written.
    sets = [max((share[0].parts for share in shares[n::2]), default=0) for n in (0, 1)]
    needed = sum(sets)
    if needed > system.standard.subarrays_per_bank:
        raise InputError(
            f"a chain from {stages[0].name!r} to {stages[-1].name!r} must fit the "
            f"{system.standard.subarrays_per_bank} subarrays of a bank, not need {needed}"
        )
    return [
        Step(draft.laid(), number % 2 * sets[0], draft is not share[-1])
        for number, share in enumerate(shares)
        for draft in share
    ]


def _side_by_side(stages: Sequence[Stage], start: int, planner: Planner) -> list[Draft]:
    """Plans of as many stages from one on as can share a subarray; of one at least.

    Their operands take turns in two regions: those of a stage must not lie where those of the next
    arrive meanwhile.
    """
    planned = cache(planner.beside)
    best = [planner.alone(start)]
    needs = [
        stage.windows.patch * stage.windows.channels * stage.planes for stage in stages[start:]
    ]
    for count in range(2, len(needs) + 1):
        low = max(needs[:count:2])
        regions = [range(n % 2 * low, n % 2 * low + rows) for n, rows in enumerate(needs[:count])]
        try:
            best = [
                planned(number, own, coming)
                for number, (own, coming) in enumerate(pairwise([*regions, range(0)]), start)
            ]
        except OutOfRowsError:
            break
    return best
