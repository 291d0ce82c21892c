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
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import HostStage, Stage
from bnn.mapping.moving import further, part_banks
from bnn.mapping.output_plan import plan
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.tiles import Tile, tiling
from bnn.model.network import Network
from bnn.system.ledger import CommandLedger, Place
from pimsim.dram.array.address_map import ambit
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
    place: Schedule | None
    """Copies the result to its row among the operands of the next stage, in this subarray; None if
    those lie elsewhere or there is no next stage."""

    @property
    def parts(self) -> int:
        """Subarrays that share the fan-in."""
        return len(self.plan.chunks)

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
    team: int
    """Banks of a team."""
    batches: list[list[Tile]]
    """Tiles that teams compute at a time; lane ``tile * team + n`` is bank n of a team."""
    columns: int
    """Columns of a tile; the last may have fewer."""
    machine: CommandLedger
    """Whose banks, not whose books."""

    @property
    def last(self) -> int:
        """Number of the last step."""
        return len(self.steps) - 1

    def size(self, step: int) -> int:
        """Outputs that a bank computes one after the other."""
        return -(-self.steps[step].stage.outputs // self.team)

    def slots(
        self, step: int, tiles: Sequence[Tile]
    ) -> Iterator[tuple[list[int], NDArray[np.intp]]]:
        """Lanes that compute at a time, and the output of each."""
        size = self.size(step)
        members = np.arange(len(tiles) * self.team)
        for slot in range(size):
            outputs = members % self.team * size + slot
            lanes = np.flatnonzero(outputs < self.steps[step].stage.outputs)
            yield lanes.tolist(), outputs[lanes]

    def homes(self, step: int, lanes: Sequence[int]) -> list[int]:
        """Bank in which each lane adds its counts up."""
        moved = sum(each.place is None for each in self.steps[:step]) if self.team == 1 else 0
        teams = _teams(self.machine, self.team)
        return [
            further(self.machine, teams[lane // self.team][lane % self.team], moved)
            for lane in lanes
        ]

    def at(self, spot: Spot) -> Place:
        """Where a lane's row is."""
        step = self.steps[spot.step]
        (bank,) = part_banks(self.machine, spot.part, self.homes(spot.step, [spot.lane]))
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
            if this.place is not None:
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


def _teams(machine: CommandLedger, size: int) -> list[list[int]]:
    """Teams of so many banks, each within a rank."""
    standard = machine.standard.banks
    teams = []
    for first in range(0, machine.banks, standard):
        banks = range(first, min(first + standard, machine.banks))
        teams += [list(banks[i : i + size]) for i in range(0, len(banks) - size + 1, size)]
    return teams


def lay_out(steps: list[Step], machine: CommandLedger, images: int, team: int) -> Layout:
    """Deal the images out to teams of so many banks."""
    tiles = tiling(images, 1, machine.columns)
    at_once = len(_teams(machine, team))
    batches = [tiles[i : i + at_once] for i in range(0, len(tiles), at_once)]
    return Layout(steps, team, batches, tiles[0].columns, machine)


def follows(network: Network, one: Stage | HostStage, other: Stage | HostStage) -> bool:
    """Whether the result bits of ``one`` are the operands of ``other`` alone, row for row."""
    if isinstance(one, HostStage) or isinstance(other, HostStage):
        return False
    plain = all(
        stage.windows.positions == stage.windows.offsets == stage.windows.patch == stage.groups == 1
        for stage in (one, other)
    )
    given = one.end - 1
    readers = [place for place, sources in enumerate(network.inputs) if given in sources]
    return (
        plain
        and one.thresholds is not None
        and readers == [other.index]
        and tuple(network.inputs[other.index]) == (given,)
        and other.planes == 1
        and not other.encoded
        and other.scale == one.gives.step
        and other.windows.channels == one.outputs
    )


def steps(stages: Sequence[Stage], machine: CommandLedger) -> list[Step]:
    """Plan all stages, as many as possible side by side in one subarray.

    Raises OutOfRowsError for a stage that does not fit, and InputError if the banks have too few
    subarrays.
    """
    shares: list[list[OutputPlan]] = []
    start = 0
    while start < len(stages):
        shares.append(_side_by_side(stages[start:], machine.data_rows))
        start += len(shares[-1])
    # Shares take turns in two sets of subarrays: one is read while the other is written.
    sets = [max((len(share[0].chunks) for share in shares[n::2]), default=0) for n in (0, 1)]
    needed = sum(sets)
    if needed > machine.standard.subarrays_per_bank:
        raise InputError(
            f"a chain from {stages[0].name!r} to {stages[-1].name!r} must fit the "
            f"{machine.standard.subarrays_per_bank} subarrays of a bank, not need {needed}"
        )
    found: list[Step] = []
    for number, share in enumerate(shares):
        for planned in share:
            found.append(Step(stages[len(found)], planned, number % 2 * sets[0], None))
    return _placed(found, [len(share) for share in shares])


def _placed(found: list[Step], lengths: list[int]) -> list[Step]:
    """Give a way into the next stage's rows to all steps but the last of each share."""
    ends = set(np.cumsum(lengths) - 1)
    base = ambit().first_data
    placed = []
    for number, step in enumerate(found):
        place = None
        if number not in ends and step.plan.result is not None:
            rows = np.array(
                [found[number + 1].target(output)[1] for output in range(step.stage.outputs)]
            )
            place = Schedule(step.stage.outputs)
            place.append((COPY,), None, a=base + step.plan.result, out=base + rows)
        placed.append(replace(step, place=place))
    return placed


def _side_by_side(stages: Sequence[Stage], data_rows: int) -> list[OutputPlan]:
    """Plans of as many of the first stages as can share a subarray; of one at least.

    Their operands take turns in two regions: those of a stage must not lie where those of the next
    arrive meanwhile.
    """
    best = [plan(stages[0], data_rows)]
    for count in range(2, len(stages) + 1):
        needs = [stage.windows.channels * stage.planes for stage in stages[:count]]
        low = max(needs[::2])
        regions = [range(n % 2 * low, n % 2 * low + rows) for n, rows in enumerate(needs)] + [
            range(0)
        ]
        try:
            best = [
                plan(stage, data_rows, first_row=own.start, held=coming)
                for stage, own, coming in zip(stages, regions, regions[1:], strict=False)
            ]
        except OutOfRowsError:
            break
    return best
