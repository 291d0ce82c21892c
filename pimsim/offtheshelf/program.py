"""Programs of unmodified chips: steps over rows of two neighbouring subarrays.

>>> step = Activate(Row(0, 0), Row(0, 7), MAJORITY)
>>> str(step), step.delays.t2_ns
('ACT 0:0, 1.5 ns, PRE, 3 ns, ACT 0:7', 3.0)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.offtheshelf.decoder import CLONE_GAP_NS

MAJORITY = ActivationDelays(1.5, 3.0)
"""Delays of majorities: the best measured ones (Yuksel et al., DSN 2024, section 5)."""
COPY = ActivationDelays(36.0, 3.0)
"""Delays of a copy to many rows: a whole tRAS, then a PRECHARGE cut short (the same, section 6)."""
CLONE = ActivationDelays(36.0, CLONE_GAP_NS)
"""Delays of a copy to any one row."""
INVERSION = ActivationDelays(46.5, 3.0)
"""Delays of a NOT: 31 and 2 slots of 1.5 ns (artifact of Yuksel et al., Functionally-Complete
Boolean Logic in Real DRAM Chips, HPCA 2024: CMU-SAFARI/FCDRAM, NotReliability)."""
LOGIC = ActivationDelays(1.5, 1.5)
"""Delays of AND and OR: a slot each (the same artifact, NandNorReliability)."""
FRAC_NS = 1.5
"""ACTIVATE to PRECHARGE of a Frac, which leaves vdd/2 in a row: one slot (both artifacts; Gao et
al., FracDRAM, MICRO 2022)."""
LATCHED_NS = 18.0
"""Least time from ACTIVATE to PRECHARGE after which the sense amplifiers have decided: the least
with which SiMRA's copies were right (DSN 2024; boxes at 18 and 36 ns, followed by 3 ns or more)."""


class Row(NamedTuple):
    """A row of one of two neighbouring subarrays."""

    subarray: int
    """0 or 1."""
    row: int

    def __str__(self) -> str:
        return f"{self.subarray}:{self.row}"


@dataclass(frozen=True, slots=True)
class Activate:
    """ACT of one row, PRE, ACT of another, with violated delays.

    If the delay before PRE is :data:`LATCHED_NS` or more, the first row has been read, and all rows
    that open with it are overwritten by it. Otherwise all rows that open share their charge, and
    the sense amplifiers overwrite them with the result.
    """

    first: Row
    second: Row
    delays: ActivationDelays

    @property
    def latched(self) -> bool:
        """Whether the first row is read before the second opens."""
        return self.delays.t1_ns >= LATCHED_NS

    @property
    def alone(self) -> bool:
        """Whether only the two named rows open."""
        return self.delays.t2_ns >= CLONE_GAP_NS

    def __str__(self) -> str:
        t1, t2 = self.delays.t1_ns, self.delays.t2_ns
        return f"ACT {self.first}, {t1:g} ns, PRE, {t2:g} ns, ACT {self.second}"


@dataclass(frozen=True, slots=True)
class Frac:
    """ACT of a row and PRE at once: its cells are left nearer to vdd/2 than they were."""

    row: Row

    def __str__(self) -> str:
        return f"ACT {self.row}, {FRAC_NS:g} ns, PRE"


Step: TypeAlias = Activate | Frac


@dataclass(frozen=True, slots=True)
class ChipProgram:
    """Steps in order, and where operands and results stand.

    Operands and constants are in rows of their own before it; all rows that steps open are
    overwritten.
    """

    name: str
    steps: tuple[Step, ...]
    inputs: tuple[Row, ...]
    outputs: tuple[Row, ...]
    """Rows that hold the result, all the same."""
    constants: tuple[tuple[Row, int], ...] = ()
    """Rows that must hold a bit in every column."""
    halved: bool = False
    """Whether the result is only in the columns whose sense amplifiers the subarrays share."""
    deciding: int = 0
    """Number of the step that computes; the others bring operands, and take the result away."""

    def activations(self) -> Iterator[Activate]:
        """Return the steps that open several rows or copy one."""
        return (step for step in self.steps if isinstance(step, Activate))
