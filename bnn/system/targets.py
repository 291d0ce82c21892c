"""What commands name, for traces: rows of the bank, bursts, wordlines.

>>> from pimsim.dram.options import ModelOptions
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.microprogram.logic import COPY
>>> copy = Schedule(outputs=1)
>>> copy.append((COPY,), a=18, out=19)
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
>>> [(some.row.tolist(), some.row2.tolist()) for some in programs(copy, 1024, [0, 0], system)]
[([1042, 1042], [1043, 1043])]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bnn.system.system import System
from pimsim.dram.array.many_rows import extra_driven, extra_sensed
from pimsim.dram.timeline.command_stream import Segment
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

if TYPE_CHECKING:
    from pimsim.dram.traces.recorder import Targets

_TOGETHER = 1 << 16
"""Commands whose rows are told a recorder at a time, about."""


class Place(NamedTuple):
    """A data row of a bank."""

    bank: int
    number: int
    """Subarray of the bank."""
    row: int
    """Data row of the subarray."""


def programs(
    schedule: Schedule | AdderTape, first: int, outputs: Sequence[int], system: System
) -> Iterator[Targets]:
    """What every command names in each bank: ``first`` is row 0 of the subarray."""
    from pimsim.dram.traces.recorder import Targets

    activation_rows = system.mitigation.activation_rows
    lines = [len(lines) for _, lines in system.address_map.addresses]
    # What no address has beyond the first wordline is that of a data row, and of no row at all.
    sensed = np.array([*(extra_sensed(each, activation_rows) for each in lines), 0])
    driven = np.array([*(extra_driven(each, activation_rows) for each in lines), 0])
    for table in schedule.tables(outputs):
        source, destination = table[..., 0], table[..., 1]
        none = destination < 0
        beyond = sensed[np.minimum(source, len(lines))]
        beyond = beyond + driven[np.where(none, len(lines), np.minimum(destination, len(lines)))]
        yield Targets.of(first + source, np.where(none, -1, first + destination), -1, beyond)


def rows_of(segment: Segment, rows: Iterable[int]) -> Iterator[Targets]:
    """What ACT, column accesses and PRE of row after row name, the same in each bank."""
    from pimsim.dram.traces.recorder import Targets

    banks = len(segment.banks)
    ((_, (_, bursts), _),) = (run.cycle for run in segment.runs)
    columns = np.repeat([-1, *range(bursts), -1], banks)
    some = iter(rows)
    while few := list(islice(some, max(1, _TOGETHER // len(columns)))):
        yield Targets.of(np.array(few)[:, None], -1, columns[None])


def copies(pairs: Sequence[tuple[int, int]], bursts: int) -> Iterator[Targets]:
    """What ACT, TRANSFERs and PRE name, for the rows of source and destination of each pair."""
    from pimsim.dram.traces.recorder import Targets

    ends = Targets.of([row for pair in pairs for row in pair])
    sources, destinations = np.array(pairs).T
    yield ends
    yield Targets.of(sources, destinations, np.arange(bursts)[:, None])
    yield ends
