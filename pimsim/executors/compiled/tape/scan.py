"""Compiled check of a tape, on which its machine code relies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.object_code import Kept, part

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FINE, CODE, SHORT, PLACE, CONSTANT, PARTS, APART, PATTERN, SLOT = range(9)
"""Errors of a record: none; no such template; cut off; a place that is not a row; a constant that
is written, read out or moved; rows of several parts; rows that must differ; another pattern in the
cells than the one it needs; a slot that does not exist."""


class Rules(NamedTuple):
    """The valid records of a table."""

    symbols: Ints
    """(templates + 2,) places, the slot of a read among them; one or more."""
    reads: Flags
    """(templates + 2, places) whether a row is sensed before it is written."""
    writes: Flags
    """(templates + 2, places) whether a row is written."""
    apart: Flags
    """(templates + 2, places, places) whether two must not be the same."""
    before: Ints
    """(templates,) number of the pattern that it takes, -1 for none."""
    after: Ints
    """(templates,) number of the pattern that it leaves, -1 for none."""
    layout: Ints
    """(4,) places of a part, rows among them, constants among these, parts."""


class Seen(NamedTuple):
    """The rows that tapes read and write."""

    written: Flags
    """(places,) whether a row is written."""
    wanted: Flags
    """(places,) whether a row is read before."""
    order: Ints
    """(places,) the rows that are wanted, in order, then -1."""
    parts: Flags
    """(parts,) whether templates run there."""
    slots: Flags
    """(slots,) whether a row is read into it, of the last tape."""
    told: Ints
    """(2,) where the record begins that is wrong, and the number meant."""


@part
def _tell(seen: Seen, wrong: int, at: int, meant: int) -> int:
    seen.told[0], seen.told[1] = at, meant
    return wrong


def _scan(tape: NDArray[Any], rules: Rules, seen: Seen) -> int:
    """Look through a tape; returns what is wrong."""
    stride, stored, constants, parts = rules.layout
    templates = len(rules.before)
    wanted = 0
    while wanted < len(seen.order) and seen.order[wanted] >= 0:
        wanted += 1
    at, pattern, home = 0, -1, -1
    while at < len(tape):
        code = int(tape[at])
        if code >= templates + 2:
            return _tell(seen, CODE, at, code)
        places = rules.symbols[code]
        if at + places >= len(tape):
            return _tell(seen, SHORT, at, places)
        part = -1
        for index in range(places):
            place = int(tape[at + 1 + index])
            if code == templates and index == 1:
                if place >= len(seen.slots):
                    return _tell(seen, SLOT, at, place)
                seen.slots[place] = True
                continue
            own = place % stride
            if place >= parts * stride or own >= stored:
                return _tell(seen, PLACE, at, place)
            if own < constants and (code >= templates or rules.writes[code, index]):
                return _tell(seen, CONSTANT, at, place)
            if code < templates:
                if part not in (-1, place // stride):
                    return _tell(seen, PARTS, at, place)
                part = place // stride
            for other in range(index):
                if rules.apart[code, index, other] and int(tape[at + 1 + other]) == place:
                    return _tell(seen, APART, at, place)
            if rules.reads[code, index] and not seen.written[place] and not seen.wanted[place]:
                seen.wanted[place] = True
                seen.order[wanted] = place
                wanted += 1
        for index in range(places):
            if rules.writes[code, index]:
                seen.written[int(tape[at + 1 + index])] = True
        if code < templates:
            before = rules.before[code]
            if before >= 0 and (pattern != before or part != home):
                return _tell(seen, PATTERN, at, code)
            pattern, home = rules.after[code], part
            seen.parts[part] = True
        at += 1 + places
    return _tell(seen, FINE, at, 0)


scan = Kept(_scan, [Path(__file__)])
"""Look through a tape; returns what is wrong."""
