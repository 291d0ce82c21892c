"""Checked tapes: every record is valid, and the rows that they read and write are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.compiled.tape.template import (
    Pattern,
    Template,
    TemplateFunction,
    derived,
)

Tape = NDArray[np.uint16] | NDArray[np.uint32]
_SIZES = (2, 4)


class CompiledTapes:
    """Tapes that follow one another on the same rows.

    A tape is a flat array of records: the number of a template in the table, and the place of each
    symbol of its program. ``len(table)`` reads: a place, and the slot among those of the tape.
    ``len(table) + 1`` moves: a place, and the one it goes to. Places are those of the layout. No
    pattern is in the cells at the beginning of a tape.

    Args:
        table: templates.
        patterns: cells of the held value, by name of the pattern.
        tapes: all uint16, or all uint32.
        slots: number of rows that each tape reads out.
        layout: where rows lie.

    Raises InputError, naming tape and record, for an invalid record.
    """

    def __init__(
        self,
        table: Sequence[Template],
        patterns: Mapping[str, Pattern],
        tapes: Sequence[Tape],
        slots: Sequence[int],
        layout: Layout,
    ) -> None:
        from pimsim.executors.compiled.tape import scan

        self.table, self.layout = tuple(table), layout
        self.functions = derived(self.table, patterns)
        self.slots = np.array(slots, dtype=np.int64)
        """(tapes,) rows that each reads out."""
        kinds = {tape.dtype for tape in tapes}
        if len(kinds) > 1 or any(kind.kind != "u" or kind.itemsize not in _SIZES for kind in kinds):
            raise InputError(
                "`tapes` must be all uint16 or all uint32, not "
                f"{' and '.join(sorted(map(str, kinds)))}"
            )
        if len(tapes) != len(slots):
            raise InputError(f"`slots` must be {len(tapes)} numbers, one a tape, not {len(slots)}")
        for one in self.table:
            if one.program.address_map != layout.map:
                raise InputError(
                    f"template {one.program.name!r} must be for the address map "
                    f"{layout.map.name!r}, not {one.program.address_map.name!r}"
                )
        self.edges = np.cumsum([0, *(len(tape) + 1 for tape in tapes)], dtype=np.int64)
        """(tapes + 1,) where each begins in ``records``."""
        kind = next(iter(kinds), np.dtype(np.uint16))
        self.records: NDArray[Any] = np.full(self.edges[-1], len(self.table) + 2, dtype=kind)
        """All tapes, a number behind each that stops."""
        for number, tape in enumerate(tapes):
            self.tape(number)[:] = tape
        rules = _rules(self.table, self.functions, patterns, layout)
        places = layout.places
        flags = np.zeros((3, places), dtype=np.bool_)
        order = np.full(places, -1, dtype=np.int64)
        parts, told = np.zeros(layout.parts, dtype=np.bool_), np.zeros(3, dtype=np.int64)
        firsts = np.cumsum([0, *self.slots], dtype=np.int64)
        seen = scan.Seen(
            flags[0], flags[1], order, parts, np.zeros(firsts[-1], dtype=np.bool_), told
        )
        every = scan.Tapes(self.records, self.edges, firsts)
        wrong = scan.scan(every, rules, seen, np.zeros(1, dtype=np.int64))
        if wrong:
            raise InputError(self._refusal(wrong, *told.tolist()))
        self.written: NDArray[np.bool_] = flags[0]
        """(places,) rows that are written."""
        self.needed: NDArray[np.int64] = order[order >= 0]
        """Places that are read before they are written, in order."""
        self.lost: NDArray[np.bool_] = flags[2]
        """(places,) compute cells that hold what is not kept."""
        for part in np.flatnonzero(parts).tolist():
            self.lost[[layout.cell(cell, part) for cell in range(len(layout.map.cells))]] = True

    def tape(self, number: int) -> NDArray[Any]:
        """The records of a tape."""
        return self.records[self.edges[number] : self.edges[number + 1] - 1]

    def _refusal(self, wrong: int, number: int, at: int, meant: int) -> str:
        from pimsim.executors.compiled.tape import scan

        if wrong == scan.UNREAD:
            return (
                f"tape {number} must read a row into each of its {self.slots[number]} slots, "
                f"not none into slot {meant}"
            )
        templates = len(self.table)
        said = {
            scan.CODE: f"must begin with a number up to {templates + 1}, not {meant}",
            scan.SHORT: f"must have {meant} places",
            scan.PLACE: f"must name rows of the layout, not place {meant}",
            scan.CONSTANT: f"must not write, read out or move the constant at place {meant}",
            scan.PARTS: f"must have all rows in one part, not another one for place {meant}",
            scan.APART: f"must not name place {meant} twice",
            scan.PATTERN: "must take the pattern that the one before leaves, in the same part",
            scan.SLOT: f"must read into one of the slots, not {meant}",
        }
        return f"tape {number}, record at {at} {said[wrong]}"


def _rules(
    table: Sequence[Template],
    functions: Sequence[TemplateFunction],
    patterns: Mapping[str, Pattern],
    layout: Layout,
) -> Any:
    from pimsim.executors.compiled.tape.scan import Rules

    count, most = len(table), max([2, *(one.symbols for one in functions)])
    reads, writes = np.zeros((2, count + 2, most), dtype=np.bool_)
    stores = np.full((count + 2, most + 1), -1, dtype=np.int64)
    apart = np.full((count + 2, most * most + 1, 2), -1, dtype=np.int64)
    for number, one in enumerate(functions):
        reads[number, list(one.needed)] = True
        writes[number, list(one.stores)] = True
        stores[number, : len(one.stores)] = one.stores
        pairs = sorted({(min(pair), max(pair)) for pair in one.apart})
        apart[number, : len(pairs)] = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    reads[count:, 0] = writes[count + 1, 1] = True
    stores[count + 1, 0] = 1
    names: dict[str | None, int] = {None: -1}
    names |= {name: number for number, name in enumerate(patterns)}
    return Rules(
        np.array([*(one.symbols for one in functions), 2, 2], dtype=np.int64),
        reads,
        writes,
        stores,
        apart,
        np.array([names[one.before] for one in table], dtype=np.int64),
        np.array([names[one.after] for one in table], dtype=np.int64),
        np.array(
            [layout.stride, layout.stored, len(layout.map.constants), layout.parts], dtype=np.int64
        ),
    )
