"""The commands that a DRAM channel carries, those of processing-using-DRAM included.

>>> [kind.name for kind in Kind if kind.opens]
['ACT', 'AAP', 'AP']
"""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """A command; AAP and AP are one command to the scheduler, their ACTs and PRE included."""

    ACT = 0
    """ACTIVATE."""
    PRE = 1
    """PRECHARGE of one bank."""
    RD = 2
    """READ of one burst."""
    WR = 3
    """WRITE of one burst."""
    REF = 4
    """REFRESH of all banks of a rank."""
    AAP = 5
    """ACTIVATE, ACTIVATE, PRECHARGE of one bank."""
    AP = 6
    """ACTIVATE, PRECHARGE of one bank."""
    TRANSFER = 7
    """One burst from an open row of a bank to an open row of another bank of the rank, over the
    chips' internal bus: what RowClone's pipelined serial mode (PSM) is made of."""

    @property
    def opens(self) -> bool:
        """Whether it begins with an ACTIVATE."""
        return self in (Kind.ACT, Kind.AAP, Kind.AP)
