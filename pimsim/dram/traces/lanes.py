"""Row cycles in the banks of a segment, and the places of each channel's commands in them.

>>> cycle = layout_of(((Kind.AAP, 2),), (0, 8), (), 8)  # two channels of eight banks
>>> cycle.bank.tolist(), cycle.places[1].tolist()
([0, 8, 0, 8], [1, 3])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle, Slot, slots


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """A kind of command in banks of one channel; equal lanes are the same object."""

    kind: Kind
    slots: tuple[Slot, ...]
    """In the order of issue, banks counted within the channel."""


lane = lru_cache(maxsize=4096)(Lane)
"""The lane of a kind and slots."""
Lanes: TypeAlias = tuple[Lane, ...]
"""The commands of a row cycle in one channel, kind after kind."""


class Layout(NamedTuple):
    """A row cycle in the banks of a segment, for all channels together."""

    kind: NDArray[np.int64]
    bank: NDArray[np.int64]
    to: NDArray[np.int64]
    lanes: dict[int, Lanes]
    """The beats of each channel."""
    places: dict[int, NDArray[np.intp]]
    """For each channel, the places of its commands among all."""
    starts: dict[int, list[int]]
    """For each channel, the number of the first command of each beat."""


@lru_cache(maxsize=256)
def layout_of(
    cycle: RowCycle, banks: tuple[int, ...], to: tuple[int, ...], of_channel: int
) -> Layout:
    """Return the layout of a row cycle; a channel has ``of_channel`` banks."""
    kinds = [kind for kind, times in cycle for _ in range(times)]
    every: list[tuple[Kind, int, int]] = []
    beats: dict[int, list[Lane]] = {}
    places: dict[int, list[int]] = {}
    starts: dict[int, list[int]] = {}
    for kind in kinds:
        own: dict[int, list[Slot]] = {}
        for bank, other in slots(kind, banks, to):
            number, within = divmod(bank, of_channel)
            if number not in own:
                starts.setdefault(number, []).append(len(places.setdefault(number, [])))
            end = None if other is None else other % of_channel
            own.setdefault(number, []).append((within, end))
            places[number].append(len(every))
            every.append((kind, bank, -1 if other is None else other))
        for number, some in own.items():
            beats.setdefault(number, []).append(lane(kind, tuple(some)))
    kind_of, bank_of, to_of = (np.array(column, np.int64) for column in zip(*every, strict=True))
    return Layout(
        kind_of,
        bank_of,
        to_of,
        {number: tuple(some) for number, some in beats.items()},
        {number: np.array(some, np.intp) for number, some in places.items()},
        starts,
    )
