"""What a run would do on unmodified chips, which have neither Ambit's rows nor its decoder.

It says for every command that the ledgers of a run book what a chip has to do instead:

* a majority of three is a majority there too, with its operands copied into a group of rows and its
  result copied out (the program `maj3` of :mod:`pimsim.offtheshelf.primitives`);
* a copy to a data row is a copy; copies to compute rows are not counted, because they are among the
  copies of the majority that follows.

A NOT takes nothing: every value is stored in both polarities, and everything is done twice (the
majority of complements is the complement of the majority).

>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.microprogram.logic import AND
>>> tally = ChipTally(ambit(), rows=1024)
>>> schedule = Schedule(outputs=2)
>>> schedule.append((AND,), a=18, b=19, out=20)
>>> tally.layer("fc1")
>>> tally.schedule(schedule, np.array([0, 1, 1]), (0, 0))
>>> tally.steps["fc1"][0, 0].tolist()
[3, 0]
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

from bnn.system.activations import ActivationCounter, Site
from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

Steps = NDArray[np.int64]
"""(2,) majorities and copies."""


class ChipTally(ActivationCounter):
    """Majorities and copies of every subarray, by layer.

    Args:
        address_map: of the subarrays.
        rows: row addresses of each.

    """

    def __init__(self, address_map: AddressMap, rows: int) -> None:
        super().__init__(address_map, rows)
        self.steps: dict[Hashable, dict[Site, Steps]] = {}
        self._majority = np.zeros(rows, np.bool_)
        for address in range(address_map.first_constant):
            self._majority[address] = len(address_map.wordlines(address)) in address_map.majorities
        self._data = address_map.first_data
        self._of: dict[Hashable, tuple[object, Steps]] = {}
        self._sites: dict[Site, Steps] = {}

    def layer(self, key: Hashable) -> None:
        """Count what follows for that layer."""
        self._sites = self.steps.setdefault(key, {})

    def schedule(self, schedule: Schedule, outputs: NDArray[np.intp], site: Site) -> None:
        """Count a schedule that was run for ``outputs``."""
        if id(schedule) not in self._of:
            each = [self._steps(step.commands(schedule.outputs)) for step in schedule.steps]
            whole = np.sum(each, axis=0) if each else np.zeros((schedule.outputs, 2), np.int64)
            self._of[id(schedule)] = schedule, whole
        self._note(site, self._of[id(schedule)][1][outputs].sum(axis=0))

    def tape(self, tape: AdderTape, site: Site, times: int = 1) -> None:
        """Count a tape that was run so many times."""
        if id(tape) not in self._of:
            self._of[id(tape)] = tape, self._steps(tape.commands[None])[0]
        self._note(site, self._of[id(tape)][1] * times)

    def stream(self, stream: Stream, part: int, site: Site) -> None:
        """Count what a part of a stream did."""
        self._note(site, self._steps(stream.tape_of(part).commands[None])[0])

    def rows(self, rows: Iterable[int], site: Site, times: int = 1) -> None:
        """Rows that are written or read over the channel are in the ledger."""

    def busiest(self, layer: Hashable) -> Steps:
        """Return the most majorities and copies that a bank has in a layer."""
        banks: dict[int, Steps] = {}
        for (bank, _), found in self.steps.get(layer, {}).items():
            banks[bank] = banks.get(bank, 0) + found
        most: Steps = np.max([np.zeros(2, np.int64), *banks.values()], axis=0)
        return most

    def banks(self, layer: Hashable) -> int:
        """Return how many banks have something to do in a layer."""
        return len({bank for bank, _ in self.steps.get(layer, {})})

    def total(self, layer: Hashable) -> Steps:
        """Return majorities and copies of all banks in a layer."""
        every = self.steps.get(layer, {}).values()
        total: Steps = np.sum([np.zeros(2, np.int64), *every], axis=0)
        return total

    def _note(self, site: Site, found: Steps) -> None:
        self._sites[site] = self._sites.get(site, np.zeros(2, np.int64)) + found

    def _steps(self, commands: NDArray[np.int16]) -> Steps:
        """Of commands (outputs, commands, 2): (outputs, 2) majorities, and copies to data rows."""
        majority = self._majority[commands[..., 0]]
        copies = ~majority & (commands[..., 1] >= self._data)
        each = [majority.sum(axis=1), copies.sum(axis=1)]
        steps: Steps = np.stack(each, axis=1).astype(np.int64)
        return steps
