"""Which rows a run activates how often, subarray by subarray and layer by layer.

The ledgers of a run report what they book to the :class:`ActivationCounter` of their system. No
command is looked at twice: what a schedule does to a subarray is worked out once for its outputs,
and joined with what was done before (:mod:`pimsim.dram.disturbance.exposure`).

>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.microprogram.logic import AND
>>> counter = ActivationCounter(ambit(), rows=1024)
>>> schedule = Schedule(outputs=2)
>>> schedule.append((AND,), a=18, b=19, out=20)
>>> counter.layer(0)
>>> counter.schedule(schedule, np.array([0, 1]), (0, 0))
>>> done = counter.done[0][0, 0]
>>> {label: int(n) for label, n in zip(counter.order.labels, done.acts) if n}
{'T0': 4, 'T1': 4, 'T2': 4, 'C0': 2, 'D0': 2, 'D1': 2, 'D2': 2}
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.disturbance.exposure import Exposure, exposed
from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.schedule import Schedule
from pimsim.microprogram.tape import AdderTape

_MOST_KNOWN = 512
"""Exposures that are kept to be used again, some tens of kilobytes each."""
_MOST_HELD = 1 << 26
"""Addresses of commands that are kept, two bytes each."""

Site = tuple[int, int]
"""A bank, and which of its subarrays."""


class _Told(NamedTuple):
    """Commands that were told of."""

    key: Hashable
    """What they are; the same only while the source lives."""
    source: object
    commands: Callable[[], NDArray[np.int16]]
    """(times, commands, 2), of every output; of one, if all do the same."""


class ActivationCounter:
    """Exposures of every subarray that something was done in, by layer.

    Args:
        address_map: of the subarrays.
        rows: row addresses of each.
        guards: rows left empty, as of :meth:`~pimsim.dram.disturbance.row_order.RowOrder.of`.

    """

    def __init__(self, address_map: AddressMap, rows: int, guards: int = 0) -> None:
        self.order = RowOrder.of(address_map, rows, guards)
        self.done: dict[Hashable, dict[Site, Exposure]] = {}
        """By layer, in order, and subarray."""
        self._first_data = address_map.first_data
        self._known: dict[Hashable, tuple[object, Exposure]] = {}
        """What was worked out last, with what it was worked out from."""
        self._commands: dict[int, tuple[Schedule, NDArray[np.int16]]] = {}
        """Commands of all outputs of the schedules that were used last."""
        self._here: dict[Site, Exposure] | None = None
        self._layer: Hashable = object()
        self._each: dict[Site, list[_Told]] | None = None
        """What was told of an output, by subarray."""

    @contextmanager
    def again(self, times: int) -> Iterator[None]:
        """Count everything reported inside the block ``times`` times, one after the other."""
        outer, self._here = self._here, {}
        inner = self._here
        yield
        self._here = outer
        for site, found in inner.items():
            self._add(site, found.repeated(times))

    @contextmanager
    def each(self, times: int) -> Iterator[None]:
        """Count what is reported inside the block for ``times`` outputs, one after the other.

        Each item is reported once, for all outputs; an output does all items before the next one.
        """
        self._each = {}
        yield
        told, self._each = self._each, None
        for site, every in told.items():
            key = tuple(one.key for one in every), times
            sources = tuple(one.source for one in every)
            self._add(site, self._once(key, sources, partial(self._in_turn, every, times)))

    def layer(self, key: Hashable) -> None:
        """Count what follows for that layer, except what :meth:`again` counts."""
        if key != self._layer:
            self._here, self._layer = self.done.setdefault(key, {}), key

    def schedule(self, schedule: Schedule, outputs: NDArray[np.intp], site: Site) -> None:
        """Count a schedule that was run for ``outputs`` (times,), one after the other."""

        def commands() -> NDArray[np.int16]:
            return self._all(schedule)[outputs]

        self._tell(_Told((id(schedule), outputs.tobytes()), schedule, commands), site)

    def tape(self, tape: AdderTape, site: Site, times: int = 1) -> None:
        """Count a tape that was run so many times."""
        self._tell(_Told((id(tape), 0), tape, lambda: tape.commands[None]), site, times)

    def stream(self, stream: Stream, part: int, site: Site) -> None:
        """Count what a part of a stream did."""
        told = _Told((id(stream), part), stream, lambda: stream.tape_of(part).commands[None])
        self._tell(told, site)

    def rows(self, rows: Iterable[int], site: Site, times: int = 1) -> None:
        """Count data rows that are opened one by one, so many times over."""
        some = tuple(rows)

        def commands() -> NDArray[np.int16]:
            opened = np.full((len(some), 2), -1, np.int16)
            opened[:, 0] = np.array(some) + self._first_data
            return opened[None]

        self._tell(_Told(("rows", some), None, commands), site, times)

    def sites(self) -> tuple[Site, ...]:
        """Return every subarray in which something was done."""
        return tuple(sorted({site for layer in self.done.values() for site in layer}))

    def whole(self, site: Site) -> Exposure:
        """Return what all layers together did in a subarray."""
        found = Exposure.none(len(self.order.labels))
        for layer in self.done.values():
            if site in layer:
                found = found.then(layer[site])
        return found

    def _tell(self, told: _Told, site: Site, times: int = 1) -> None:
        """Count so many times what was told, or keep it until all of an output has been."""
        if self._each is not None:
            self._each.setdefault(site, []).append(told)
            return
        found = self._once(
            told.key, told.source, lambda: exposed(_joined(told.commands()), self.order)
        )
        self._add(site, found.repeated(times) if times > 1 else found)

    def _in_turn(self, told: Sequence[_Told], times: int) -> Exposure:
        """What outputs do one after the other, some at a time."""
        every = [one.commands() for one in told]
        found, each = Exposure.none(len(self.order.labels)), 2 * sum(one.shape[1] for one in every)
        some = max(1, _MOST_HELD // max(each, 1))
        for first in range(0, times, some):
            stop = min(first + some, times)
            own = [
                one[first:stop]
                if len(one) == times
                else np.broadcast_to(one, (stop - first, *one.shape[1:]))
                for one in every
            ]
            found = found.then(exposed(_joined(np.concatenate(own, axis=1)), self.order))
        return found

    def _once(self, key: Hashable, source: object, work_out: Callable[[], Exposure]) -> Exposure:
        """What commands do, worked out once while the source, which the key tells, lives."""
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = source, work_out()
        return self._known[key][1]

    def _add(self, site: Site, found: Exposure) -> None:
        here = self._here
        if here is None:
            raise ValueError("what is counted must be of a layer: call `layer` first")
        here[site] = here[site].then(found) if site in here else found

    def _all(self, schedule: Schedule) -> NDArray[np.int16]:
        """Commands of every output, (outputs, commands, 2)."""
        if id(schedule) not in self._commands:
            size = sum(2 * len(step.programs[0].commands) for step in schedule.steps)
            held = sum(commands.size for _, commands in self._commands.values())
            if held + size * schedule.outputs > _MOST_HELD:
                self._commands.clear()
            steps = [step.commands(schedule.outputs) for step in schedule.steps]
            self._commands[id(schedule)] = schedule, np.concatenate(steps, axis=1)
        return self._commands[id(schedule)][1]


def _joined(commands: NDArray[np.int16]) -> NDArray[np.int16]:
    """Commands (times, commands, 2) one after the other."""
    return commands.reshape(-1, 2)


def lanes(outputs: Sequence[int] | NDArray[np.intp]) -> NDArray[np.intp]:
    """Return outputs as (lanes, times), of (lanes,) or (times, lanes)."""
    return np.ascontiguousarray(np.atleast_2d(np.asarray(outputs, np.intp)).T)
