"""Faults of the subarrays in which weights stay, computed literally, in lock-step.

They are the same that :mod:`bnn.mapping.faulty_columns` meets: static faults by bank, subarray and
column of the row, noise by stage, output and the column that it is among all of the output.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnn.mapping.resident import Loaded
from bnn.mapping.work import Work
from pimsim.dram.array.faults import Faults, Job, Site, block_width
from pimsim.dram.array.injection import Injector, Span
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.faulty.command_tape import Tape
from pimsim.microprogram.row_program import RowProgram


class InjectedRows:
    """Injectors of the subarrays of a turn.

    Args:
        recipe: what is done in a column.
        work: the stage.
        faults: what goes wrong.
        loaded: the subarrays.
        first: number, in each bank, of the one that holds the first part.

    """

    def __init__(
        self, recipe: RowProgram, work: Work, faults: Faults, loaded: Loaded, first: int
    ) -> None:
        self._work, self._loaded = work, loaded
        parts = len(loaded.parts)
        tape = Tape(recipe, Layout(work.machine.standard.rows_per_subarray, parts))
        self._events = [tape.events(0, part) for part in range(parts)]
        self._injectors: list[Injector] = []
        for part, subarray in enumerate(loaded.parts):
            sites = [Site(bank, first + part) for bank in range(subarray.lanes)]
            injector = Injector(faults, sites, subarray.columns)
            subarray.inject(injector)
            self._injectors.append(injector)

    @property
    def flips(self) -> int:
        """How often noise struck."""
        return sum(injector.flips for injector in self._injectors)

    def begin(self, images: Sequence[slice]) -> None:
        """Let the first lanes, one for each of ``images``, begin with these."""
        for part, injector in enumerate(self._injectors):
            spans = [self._spans(lane, own, part) for lane, own in enumerate(images)]
            injector.begin(range(len(images)), spans, self._events[part])

    def _spans(self, lane: int, images: slice, part: int) -> list[Span]:
        """Columns of every output of a lane."""
        stage, block = self._work.stage, self._loaded.blocks[lane]
        every, positions = stage.windows.positions, block.positions.stop - block.positions.start
        first = images.start * every + block.positions.start
        used = (images.stop - images.start) * positions
        return [
            Span(
                Job(stage.index, self._work.first_output + output, part),
                number * self._loaded.images * positions,
                first,
                used,
                block_width(every),
            )
            for number, output in enumerate(range(block.outputs.start, block.outputs.stop))
        ]
