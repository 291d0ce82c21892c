"""What a segment stores: only rows that somebody can still see.

A row that is overwritten before anything reads it, in this schedule or after it, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.executors.compiled.codegen.kernel import Body
from pimsim.executors.compiled.lower.places import Flags, Where
from pimsim.executors.compiled.lower.segments import KernelSegment

TableEntry = tuple[Where, int]
"""A place, the same for all outputs or one for each, and the set of outputs that are masked."""


@dataclass(frozen=True, slots=True)
class KernelCall:
    """A kernel and its table entries."""

    body: Body | None
    """None reads a row out."""
    entries: list[TableEntry]
    part: int
    """Part whose rows it touches."""
    loads: list[Where]
    """Places that are loaded, before any is stored."""
    stores: list[int]
    """Places that are stored."""


def calls(
    segments: list[KernelSegment], live: Flags, *, everything: bool = False
) -> list[KernelCall]:
    """Kernel calls of segments in order.

    Args:
        segments: in order.
        live: places seen at the end.
        everything: store everything that is written.

    """
    live = live.copy()
    found: list[KernelCall] = []
    for segment in reversed(segments):
        if segment.read is not None:
            place, slot = segment.read
            live[place] = True
            found.append(KernelCall(None, [(place, 0), (slot, 0)], segment.part, [place], []))
            continue
        kept = [(p, value) for p, value in segment.stores.items() if everything or live[p]]
        if not everything:
            live[list(segment.stores)] = False
        if not kept:
            continue
        for where, _ in segment.entries:
            if isinstance(where, int):
                live[where] = True
            elif not where.lasting:
                live[where.places] = True
        found.append(_call(segment, kept))
    return found[::-1]


def _call(segment: KernelSegment, kept: list[tuple[int, int]]) -> KernelCall:
    stored = [(place, segment.polarity[value]) for place, value in kept]
    kinds = [table for table, _ in segment.values if table is None or table < 0]
    loaded = [e for e, kind in zip(segment.entries, kinds, strict=True) if kind is None]
    masked = any(mask for _, mask in [*loaded, *stored])
    values = tuple(value for _, value in kept)
    body = Body(tuple(segment.values), values, masked)
    loads, stores = [where for where, _ in loaded], [place for place, _ in kept]
    return KernelCall(body, [*segment.entries, *stored], segment.part, loads, stores)
