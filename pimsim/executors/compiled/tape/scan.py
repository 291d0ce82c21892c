"""Compiled check of tapes, on which their machine code relies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.object_code import Kept, part

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FINE, CODE, SHORT, PLACE, CONSTANT, PARTS, APART, PATTERN, SLOT, UNREAD = range(10)
"""Errors of a record: none; no such template; cut off; a place that is not a row; a constant that
is written, read out or moved; rows of several parts; rows that must differ; another pattern in the
cells than the one it needs; a slot that does not exist. UNREAD: no row was read into a slot."""


class Rules(NamedTuple):
    """The valid records of a table."""

    symbols: Ints
    """(templates + 2,) places, the slot of a read among them; one or more."""
    reads: Flags
    """(templates + 2, places) whether a row is sensed before it is written."""
    writes: Flags
    """(templates + 2, places) whether a row is written."""
    stores: Ints
    """(templates + 2, n) the places that are written, then -1."""
    apart: Ints
    """(templates + 2, n, 2) pairs of places that must not be the same, then -1."""
    before: Ints
    """(templates,) number of the pattern that it takes, -1 for none."""
    after: Ints
    """(templates,) number of the pattern that it leaves, -1 for none."""
    layout: Ints
    """(4,) places of a part, rows among them, constants among these, parts."""


class Tapes(NamedTuple):
    """Tapes one after the other."""

    records: NDArray[Any]
    """All of them, with a number behind each."""
    edges: Ints
    """(tapes + 1,) where each begins."""
    slots: Ints
    """(tapes + 1,) its first slot among all."""


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
    """(slots,) whether a row is read into it."""
    told: Ints
    """(3,) the tape that is wrong, where its record begins, and the number meant."""


@part
def _tell(seen: Seen, wrong: int, at: int, meant: int) -> int:
    seen.told[1], seen.told[2] = at, meant
    return wrong


@part
def _scan_one(tape: NDArray[Any], rules: Rules, seen: Seen, state: Ints, read: Flags) -> int:
    """Look through a tape; ``state`` has the number of rows wanted, ``read`` its slots."""
    stride, stored, constants, parts = rules.layout
    templates = len(rules.before)
    at, pattern, home, base = 0, -1, -1, 0
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
                if place >= len(read):
                    return _tell(seen, SLOT, at, place)
                read[place] = True
                continue
            if place < base or place >= base + stride:  # division takes long
                base = place // stride * stride
            if place >= parts * stride or place - base >= stored:
                return _tell(seen, PLACE, at, place)
            if place - base < constants and (code >= templates or rules.writes[code, index]):
                return _tell(seen, CONSTANT, at, place)
            if code < templates:
                if part not in (-1, base):
                    return _tell(seen, PARTS, at, place)
                part = base
            if rules.reads[code, index] and not seen.written[place] and not seen.wanted[place]:
                seen.wanted[place] = True
                seen.order[state[0]] = place
                state[0] += 1
        pair = 0
        while rules.apart[code, pair, 0] >= 0:
            place = int(tape[at + 1 + rules.apart[code, pair, 0]])
            if place == int(tape[at + 1 + rules.apart[code, pair, 1]]):
                return _tell(seen, APART, at, place)
            pair += 1
        place_of = 0
        while rules.stores[code, place_of] >= 0:
            seen.written[int(tape[at + 1 + rules.stores[code, place_of]])] = True
            place_of += 1
        if code < templates:
            before = rules.before[code]
            if before >= 0 and (pattern != before or part != home):
                return _tell(seen, PATTERN, at, code)
            pattern, home = rules.after[code], part
            seen.parts[part // stride] = True
        at += 1 + places
    for slot in range(len(read)):
        if not read[slot]:
            return _tell(seen, UNREAD, at, slot)
    return FINE


def _scan(tapes: Tapes, rules: Rules, seen: Seen, state: Ints) -> int:
    for number in range(len(tapes.edges) - 1):
        seen.told[0] = number
        tape = tapes.records[tapes.edges[number] : tapes.edges[number + 1] - 1]
        read = seen.slots[tapes.slots[number] : tapes.slots[number + 1]]
        wrong = _scan_one(tape, rules, seen, state, read)
        if wrong != FINE:
            return wrong
    return FINE


scan = Kept(_scan, [Path(__file__)])
"""Look through tapes in order; returns what is wrong. ``state`` is a zero."""
