"""Streams of a stage that is in no chain: made when someone looks at them.

How many there are, and what banks take for them, is remembered like the division of the stage. So a
process that finds both in a record need not plan them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from bnn.mapped.placement.spent import Step
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.dataflows.output_tree.division import content
from bnn.mapping.dataflows.output_tree.layout import Layout
from bnn.mapping.dataflows.output_tree.lockstep import computing
from pimsim.dram.commands import Kind
from pimsim.kept import digest
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.output_tree.tree import Tree
from pimsim.remembered import Later

_STEP_BYTES = 200
"""Memory of a step, about."""


def apart(
    layout: Layout, groups: list[Tree], times: int
) -> tuple[Sequence[Stream], Callable[[int], list[Step]]]:
    """Return the streams of groups, all of them ``times`` times over, and what they take.

    For the latter see :func:`bnn.mapping.dataflows.output_tree.lockstep.computing`. Raises
    OutOfRowsError if a part has too few rows for one output.
    """

    @cache
    def streams() -> list[Stream]:
        return [one for group in groups for one in layout.streams(group)] * times

    @cache
    def taken() -> Callable[[int], list[Step]]:
        return computing(streams(), len(streams()))

    if layout.system.faults is not None:  # each chip is another
        return streams(), taken()
    system = replace(layout.system, counter=None)
    laid = layout.chunks, layout.way, groups, times
    key = digest("apart", content(layout.stage), system, *laid)
    count = division.DIVISIONS.of(key, lambda: (len(streams()), _STEP_BYTES))

    def steps(size: int) -> list[Step]:
        def made() -> tuple[Any, int]:
            found = taken()(size)
            return found, _STEP_BYTES * len(found)

        return [
            (_what(what), often) for what, often in division.DIVISIONS.of(digest(key, size), made)
        ]

    return Later(count, streams), steps


def _what(value: Any) -> Any:
    """What a step does, made again from its JSON value: a kind, or a cycle of kinds."""
    if isinstance(value, int):
        return Kind(value)
    return tuple((Kind(kind), often) for kind, often in value)
