"""Commands of a trace, many at a time: one array for each of an event's fields.

>>> block = Block.of([Event(0, Kind.AP, bank=3, row=1006), Event(9, Kind.REF, bank=3)])
>>> block.at_ps.tolist(), block.row.tolist()
([0, 9], [1006, -1])
>>> block[1:].events() == [Event(9, Kind.REF, bank=3)]
True
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.traces.event import Event

Numbers = NDArray[np.int64]

_KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Commands in the order of issue, ``(commands,)`` int64 each; -1 stands for None."""

    at_ps: Numbers
    kind: Numbers
    bank: Numbers
    row: Numbers
    row2: Numbers
    column: Numbers
    extra_wordlines: Numbers
    to: Numbers

    @staticmethod
    def of(events: Sequence[Event]) -> Block:
        """Return the block of some events."""
        table = [
            [-1 if value is None else value for value in (getattr(e, name) for e in events)]
            for name in NAMES
        ]
        return Block(*(np.array(column, dtype=np.int64) for column in table))

    @staticmethod
    def joined(blocks: Iterable[Block]) -> Block:
        """Return blocks, one or more, one after the other."""
        some = list(blocks)
        if len(some) == 1:
            return some[0]
        return Block(*(np.concatenate([getattr(each, name) for each in some]) for name in NAMES))

    def events(self) -> list[Event]:
        """The same, an object each."""
        rows = zip(*(column.tolist() for column in self.columns()), strict=True)
        return [
            Event(
                at_ps, _KINDS[kind], bank, _given(row), _given(row2), _given(column), extra,
                _given(to),
            )
            for at_ps, kind, bank, row, row2, column, extra, to in rows
        ]  # fmt: skip

    def columns(self) -> tuple[Numbers, ...]:
        """The arrays, in the order of the fields."""
        return tuple(getattr(self, name) for name in NAMES)

    def __len__(self) -> int:
        return len(self.at_ps)

    def __getitem__(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Block:
        """Some of the commands."""
        return Block(*(getattr(self, name)[which] for name in NAMES))


def _given(number: int) -> int | None:
    return None if number < 0 else number


NAMES = tuple(field.name for field in fields(Block))
"""Fields of a block, as those of an event."""
