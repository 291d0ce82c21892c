"""Random cycles of commands, which a stream repeats."""

from __future__ import annotations

from hypothesis import strategies as st

from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle

Counts = st.SearchStrategy[int]
Cycles = st.SearchStrategy[RowCycle]


def programs(counts: Counts, most: int) -> Cycles:
    """AAPs and APs, so many at a time."""
    kinds = st.sampled_from([Kind.AAP, Kind.AP])
    return st.lists(st.tuples(kinds, counts), min_size=1, max_size=most).map(tuple)


def transfers(counts: Counts, most: int) -> Cycles:
    """A row that is opened, read and written, and closed."""
    kinds = st.sampled_from([Kind.RD, Kind.WR])
    return st.lists(st.tuples(kinds, counts), max_size=most).map(
        lambda columns: ((Kind.ACT, 1), *columns, (Kind.PRE, 1))
    )
