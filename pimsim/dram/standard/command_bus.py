"""For how many clocks commands take the bus, and from which of them distances count.

>>> ddr5 = CommandBus(act_clocks=2, column_clocks=2, other_clocks=1)
>>> ddr5.taken(Kind.ACT), ddr5.taken(Kind.PRE)  # its second clock is the one that counts
((1, 0), (0, 0))
"""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.dram.commands import Kind
from pimsim.errors import InputError
from pimsim.ranges import require

_OTHERS = frozenset((Kind.PRE, Kind.REF))


@dataclass(frozen=True, slots=True)
class CommandBus:
    """Clocks of the command bus that each command takes; one, where a part does not say.

    If a command takes several, distances to other commands count from the last clock. Only then has
    the DRAM received the whole command and begins (JESD79-5 for two-cycle commands; JESD209-4 for
    ACTIVATE-1 and -2, and for READ-1 and CAS-2).

    Raises :class:`~pimsim.errors.InputError` if a value is out of range, or counts from a clock
    that the command does not have.
    """

    act_clocks: int
    """An ACTIVATE."""
    column_clocks: int
    """A READ or WRITE, and what comes with each (CAS-2 of LPDDR4)."""
    other_clocks: int
    """A PRECHARGE or REFRESH."""
    act_counts_from: int | None = None
    """The clock of an ACTIVATE from which distances count, 1 the first; None: the last."""
    buses: int = 1
    """2 where READs and WRITEs have a bus of their own beside that of other commands (HBM2,
    HBM3)."""

    def __post_init__(self) -> None:
        require(self)
        if self.act_counts_from is not None and self.act_counts_from > self.act_clocks:
            raise InputError(
                f"`act_counts_from` must be at most act_clocks ({self.act_clocks}), "
                f"not {self.act_counts_from}"
            )

    def clocks(self, kind: Kind) -> int:
        """Return how many clocks an ACT, PRE, RD, WR, REF or TRANSFER takes."""
        if kind is Kind.ACT:
            return self.act_clocks
        return self.other_clocks if kind in _OTHERS else self.column_clocks

    def taken(self, kind: Kind) -> tuple[int, int]:
        """Return how many clocks a command takes before the one that counts, and how many after.

        >>> CommandBus(2, 2, 1, act_counts_from=1).taken(Kind.ACT)  # LPDDR5: ACT-1 counts
        (0, 1)
        """
        clocks = self.clocks(kind)
        from_clock = self.act_counts_from if kind is Kind.ACT else None
        before = (from_clock or clocks) - 1
        return before, clocks - 1 - before

    def bus(self, kind: Kind) -> int:
        """Return the bus that a command takes: 0, or 1 for column commands with their own bus.

        >>> CommandBus(2, 1, 1, buses=2).bus(Kind.RD), ONE_CLOCK.bus(Kind.RD)
        (1, 0)
        """
        return int(self.buses == 2 and kind is not Kind.ACT and kind not in _OTHERS)


ONE_CLOCK = CommandBus(1, 1, 1)
"""Every command takes one clock: DDR3, DDR4 and GDDR6."""
