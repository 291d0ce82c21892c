"""The observers of a ledger: a recorder of traces, and a counter of activations.

Neither changes what is booked. A recorder gets whole segments, with the rows that their commands
address; a counter gets the rows that a subarray activates.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnn.system.system import System
from bnn.system.targets import Place, copies, programs, rows_of
from pimsim.dram.timeline.command_stream import Run, Segment
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

if TYPE_CHECKING:
    from bnn.system.activations import ActivationCounter
    from pimsim.dram.traces.recorder import Recorder, Targets


class Observers:
    """Those who are told what one layer does.

    Args:
        system: the DRAM, with its counter of activations, if somebody counts.
        layer: whom the counter counts for.
        recorder: what is told every command; None if nothing is recorded.
        counting: whether anything is counted; not where only a price is asked for.

    """

    def __init__(
        self, system: System, layer: Hashable, recorder: Recorder | None, *, counting: bool
    ) -> None:
        self._system, self._layer = system, layer
        self._counter = system.counter if counting else None
        self._told = recorder
        self._targets: list[Iterator[Targets]] = []

    @property
    def recorder(self) -> Recorder | None:
        """What is told every command; None once it asks for no more."""
        return None if self._told is None or self._told.over else self._told

    def record_with(self, recorder: Recorder | None) -> None:
        """Tell another recorder from now on, or none."""
        self._told = recorder

    @property
    def counter(self) -> ActivationCounter | None:
        """Who counts activations, told that what follows is of this layer."""
        if self._counter is not None:
            self._counter.layer(self._layer)
        return self._counter

    def ran(
        self,
        schedule: Schedule | AdderTape,
        outputs: Sequence[int] | NDArray[np.intp],
        banks: Sequence[int],
        order: Sequence[int],
        number: int,
    ) -> None:
        """Tell that subarray ``number`` of each bank ran a schedule, for an output of its own.

        ``order`` has the banks as commands are issued.
        """
        if (counter := self.counter) is not None:
            from bnn.system.activations import lanes

            for bank, own in zip(banks, lanes(outputs), strict=True):
                if isinstance(schedule, AdderTape):
                    counter.tape(schedule, (bank, number), len(own))
                else:
                    counter.schedule(schedule, own, (bank, number))
        if self.recorder is not None and schedule.runs:
            output = dict(zip(banks, outputs, strict=True))
            first = number * self._system.subarray_rows
            some = [output[bank] for bank in order]
            self._targets.append(programs(schedule, first, some, self._system))

    def ran_streams(
        self, streams: Sequence[Stream], part: int, banks: Sequence[int], number: int
    ) -> None:
        """Tell that a part of streams ran, one a bank."""
        if (counter := self.counter) is not None:
            for bank, stream in zip(banks, streams, strict=True):
                counter.stream(stream, part, (bank, number))

    def accessed(
        self,
        done: tuple[tuple[Run, ...], tuple[int, ...]],
        rows: Sequence[int],
        banks: Sequence[int],
        number: int,
        times: int,
    ) -> None:
        """Tell that data rows of subarray ``number`` were read or written, so many times over.

        ``done`` has the runs of that, and the banks as commands are issued.
        """
        if (counter := self.counter) is not None:
            for bank in banks:
                counter.rows(rows, (bank, number), times)
        if self.recorder is not None:
            first = self._bank_row(Place(0, number, 0))
            self._targets.append(rows_of(Segment(*done), [first + row for row in rows]))

    def copied(self, moves: Sequence[tuple[Place, Place]], bursts: int, times: int) -> None:
        """Tell that rows were copied, so many times over, in the order of commands."""
        if (counter := self.counter) is not None:
            for place in chain.from_iterable(moves):
                counter.rows((place.row,), (place.bank, place.number), times)
        if self.recorder is not None:
            rows = [(self._bank_row(one), self._bank_row(other)) for one, other in moves]
            self._targets.append(copies(rows, bursts))

    def streamed(self, segment: Segment) -> None:
        """Tell that rows of whole banks were read, from the first one on."""
        if self.recorder is not None:
            rows = self._system.subarrays_per_bank * self._system.subarray_rows
            some = (n % rows for n in range(segment.runs[0].times))
            self._targets.append(rows_of(segment, some))

    def issued(self, segment: Segment) -> None:
        """Tell the recorder of a segment, whose commands name what was told since the last one."""
        if self.recorder is not None:
            self.recorder.record(segment, chain.from_iterable(self._targets))
        self._targets = []

    def _bank_row(self, place: Place) -> int:
        """Row within the bank."""
        first = place.number * self._system.subarray_rows
        return first + self._system.address_map.first_data + place.row
