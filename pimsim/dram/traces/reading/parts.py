"""Commands on the bus, with their lines: many ACT, PRE, RD, WR, REF and TRANSFER at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.standard.standard import Standard
from pimsim.dram.traces.block import Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Commands in the order of the file or of time, ``(commands,)`` int64 each."""

    at_ps: Numbers
    kind: Numbers
    bank: Numbers
    to: Numbers
    """Bank that a TRANSFER goes to, else -1."""
    line: Numbers
    """Line of the file, from 1 on."""

    def __len__(self) -> int:
        return len(self.at_ps)

    def __getitem__(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Parts:
        """Some of them."""
        return Parts(*(getattr(self, name)[which] for name in NAMES))

    @staticmethod
    def joined(parts: Sequence[Parts]) -> Parts:
        """Return one or more, one after the other."""
        return Parts(*(np.concatenate([getattr(one, name) for one in parts]) for name in NAMES))


NAMES = tuple(field.name for field in fields(Parts))


class Unfolding:
    """Splits AAPs and APs into ACTs and PREs, and puts all commands in the order of time.

    >>> from pimsim.dram.standard.standard import load
    >>> unfolding = Unfolding(load("ddr3-1600-8-8-8"), ModelOptions())
    >>> one = np.array([0])
    >>> parts = unfolding.add(Parts(one, one + Kind.AAP, one + 3, one - 1, one + 1), 0)
    >>> parts.at_ps.tolist(), unfolding.rest().at_ps.tolist()
    ([0], [4000, 39000])
    """

    def __init__(self, standard: Standard, options: ModelOptions) -> None:
        self._second_ps = second_act_ps(standard, options)
        self._row_ps = effective_timing(standard, options).t_ras_ps
        none = np.zeros(0, np.int64)
        self._waiting = Parts(none, none, none, none, none)

    def add(self, parts: Parts, until_ps: int) -> Parts:
        """Take commands; return those up to ``until_ps``, before which no further one may come."""
        opened = (parts.kind == Kind.AAP) | (parts.kind == Kind.AP)
        both = parts.kind == Kind.AAP
        kind = np.where(opened, Kind.ACT, parts.kind)
        pre_ps = parts.at_ps + self._row_ps + np.where(both, self._second_ps, 0)
        every = Parts.joined(
            [
                self._waiting,
                Parts(parts.at_ps, kind, parts.bank, parts.to, parts.line),
                _of(parts[both], parts.at_ps[both] + self._second_ps, Kind.ACT),
                _of(parts[opened], pre_ps[opened], Kind.PRE),
            ]
        )
        every = every[np.lexsort((every.line, every.at_ps))]
        settled = int(np.searchsorted(every.at_ps, until_ps, side="right"))
        self._waiting = every[settled:]
        return every[:settled]

    def rest(self) -> Parts:
        """Return what is left at the end."""
        return self._waiting


def _of(parts: Parts, at_ps: Numbers, kind: Kind) -> Parts:
    return Parts(at_ps, np.full(len(parts), int(kind)), parts.bank, parts.to, parts.line)
