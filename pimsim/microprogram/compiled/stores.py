"""What a segment stores: only rows that somebody can still see.

A row that is overwritten before anything reads it, in this schedule or after it, is left out.
"""

from __future__ import annotations

from pimsim.microprogram.compiled.kernel import Body
from pimsim.microprogram.compiled.places import Flags, Where
from pimsim.microprogram.compiled.segments import Segment

Entry = tuple[Where, int]
"""A place, the same for all outputs or one for each, and the set of outputs that are masked."""


def bodies(
    segments: list[Segment], live: Flags, *, everything: bool = False
) -> list[tuple[Body | None, list[Entry]]]:
    """Kernels of segments in order, with their table entries; None reads a row out.

    Args:
        segments: in order.
        live: places seen at the end.
        everything: store everything that is written.

    """
    live = live.copy()
    found: list[tuple[Body | None, list[Entry]]] = []
    for segment in reversed(segments):
        if segment.read is not None:
            place, slot = segment.read
            live[place] = True
            found.append((None, [(place, 0), (slot, 0)]))
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
        found.append(_body(segment, kept))
    return found[::-1]


def _body(segment: Segment, kept: list[tuple[int, int]]) -> tuple[Body, list[Entry]]:
    stored = [(place, segment.polarity[value]) for place, value in kept]
    kinds = [table for table, _ in segment.values if table is None or table < 0]
    loaded = [e for e, kind in zip(segment.entries, kinds, strict=True) if kind is None]
    masked = any(mask for _, mask in [*loaded, *stored])
    values = tuple(value for _, value in kept)
    return Body(tuple(segment.values), values, masked), [*segment.entries, *stored]
