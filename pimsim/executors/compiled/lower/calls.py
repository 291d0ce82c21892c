"""Kernel calls of an output: what they store, and phases that use the rows of one part.

A row that is overwritten before anything reads it, in this schedule or after it, is not stored.

The rows of all parts do not fit in a cache. So a few outputs (a *block*) go through a phase one
after the other before any of them goes on to the next phase: the rows of one part are then fetched
once for all of them. If an output leaves a value in a row for one of its later phases, the next
output would overwrite it. Therefore the value is *saved* at the end of the phase, and *restored* at
the beginning of the phase that reads it. Every row ends as if the outputs had run one by one,
because the last output of a block comes last in each phase.

This is only right for outputs of one kind, which do the same, if none reads what another has
written; :func:`divide` checks that. :func:`blocks` says which outputs form a block.

>>> blocks(np.array([0, 0, 0, 1, 1]), 2)[0].tolist()
[0, 2, 3, 5]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.executors.compiled.codegen.kernel import Body
from pimsim.executors.compiled.lower.places import Flags, Where
from pimsim.executors.compiled.lower.segments import KernelSegment
from pimsim.executors.compiled.run.tiles import Layout

TableEntry = tuple[Where, int]
"""A place, the same for all outputs or one for each, and the set of outputs that complement it."""


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


def calls(segments: list[KernelSegment], live: Flags) -> list[KernelCall]:
    """Kernel calls of segments in order; ``live`` are the places seen at the end."""
    live = live.copy()
    found: list[KernelCall] = []
    for segment in reversed(segments):
        if segment.read is not None:
            place, slot = segment.read
            live[place] = True
            found.append(KernelCall(None, [(place, 0), (slot, 0)], segment.part, [place], []))
            continue
        kept = [(place, value) for place, value in segment.stores.items() if live[place]]
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


RowCopies = NDArray[np.int64]
"""(n, 2): places, and rows of an output's own that they are copied from or to."""

FEWER = 8
"""Phases pay if kernels use at least this many rows for each row that is copied."""


@dataclass(frozen=True, eq=False)
class CallPhase:
    """Calls of an output, number ``first`` up to ``last``, with copies before and after."""

    first: int
    last: int
    restored: RowCopies
    saved: RowCopies


def divide(calls: Sequence[KernelCall], layout: Layout) -> list[CallPhase]:
    """Phases of an output with calls in order; one if they are not allowed, or would not pay."""
    parts = [call.part for call in calls]
    edges = [i for i in range(1, len(parts)) if parts[i] != parts[i - 1]]
    nothing: RowCopies = np.zeros((0, 2), dtype=np.int64)
    whole = [CallPhase(0, len(calls), nothing, nothing)]
    if not edges:
        return whole
    stretches = list(zip([0, *edges], [*edges, len(calls)], strict=True))
    # Clashes of all outputs are gathered in one place; their order does not matter.
    changing: Flags = np.zeros(layout.places, dtype=np.bool_)
    changing[[place for call in calls for place in call.stores]] = True
    changing[layout.clash] = False
    done: set[int] = set()
    passed: list[tuple[set[int], set[int]]] = []
    for first, last in stretches:
        reads, writes = _reads_writes(calls[first:last], changing)
        if not reads <= done:
            return whole  # another output has left it
        done |= writes
        passed.append((reads, writes))
    places = sorted(set().union(*(reads for reads, _ in passed)))
    own = {place: number for number, place in enumerate(places)}
    later: set[int] = set()
    found: list[CallPhase] = []
    for (first, last), (reads, writes) in zip(stretches[::-1], passed[::-1], strict=True):
        restored, saved = (
            np.array([(place, own[place]) for place in sorted(some)], dtype=np.int64).reshape(-1, 2)
            for some in (reads, writes & later)
        )
        later |= reads
        found.append(CallPhase(first, last, restored, saved))
    copied = sum(len(phase.restored) + len(phase.saved) for phase in found)
    if copied * FEWER > sum(len(call.entries) for call in calls):
        return whole
    return found[::-1]


def _reads_writes(calls: Sequence[KernelCall], changing: Flags) -> tuple[set[int], set[int]]:
    """Places read before they are written, of those that change at all; and places written."""
    reads: set[int] = set()
    writes: set[int] = set()
    waiting = changing.copy()
    for call in calls:
        for where in call.loads:
            if isinstance(where, int):
                if where not in writes:
                    reads.add(where)
            elif not where.lasting:
                places = where.places
                some = waiting.take(places)
                if some.any():
                    reads.update(places[some].tolist())
        writes.update(call.stores)
        waiting[call.stores] = False
    known = set(np.flatnonzero(changing).tolist())
    return reads & known, writes & known


def blocks(kinds: NDArray[np.integer[Any]], size: int) -> tuple[RowCopies, NDArray[np.int64]]:
    """Divide outputs into blocks of one kind.

    Args:
        kinds: (n,) of outputs in order.
        size: outputs of a block at most.

    Returns:
        Edges of the blocks: block b is ``edges[b]`` up to ``edges[b + 1]``; and the kind of each.
    """
    numbers = np.arange(len(kinds))
    starts = np.diff(kinds, prepend=-1) != 0
    begin = np.maximum.accumulate(np.where(starts, numbers, 0))
    starts |= (numbers - begin) % size == 0
    first = np.flatnonzero(starts)
    return np.append(first, len(kinds)), kinds[first].astype(np.int64)
