"""What a sequence of row commands does to the neighbours of its rows, and how sequences add up.

A *place* is the position of a wordline in a subarray (:mod:`~pimsim.dram.disturbance.row_order`).
An :class:`Exposure` says for each place how often its wordline was raised. It also says how often
its neighbours were raised between two times that the cell itself was opened, and so restored. The
exposure of two sequences, one after the other, follows from the two exposures, without looking at
commands again; so does that of many repetitions.

>>> from pimsim.dram.array.address_map import ambit
>>> order = RowOrder.of(ambit(), rows=24)
>>> d = ambit().first_data
>>> hammer = exposed(np.array([[d + 1, -1]], np.int16), order)          # one AP of D1
>>> many = hammer.repeated(1000)
>>> place = order.labels.index("D1")
>>> many.acts[place], many.pair[place - 1 : place + 2].tolist()
(1000, [0, 0, 0])
>>> many.worst(again=False)[1][place - 1 : place + 2].tolist()
[1000, 0, 1000]
>>> kind = exposed(np.array([[d + 1, -1], [d + 2, -1]], np.int16), order)  # D2 is restored itself
>>> kind.repeated(1000).worst(again=False)[1][place : place + 3].tolist()
[1, 1, 1000]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.object_code import Kept

Counts = NDArray[np.int64]

ENDLESS = int(np.iinfo(np.int64).max)
"""More than any count."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """Counts for each place (places,), or for its lower and upper neighbour (2, places)."""

    acts: Counts
    """Times that its wordline was raised."""
    restores: Counts
    """Times that its cell was opened, by any of its wordlines."""
    before: Counts
    """(2, places) how often each neighbour was raised before the cell was first opened."""
    after: Counts
    """(2, places) how often each neighbour was raised after the cell was last opened."""
    pair: Counts
    """The most that both neighbours were raised, each, between two openings of the cell."""
    one: Counts
    """The most that one neighbour was raised between two openings of the cell."""

    @staticmethod
    def none(places: int) -> Exposure:
        """Nothing done."""
        one, two = np.zeros(places, np.int64), np.zeros((2, places), np.int64)
        return Exposure(one, one, two, two, one, one)

    def then(self, other: Exposure) -> Exposure:
        """Return this, and the other one afterwards."""
        joined = self.after + other.before
        here, there = self.restores > 0, other.restores > 0
        inner = here & there
        return Exposure(
            self.acts + other.acts,
            self.restores + other.restores,
            np.where(here, self.before, joined),
            np.where(there, other.after, joined),
            _most(self.pair, other.pair, joined.min(axis=0) * inner),
            _most(self.one, other.one, joined.max(axis=0) * inner),
        )

    def repeated(self, times: int) -> Exposure:
        """Return this so many times in a row."""
        found, power = Exposure.none(len(self.acts)), self
        while times:
            if times & 1:
                found = found.then(power)
            power, times = power.then(power), times >> 1
        return found

    def worst(self, *, again: bool) -> tuple[Counts, Counts]:
        """Return ``pair`` and ``one``, counting also before the first and after the last opening.

        Args: again: the sequence repeats for ever. What comes after the last opening then adds to
        what comes before the first. A cell that is never opened gets :data:`ENDLESS`.

        """
        opened = self.restores > 0
        pair, one = self.pair, self.one
        for end in (self.before + self.after,) if again else (self.before, self.after):
            pair, one = np.maximum(pair, end.min(axis=0)), np.maximum(one, end.max(axis=0))
        if again:
            pair, one = (np.where(~opened & (each > 0), ENDLESS, each) for each in (pair, one))
        return pair, one


def beside(acts: Counts) -> Counts:
    """Return how often the lower and the upper neighbour of each place are raised, (2, places).

    >>> beside(np.array([5, 0, 7])).tolist()
    [[0, 5, 0], [0, 7, 0]]
    """
    found = np.zeros((2, len(acts)), acts.dtype)
    found[0, 1:], found[1, :-1] = acts[:-1], acts[1:]
    return found


def exposed(commands: NDArray[np.int16], order: RowOrder) -> Exposure:
    """Return the exposure of some commands.

    ``commands`` has shape (commands, 2): the address that each opens, and the one that it drives;
    -1 stands for none, because an AP drives nothing.
    """
    raised, restored = order.tables
    places = len(order.labels)
    found = np.zeros((8, places), np.int64)
    told, alone = np.ascontiguousarray(commands), np.zeros(1, np.int64)
    _COUNTED(told, raised, restored, order.first_constant, order.stored, alone, found)
    acts, restores, pair, one = found[0], found[1], found[6], found[7]
    before = np.where(restores > 0, found[2:4], found[4:6])
    return Exposure(acts, restores, before, found[4:6], pair, one)


def _most(*counts: Counts) -> Counts:
    return np.asarray(np.maximum(np.maximum(*counts[:2]), counts[2]))


def _count(
    commands: NDArray[np.int16],
    raised: Counts,
    restored: Counts,
    first_constant: int,
    stored: Counts,
    alone: Counts,
    found: Counts,
) -> None:
    """Count; ``found`` has acts, restores, before (2), since (2), pair and one.

    ``alone`` is room for one place.
    """
    places = found.shape[1]
    for number in range(commands.shape[0]):
        for side in range(2):
            address = commands[number, side]
            if address < 0:
                continue
            if address < first_constant:
                lines, cells = raised[address], restored[address]
            else:
                alone[0] = stored[address - first_constant]
                lines, cells = alone, alone
            for place in lines:
                if place < 0:
                    break
                found[0, place] += 1
                if place > 0:
                    found[5, place - 1] += 1
                if place + 1 < places:
                    found[4, place + 1] += 1
            for place in cells:
                if place < 0:
                    break
                lower, upper = found[4, place], found[5, place]
                if found[1, place]:
                    found[6, place] = max(found[6, place], min(lower, upper))
                    found[7, place] = max(found[7, place], lower, upper)
                else:
                    found[2, place], found[3, place] = lower, upper
                found[1, place] += 1
                found[4, place] = found[5, place] = 0


_COUNTED = Kept(_count, [Path(__file__)])
