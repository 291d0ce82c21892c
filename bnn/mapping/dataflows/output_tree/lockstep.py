"""What streams of different lengths take where banks execute them side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bnn.mapped.placement.spent import Step
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle
from pimsim.microprogram.output_tree.stream import Stream


def computing(streams: Sequence[Stream], units: int) -> Callable[[int], list[Step]]:
    """Return what streams take in banks in lock-step, which wait for the longest.

    Args:
        streams: what is done for each group of outputs.
        units: number of streams that are priced; if it is larger, ``streams`` are repeated.

    Returns:
        A function from how many streams a bank is given, one after the other, to what that takes:
        in step i all banks execute the i-th of theirs. Each part, and each way of rows from part to
        part, is waited for by itself.

    """
    distinct = list({id(one): one for one in streams}.values())  # copies are the same object
    each = []
    for tally in (one.tally for one in distinct):
        own = Counter[tuple[RowCycle | Kind, object]]()
        for part, tape in enumerate(tally.parts):
            for run in tape.runs:
                own[run.cycle, part] = run.times
        for ends, rows in tally.moved.items():
            own[Kind.RD, ends] += rows
            own[Kind.WR, ends] += rows
        own[Kind.RD, "bits or digits"] = tally.reads
        each.append(own)
    kinds = list(dict.fromkeys(kind for own in each for kind in own))
    number = {id(one): place for place, one in enumerate(distinct)}
    rows_of = np.array([[own[kind] for kind in kinds] for own in each])
    if len(distinct) == 1:  # nothing is waited for
        total_of = Counter[RowCycle | Kind]()
        for (what, _), count in zip(kinds, rows_of[0].tolist(), strict=True):
            total_of[what] += count
        return lambda size: [(what, min(size, units) * count) for what, count in total_of.items()]
    times = rows_of[[number[id(one)] for one in streams]]
    times = np.resize(times, (units, len(kinds)))

    def steps(size: int) -> list[Step]:
        groups = np.pad(times, [(0, -units % size), (0, 0)]).reshape(-1, size, len(kinds))
        longest = groups.max(axis=0).sum(axis=0)
        total = Counter[RowCycle | Kind]()
        for (what, _), count in zip(kinds, longest.tolist(), strict=True):
            total[what] += count
        return list(total.items())

    return steps
