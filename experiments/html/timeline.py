"""The first commands of a run, as the scheduler issued them, and how a page shows them.

Two windows of commands are kept: from the first command on, and from the first AAP or AP on.
Writing operands, which comes first, can take long.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.html.blocks import Band, Timeline
from experiments.output.words import counted, quantity
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.event import Event, Spans
from pimsim.dram.traces.recorder import Ending

KEPT = 512
"""Commands in each of the two windows."""
SEARCHED = 1 << 18
"""The first AAP or AP is looked for among so many commands."""
LANES = 16
"""Banks that are shown at most."""
_SERIES = {
    Kind.AAP: 0, Kind.AP: 1, Kind.WR: 2, Kind.RD: 3, Kind.REF: 6, Kind.ACT: 4, Kind.PRE: 7,
    Kind.TRANSFER: 5,
}  # fmt: skip
_COMPUTES = (int(Kind.AAP), int(Kind.AP))


class FirstCommands(Ending):
    """Keeps the first commands of a stream: a target of :mod:`pimsim.dram.traces.recorder`.

    >>> first = FirstCommands()
    >>> first.add_block(Block.of([Event(0, Kind.AAP, bank=0, row=18, row2=19)]), np.zeros(1))
    >>> [[event.kind.name for event in window] for window in first.windows()]
    [['AAP']]
    """

    on_bus = False
    """Commands with their times in the run."""

    def __init__(self) -> None:
        self._start: list[Event] = []
        self._computing: list[Event] = []
        self._seen = 0
        self._begins: int | None = None
        """How many commands came before the first AAP or AP."""

    @property
    def room(self) -> int:
        """How many commands it still looks at."""
        if self._begins is None:
            return max(0, SEARCHED - self._seen)
        return max(0, KEPT - len(self._computing))

    def add_block(self, block: Block, wait_clocks: Numbers) -> None:
        """Look at commands, in the order of issue."""
        self._start += block[: max(0, KEPT - len(self._start))].events()
        if self._begins is None:
            found = np.flatnonzero(np.isin(block.kind, _COMPUTES))
            if len(found):
                self._begins = self._seen + int(found[0])
                block = block[int(found[0]) :]
        self._seen += len(block)
        if self._begins is not None:
            self._computing += block[: max(0, KEPT - len(self._computing))].events()

    def skip(self, commands: int) -> None:
        """Do nothing: later commands are not shown."""

    def windows(self) -> list[Sequence[Event]]:
        """Return the first window, and the second one if it begins later."""
        later = self._begins is not None and self._begins > len(self._start) // 2
        return [one for one in (self._start, self._computing if later else []) if one]


def blocks(first: FirstCommands, standard: Standard, options: ModelOptions) -> list[Timeline]:
    """Return a timeline for each window."""
    spans = Spans.of(standard, options)
    captions = ("From the first command on", "From the first row command that computes on")
    return [
        timeline(window, spans, caption)
        for window, caption in zip(first.windows(), captions, strict=False)
    ]


def timeline(events: Sequence[Event], spans: Spans, caption: str) -> Timeline:
    """Return the commands of banks as bands; consecutive reads or writes of a row are one band."""
    begin_ps = min(event.at_ps for event in events)
    every = sorted({event.bank for event in events if event.kind is not Kind.REF})
    banks = every[:LANES]
    runs = [run for run in _joined(events, spans) if _lanes(run[0], banks, spans)]
    length_ps = max(end for _, end, _ in runs) - begin_ps
    kinds = [kind for kind in _SERIES if any(run[0].kind is kind for run in runs)]
    bands = [
        Band(
            lane,
            (event.at_ps - begin_ps) / length_ps,
            (end_ps - event.at_ps) / length_ps,
            _SERIES[event.kind],
            _title(event, end_ps, times),
        )
        for event, end_ps, times in runs
        for lane in _lanes(event, banks, spans)
    ]
    by_kind = ", ".join(
        f"{sum(event.kind is kind for event in events):,} {kind.name}" for kind in kinds
    )
    left_out = len(every) - len(banks)
    more = f", {counted(left_out, 'bank')} more not shown" if left_out else ""
    return Timeline(
        f"{caption}: {quantity(length_ps, 'ps')} of the scheduler's timeline, {len(events):,} "
        f"commands{more}.",
        f"Timeline of {counted(len(banks), 'bank')} over {quantity(length_ps, 'ps')}: {by_kind}.",
        [f"bank {bank}" for bank in banks],
        bands,
        _ticks(begin_ps, length_ps),
        tuple((kind.name, _SERIES[kind]) for kind in kinds),
    )


def _lanes(event: Event, banks: Sequence[int], spans: Spans) -> list[int]:
    """Lanes of the banks that a command uses; a REF uses all banks of its rank."""
    if event.kind is not Kind.REF:
        return [banks.index(event.bank)] if event.bank in banks else []
    of_rank = spans.opens_banks[Kind.REF]
    return [lane for lane, bank in enumerate(banks) if bank // of_rank == event.bank // of_rank]


def _joined(events: Sequence[Event], spans: Spans) -> list[tuple[Event, int, int]]:
    """Commands with their ends; consecutive commands of a kind in a bank are joined."""
    found: list[tuple[Event, int, int]] = []
    last: dict[int, int] = {}
    for event in events:
        busy_ps = spans.busy_ps[event.kind]
        end_ps = event.at_ps + busy_ps
        place = last.get(event.bank)
        if place is not None and event.kind in (Kind.RD, Kind.WR, Kind.TRANSFER):
            first, before_ps, times = found[place]
            if first.kind is event.kind and first.row == event.row:
                found[place] = first, max(before_ps, end_ps), times + 1
                continue
        if place is not None:  # a command lasts until the next one at most
            first, before_ps, times = found[place]
            found[place] = first, min(before_ps, max(event.at_ps, first.at_ps)), times
        last[event.bank] = len(found)
        found.append((event, end_ps, 1))
    return found


def _title(event: Event, end_ps: int, times: int) -> str:
    rows = "" if event.row is None else f", row {event.row}"
    rows += "" if event.row2 is None else f" to row {event.row2}"
    if event.kind is Kind.REF:
        return f"REF of the rank, {event.at_ps / 1000:,.2f} to {end_ps / 1000:,.2f} ns"
    many = f"{times} x " if times > 1 else ""
    return (
        f"{many}{event.kind.name}, bank {event.bank}{rows}, "
        f"{event.at_ps / 1000:,.2f} to {end_ps / 1000:,.2f} ns"
    )


def _ticks(begin_ps: int, length_ps: int) -> list[tuple[float, str]]:
    """Round times along the axis, three to ten."""
    step_ps = 10 ** (len(str(max(1, length_ps))) - 1)
    while length_ps / step_ps < 3:
        step_ps = step_ps // 2 if step_ps % 2 == 0 else max(1, step_ps // 5)
        if step_ps == 1:
            break
    first = -(-begin_ps // step_ps) * step_ps
    times_ps = range(first, begin_ps + length_ps + 1, step_ps)
    scale, unit = (1e6, "us") if begin_ps + length_ps >= 1e6 else (1e3, "ns")
    return [((at - begin_ps) / length_ps, f"{at / scale:,.4g} {unit}") for at in times_ps]
