"""Control lines over time: word lines, the gates of the set devices and of the equaliser.

Every line is piecewise linear between 0 (off) and 1 (fully on). Which voltage 1 stands for depends
on the supplies, which may vary from sample to sample.

>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.transient.scenarios import read
>>> controls = lines(load("rambus55").timeline, read(1))
>>> controls.names
('eq', 'set', 'wl')
>>> controls.at(np.array([0.0, 2.5, 7.0]))[:, 2]  # the word line: off, half-way up, on
array([0. , 0.5, 1. ])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model.elements import ControlTimes
from pimsim.circuit.transient.scenarios import Scenario
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Controls:
    """Corner points of every control line, and the instants at which a cycle is measured."""

    names: tuple[str, ...]
    """``eq``, ``set``, then the word lines."""
    corners: tuple[tuple[tuple[float, float], ...], ...]
    """A line's (time in ns, level from 0 to 1), first at 0 and last at the end."""
    sense_ns: tuple[float, ...]
    """Start of the sense amplifier, cycle by cycle."""
    close_ns: tuple[float, ...]
    """Start of the closing of the rows, cycle by cycle."""
    end_ns: float

    def at(self, times_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the levels (times, lines) at ``times_ns`` (times,)."""
        levels = [np.interp(times_ns, *np.array(line).T) for line in self.corners]
        return np.stack(levels, axis=1)

    def corner_times_ns(self) -> NDArray[np.float64]:
        """Return every instant at which a line has a corner, sorted, 0 and the end included."""
        return np.unique([time for line in self.corners for time, _ in line])


@dataclass(frozen=True, slots=True)
class CyclePhase:
    """A stretch of a cycle, to label in figures; it begins when a control line begins to move."""

    name: str
    start_ns: float
    end_ns: float


def phases(timeline: ControlTimes, scenario: Scenario) -> tuple[CyclePhase, ...]:
    """Return the phases of all cycles, one after the other, from the first move to the end.

    >>> from pimsim.circuit.model.parameters import load
    >>> from pimsim.circuit.transient.scenarios import read
    >>> [phase.name for phase in phases(load("rambus55").timeline, read(1))]
    ['float', 'share', 'sense and restore', 'close', 'precharge']
    """
    found = []
    for cycle in range(scenario.cycles):
        start = timeline.end_ns * cycle
        second = any(o.second and o.cycle == cycle for o in scenario.openings)
        marks = [
            ("float", timeline.equaliser_off_ns),
            ("share", timeline.word_line_ns),
            ("sense and restore", timeline.sense_ns),
            *([("second row", timeline.second_word_line_ns)] if second else []),
            ("close", timeline.close_ns),
            ("precharge", timeline.precharge_ns),
        ]
        ends = [at for _, at in marks[1:]]
        last = cycle == scenario.cycles - 1
        ends.append(timeline.end_ns + (0.0 if last else timeline.equaliser_off_ns))
        found += [
            CyclePhase(name, start + at, start + end)
            for (name, at), end in zip(marks, ends, strict=True)
        ]
    return tuple(found)


def lines(timeline: ControlTimes, scenario: Scenario) -> Controls:
    """Return the control lines of a scenario.

    A cycle after the first starts where the one before ends. The sense amplifier is switched off
    so that it is off when precharge starts; the equaliser takes as long as the sense amplifier.

    Raises :class:`~pimsim.errors.InputError` if a ramp does not fit between its neighbours.
    """
    _require_ramps_fit(timeline, scenario)
    ramp, slow = timeline.sense_ramp_ns, timeline.word_line_ramp_ns
    equaliser, sense = [(0.0, 1.0)], [(0.0, 0.0)]
    word_lines = {name: [(0.0, 0.0)] for name in scenario.word_lines}
    starts = [timeline.end_ns * cycle for cycle in range(scenario.cycles)]
    for start in starts:
        off, on = start + timeline.equaliser_off_ns, start + timeline.precharge_ns
        equaliser += [(off, 1.0), (off + ramp, 0.0), (on, 0.0), (on + ramp, 1.0)]
        up = start + timeline.sense_ns
        sense += [(up, 0.0), (up + ramp, 1.0), (on - ramp, 1.0), (on, 0.0)]
    for opening in scenario.openings:
        start, down = starts[opening.cycle], starts[opening.cycle] + timeline.close_ns
        up = start + (timeline.second_word_line_ns if opening.second else timeline.word_line_ns)
        word_lines[opening.word_line] += [
            (up, 0.0), (up + slow, 1.0), (down, 1.0), (down + slow, 0.0)
        ]  # fmt: skip
    end = timeline.end_ns * scenario.cycles
    corners = [equaliser, sense, *word_lines.values()]
    for line in corners:
        if line[-1][0] < end:
            line.append((end, line[-1][1]))
    return Controls(
        names=("eq", "set", *scenario.word_lines),
        corners=tuple(tuple(line) for line in corners),
        sense_ns=tuple(start + timeline.sense_ns for start in starts),
        close_ns=tuple(start + timeline.close_ns for start in starts),
        end_ns=end,
    )


def _require_ramps_fit(timeline: ControlTimes, scenario: Scenario) -> None:
    t = timeline
    second = any(opening.second for opening in scenario.openings)
    last_up = t.second_word_line_ns if second else t.word_line_ns
    room_ns = {
        "word_line_ramp_ns": min(t.close_ns - last_up, t.end_ns - t.close_ns),
        "sense_ramp_ns": min(
            t.precharge_ns - t.equaliser_off_ns,
            (t.precharge_ns - t.sense_ns) / 2,
            t.end_ns - t.precharge_ns,
        ),
    }
    for name, room in room_ns.items():
        if getattr(t, name) > room:
            raise InputError(f"`{name}` must be at most {room:g}, not {getattr(t, name):g}")
