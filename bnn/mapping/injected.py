"""Faults of the subarrays that compute a batch of tiles literally, in lock-step.

They are the same that :mod:`bnn.mapping.faulty_outputs` meets: static faults by bank, subarray and
column, noise by stage, output and column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.tiles import Tile
from bnn.mapping.work import Work
from pimsim.dram.array.faults import Job, Site, block_width
from pimsim.dram.array.injection import Injector, Span
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.faulty.command_tape import Tape


class Injected:
    """Injectors of the subarrays of a batch.

    Args:
        planned: what they carry out.
        tape: commands of every output.
        work: the stage; its machine has faults.
        parts: the subarrays of each part, a lane for each tile.
        tiles: per lane.
        banks: per lane.
        first: subarray of each bank that holds the first part.
        where: (banks, n) columns of a row that hold those of a tile; None: the first ones.
        attempt: how often the outputs have been computed before.

    """

    def __init__(
        self,
        planned: OutputPlan,
        tape: Tape,
        work: Work,
        parts: Sequence[Subarray],
        tiles: Sequence[Tile],
        banks: Sequence[int],
        first: int,
        where: NDArray[np.intp] | None,
        attempt: int = 0,
    ) -> None:
        self._tape, self._work, self._tiles, self._attempt = tape, work, tiles, attempt
        self._injectors: list[Injector] = []
        for part, subarray in enumerate(parts):
            here = planned.banks(work.machine, part, banks)
            sites = [Site(bank, first + part) for bank in here]
            if work.machine.faults is not None:
                own = None if where is None else where[list(banks), : subarray.columns]
                injector = Injector(work.machine.faults, sites, subarray.columns, own)
                subarray.inject(injector)
                self._injectors.append(injector)

    @property
    def flips(self) -> int:
        """How often noise struck."""
        return sum(injector.flips for injector in self._injectors)

    def begin(self, lanes: Lanes, outputs: NDArray[np.intp]) -> None:
        """Let lanes begin with outputs of their own."""
        positions = self._work.stage.windows.positions
        width = block_width(positions)
        for part, injector in enumerate(self._injectors):
            for lane, output in zip(lanes.tolist(), outputs.tolist(), strict=True):
                tile = self._tiles[lane]
                number = self._work.first_output + output
                job = Job(self._work.stage.index, number, part, self._attempt)
                start = tile.images.start * positions + tile.positions.start
                span = Span(job, 0, start, tile.columns, width)
                injector.begin([lane], [[span]], self._tape.events(output, part))
