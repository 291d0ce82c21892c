"""Cells that flip while commands are carried out: which, after which command.

A :class:`Hammer` says in which order rows lie, what chips they belong to and which cells are weak.
A :class:`Neighbours` follows the commands of a subarray (or of several that share a program). It
reports each command that opens a row whose neighbours have been activated so often, since the row
was last opened, that some of its cells may have flipped. Flips are applied at that moment. A row
that is never opened again, or that is overwritten, needs no look.

Each cell has one number, its lean, uniform in [0, 1). It loses a one if the lean is below the share
of cells that flip (:mod:`~pimsim.dram.disturbance.weak_cells`), and a zero if the lean is above one
minus that share. So a cell can lose ones or zeros but hardly both, as true cells and anti-cells do.

>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.dram.disturbance.chip_classes import ChipClass
>>> hammer = Hammer(ChipClass("frail", 100, 200), RowOrder.of(ambit(), rows=1024), most=10**6)
>>> beside, d = Neighbours(hammer), ambit().first_data
>>> commands = np.array([[0, 0, d + 1, -1]] * 300 + [[1, 0, d, -1]])  # D1 is hammered, D0 opened
>>> [(one.command, hammer.order.labels[one.place], one.beside) for one in beside.take(commands)]
[(1, 'D0', (0, 300))]
>>> hammer.share(0, 300)
1.5
>>> ones, zeros = hammer.lost(Site(0, 0), place=10, share=20.0, columns=65536)
>>> 0.01 < ones.mean() < 0.02, bool((ones & zeros).any())
(True, False)
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.faults import KINDS, Site
from pimsim.dram.disturbance.chip_classes import ChipClass
from pimsim.dram.disturbance.exposure import Counts
from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.dram.disturbance.weak_cells import SAFE, shape
from pimsim.object_code import Kept

ASSUMED = (
    "how many cells flip by how many activations is one curve, fitted to eleven modules; each cell "
    "loses a one or a zero, as drawn",
    "a cell that flips does so before its row is opened next; rows of a layer are all written "
    "before it, but for constants, which are right when it begins, and may flip by what was done "
    "before",
)
"""What is assumed, in words, for results."""

_CACHED = 64
_FEW = 64
"""Losses for which memory is reserved at first."""


class Loss(NamedTuple):
    """A row whose neighbours were activated so often that some of its cells may have flipped."""

    command: int
    """Number of the command that opens the row; cells have flipped before it."""
    part: int
    place: int
    beside: tuple[int, int]
    """Activations of its lower and of its upper neighbour."""
    first: bool
    """Whether it is a row of constants that is opened for the first time, so that activations of
    earlier layers count, too."""
    cell: int
    """Number of the compute cell, if the row is one; else -1."""
    address: int
    """Address of the row, if it is no compute cell; else -1."""


@dataclass(frozen=True, eq=False)
class Hammer:
    """Read disturbance of a chip."""

    chip: ChipClass
    order: RowOrder
    most: int
    """Activations of a row that fit between two refreshes of its neighbours."""
    seed: int = 0
    """Seed of the leans."""
    earlier: Callable[[Site], Counts] | None = None
    """(2, places) activations of both neighbours of every place, in earlier layers, since the place
    was last opened; None: none."""
    flips: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Bits that flipped, by stage and place."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def share(self, lower: int, upper: int) -> float:
        """Return the share of HC_first that a row has seen; at 1 the first bit flips."""
        lower, upper = min(lower, self.most), min(upper, self.most)
        return self.chip.share(min(lower, upper), max(lower, upper))

    def share_of(self, loss: Loss, site: Site) -> float:
        """Return that share for a loss in one subarray, earlier layers included."""
        lower, upper = loss.beside
        if loss.first and self.earlier is not None:
            more = self.earlier(site)[:, loss.place].tolist()
            lower, upper = lower + more[0], upper + more[1]
        return self.share(lower, upper)

    def lost(
        self, site: Site, place: int, share: float, columns: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which of the first columns of a row lose a one, and which a zero."""
        lean, chance = _lean(self.seed, *site, place, columns), shape().flipped(share)
        return lean < chance, lean >= 1.0 - chance

    def count(self, stage: int, bits: Counter[int]) -> None:
        """Add bits that flipped in a stage, by place."""
        with self._lock:
            self.flips.update({(stage, place): flips for place, flips in bits.items() if flips})


class Neighbours:
    """Counts, for every row, the activations of its neighbours since it was last opened.

    Args: hammer: in which order rows lie, and what they survive. parts: subarrays whose commands
    come in one sequence.

    """

    def __init__(self, hammer: Hammer, parts: int = 1) -> None:
        self._hammer = hammer
        self._since = np.zeros((parts, 2, len(hammer.order.labels)), np.int64)
        self._opened = np.zeros((parts, len(hammer.order.labels)), np.bool_)

    def take(self, commands: NDArray[Any]) -> list[Loss]:
        """Return the losses that may occur while commands are carried out, in order.

        Args:
            commands: (n, 4) number of the command, part, address that it opens, and address that it
                drives, -1 for none; a read or a write opens a row.

        """
        order, chip, room = self._hammer.order, self._hammer.chip, _FEW
        told = np.ascontiguousarray(commands, np.int64)
        limits = np.array([SAFE, chip.hc_double_sided, chip.hc_single_sided, self._hammer.most])
        while True:
            since, seen = self._since.copy(), self._opened.copy()
            numbers = np.zeros((room, 6), np.int64)
            found = _LOST(
                told,
                _Places(*order.tables, order.stored, order.first_constant, order.first_data),
                *(since, seen, limits, np.zeros(1, np.int64), numbers),
            )
            if found <= room:
                break
            room = found
        self._since, self._opened = since, seen
        return [
            Loss(command, part, place, (lower, upper), bool(first), *_where(order, place))
            for command, part, place, lower, upper, first in numbers[:found].tolist()
        ]


def _where(order: RowOrder, place: int) -> tuple[int, int]:
    """Cell and address at a place, one of them -1."""
    if place < len(order.cells):
        return order.cells[place][0], -1
    return -1, order.address(place)


@lru_cache(maxsize=_CACHED)
def _lean(seed: int, bank: int, subarray: int, place: int, columns: int) -> NDArray[np.float64]:
    key = (len(KINDS), bank, subarray, place)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    lean = rng.random(columns)
    lean.setflags(write=False)
    return lean


class _Places(NamedTuple):
    """Where addresses lie."""

    raised: Counts
    restored: Counts
    """Places of each address of compute rows, -1 beyond the last."""
    stored: Counts
    """Place of each row behind them."""
    first_constant: int
    first_data: int


def _losses(
    commands: Counts,
    order: _Places,
    since: Counts,
    seen: NDArray[np.bool_],
    limits: NDArray[np.float64],
    alone: Counts,
    numbers: Counts,
) -> int:
    """Go over commands, keep ``since`` and ``seen`` up to date, and return the number of losses.

    Losses are written to ``numbers`` as far as it has room; ``alone`` is room for one place.
    """
    safe, double, single, most = limits[0], limits[1], limits[2], limits[3]
    places, constants, found = since.shape[2], order.stored[0], 0
    for number in range(commands.shape[0]):
        part = commands[number, 1]
        for side in range(2, 4):
            address = commands[number, side]
            if address < 0:
                continue
            if address < order.first_constant:
                lines, cells = order.raised[address], order.restored[address]
            else:
                alone[0] = order.stored[address - order.first_constant]
                lines, cells = alone, alone
            for place in lines:
                if place < 0:
                    break
                if place > 0:
                    since[part, 1, place - 1] += 1
                if place + 1 < places:
                    since[part, 0, place + 1] += 1
            for place in cells:
                if place < 0:
                    break
                lower, upper = since[part, 0, place], since[part, 1, place]
                pair, one = min(lower, upper, most), min(max(lower, upper), most)
                share = pair / double + (one - pair) / single
                # Behind the compute cells there are constants, and then data.
                first = constants <= place < order.first_data and not seen[part, place]
                if side == 2 and (first or share >= safe):  # what is driven is overwritten
                    if found < len(numbers):
                        numbers[found, 0] = commands[number, 0]
                        numbers[found, 1], numbers[found, 2] = part, place
                        numbers[found, 3], numbers[found, 4] = lower, upper
                        numbers[found, 5] = first
                    found += 1
                since[part, 0, place] = since[part, 1, place] = 0
                seen[part, place] = True
    return found


_LOST = Kept(_losses, [Path(__file__)])
