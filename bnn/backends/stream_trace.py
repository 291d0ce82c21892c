"""Recording lanes that each have a command stream of their own: every command in its order.

Booking takes all commands of a kind together (:func:`bnn.backends.account.book_streams`), because
time hardly depends on their order. A trace must have each command at its place. So lanes take
steps, each as its stream says: one command, or one row that is read or written. Lanes that take the
same kind of step do so in lock-step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import Turn
from bnn.system.system import System
from bnn.system.targets import programs
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle, Run, Segment, issue_order, row_cycle
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.tape import AdderTape

if TYPE_CHECKING:
    from pimsim.dram.traces.recorder import Recorder

_AAP: RowCycle = ((Kind.AAP, 1),)
_AP: RowCycle = ((Kind.AP, 1),)


_Named: TypeAlias = tuple[int, int, int, int]
"""What a command names in a bank or pair: the fields of
:class:`pimsim.dram.traces.recorder.Targets`."""


class _Deed(NamedTuple):
    """A step of a lane: a row cycle of its bank, or of a bank and the one it copies to."""

    cycle: RowCycle
    banks: tuple[int, ...]
    targets: Sequence[Sequence[_Named]]
    """For each command, what it names in each bank or pair of banks."""


def record(
    mapped: MappedStage,
    turn: Turn,
    lanes: Sequence[int],
    groups: Sequence[int],
    recorder: Recorder,
) -> None:
    """Record what lanes do for a group of outputs each.

    Args:
        mapped: the stage, which has streams.
        turn: what the lanes hold.
        lanes: those that take part.
        groups: number of the stream of each.
        recorder: what is told every command.

    """
    from pimsim.dram.traces.recorder import Targets

    streams = mapped.streams
    if streams is None:
        raise ValueError(f"stage {mapped.stage.name!r} must have streams")
    standard, bursts = mapped.system.standard, mapped.system.bursts(mapped.placement.span(turn))
    left = sum(_commands(streams[group], bursts, mapped.system) for group in groups)
    every = [
        _Lane(mapped, turn, lane, bursts).deeds(streams[group])
        for lane, group in zip(lanes, groups, strict=True)
    ]
    for step in _steps(every):
        if recorder.full:
            break
        for together in _alike(step):
            first = {deed.banks[0]: deed for deed in together}
            some = [first[bank] for bank in issue_order(standard, first)]
            to = tuple(deed.banks[1] for deed in some if len(deed.banks) > 1)
            runs = (Run(some[0].cycle, 1),)
            segment = Segment(runs, tuple(deed.banks[0] for deed in some), to)
            each = zip(*(deed.targets for deed in some), strict=True)
            named = [name for command in each for names in command for name in names]
            recorder.record(segment, iter([Targets.of(*np.array(named).T)]))
            left -= segment.commands
    if left:
        recorder.skip(left)


def _steps(lanes: Sequence[Iterator[_Deed]]) -> Iterator[list[_Deed]]:
    """Yield what lanes do together: each its next step, unless another lane uses its bank.

    The parts of a lane may lie in several banks, and a bank may hold parts of several lanes. The
    lane that has done least comes first.
    """
    following = {number: next(deeds, None) for number, deeds in enumerate(lanes)}
    done = [0] * len(lanes)
    while left := {number: deed for number, deed in following.items() if deed is not None}:
        busy, step = set[int](), list[_Deed]()
        for number in sorted(left, key=done.__getitem__):
            deed = left[number]
            if busy.isdisjoint(deed.banks):
                busy.update(deed.banks)
                step.append(deed)
                done[number] += 1
                following[number] = next(lanes[number], None)
        yield step


def _alike(step: Iterable[_Deed]) -> list[list[_Deed]]:
    """Join the steps that are of the same kind, and so go in lock-step."""
    found: dict[RowCycle, list[_Deed]] = {}
    for deed in step:
        found.setdefault(deed.cycle, []).append(deed)
    return list(found.values())


class _Lane:
    """A lane of a turn: banks of its parts, and rows of them."""

    def __init__(self, mapped: MappedStage, turn: Turn, lane: int, bursts: int) -> None:
        system = mapped.system
        self._system, self._bursts, size = system, bursts, system.subarray_rows
        self._banks = [mapped.banks(part, [lane])[0] for part in range(mapped.parts)]
        self._first = [(turn.first + part) * size for part in range(mapped.parts)]
        # places of streams begin with the constants
        self._constant = system.address_map.first_constant

    def deeds(self, stream: Stream) -> Iterator[_Deed]:
        """Yield what is done for a stream, in order."""
        for deed in stream.deeds(looking=False):
            if deed.words is not None:
                yield from self._run(AdderTape(deed.words, stream.address_map), deed.part)
            elif deed.looked:
                continue
            elif deed.to_place < 0:
                yield self._access(Kind.RD, deed.part, deed.place)
            elif self._system.moves == "host":
                yield self._access(Kind.RD, deed.part, deed.place)
                yield self._access(Kind.WR, deed.to_part, deed.to_place)
            else:
                source = self._row(deed.part, deed.place)
                target = self._row(deed.to_part, deed.to_place)
                banks = self._banks[deed.part], self._banks[deed.to_part]
                ends = [(source, -1, -1, 0), (target, -1, -1, 0)]
                inside = [[(source, target, column, 0)] for column in range(self._bursts)]
                cycle = row_cycle(Kind.TRANSFER, self._bursts)
                yield _Deed(cycle, banks, [ends, *inside, ends])

    def _run(self, tape: AdderTape, part: int) -> Iterator[_Deed]:
        banks = (self._banks[part],)
        for targets in programs(tape, self._first[part], [0], self._system):
            for named in zip(*(column.tolist() for column in targets.columns()), strict=True):
                yield _Deed(_AP if named[1] < 0 else _AAP, banks, [[named]])

    def _access(self, kind: Kind, part: int, place: int) -> _Deed:
        row = self._row(part, place)
        ends = [(row, -1, -1, 0)]
        targets = [ends, *([(row, -1, column, 0)] for column in range(self._bursts)), ends]
        return _Deed(row_cycle(kind, self._bursts), (self._banks[part],), targets)

    def _row(self, part: int, place: int) -> int:
        """Row of the bank."""
        return self._first[part] + self._constant + place


def _commands(stream: Stream, bursts: int, system: System) -> int:
    """How many commands a stream takes, all parts together."""
    tally = stream.tally
    row = bursts + 2
    move = 2 * row if system.moves == "host" else bursts + 4
    executed = sum(run.commands for part in tally.parts for run in part.runs)
    return executed + move * sum(tally.moved.values()) + row * tally.reads
