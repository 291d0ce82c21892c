"""The whole bitline pair as one ordinary differential equation: nodes, values, wiring.

Nodes of a pair, whose sides alternate: the far ends of bl and blb, the ladder nodes towards the
sense amplifier, bl and blb there, SAN and SAP; the cells come after. The equation is

    C dv/dt = i(v, t)

with a diagonal C. A cell that sits between two ladder nodes is connected to both in proportion to
its distance: its voltage is interpolated and its current divided, as in a linear finite element.

Units: V, ns, fF, uA, uA/V, fC.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Columns of the packed values of a sample; pairs are (bl, blb) or (SAN, SAP).
VDD, VPP, PRECHARGE, EQUALISER_GATE = 0, 1, 2, 3
BITLINE_FF, BITLINE_US, SET_LOAD = 4, 6, 8
LATCH_N, LATCH_N_VT, LATCH_P, LATCH_P_VT = 10, 12, 14, 16
SET, SET_VT = 18, 20
EQUALISER, EQUALISER_VT = 22, 27
COLUMNS = 32

# Channel-length modulation, by kind of device.
MOD_ACCESS, MOD_LATCH_N, MOD_LATCH_P, MOD_SET_N, MOD_SET_P, MOD_EQUALISER = 0, 1, 2, 3, 4, 5
_KINDS = 6

# Supplies whose charge is integrated, and gates that are not word lines.
FROM_VDD, FROM_PRECHARGE, FROM_GROUND = 0, 1, 2
EQUALISER_LINE, SET_LINE = 0, 1


class Wiring(NamedTuple):
    """What is the same in every sample."""

    segments: int
    modulation: Floats
    """(6,) channel-length modulation by kind of device, 1/V."""
    cell_of: Ints
    """(contacts,) the cell of each access transistor."""
    line_of: Ints
    """(contacts,) the control line at its gate."""
    tap: Ints
    """(contacts, 2) the ladder nodes to either side of it."""
    share: Floats
    """(contacts,) how far it is from the first of them to the second, 0 to 1."""


@dataclass(frozen=True)
class Structure:
    """What machine code is compiled for: the wiring without its numbers, and where values lie."""

    segments: int
    cells: int
    lines: int
    """Control lines."""
    cell_of: tuple[int, ...]
    line_of: tuple[int, ...]
    tap: tuple[tuple[int, int], ...]

    @property
    def nodes(self) -> int:
        """Nodes, cells not among them."""
        return 2 * self.segments + 4

    @property
    def size(self) -> int:
        """Nodes and cells."""
        return self.nodes + self.cells

    @cached_property
    def contacts_of(self) -> tuple[tuple[int, ...], ...]:
        """The contacts of each cell."""
        return tuple(
            tuple(c for c, cell in enumerate(self.cell_of) if cell == wanted)
            for wanted in range(self.cells)
        )

    @property
    def charge_at(self) -> int:
        """First of the capacitances among a pair's parameters; the columns lie before them."""
        return COLUMNS

    @property
    def access_at(self) -> int:
        """First of the access transistors' strengths."""
        return self.charge_at + self.size

    @property
    def access_vt_at(self) -> int:
        """First of their threshold voltages."""
        return self.access_at + len(self.cell_of)

    @property
    def share_at(self) -> int:
        """First of the contacts' places between ladder nodes."""
        return self.access_vt_at + len(self.cell_of)

    @property
    def modulation_at(self) -> int:
        """First of the channel-length modulations."""
        return self.share_at + len(self.cell_of)

    @property
    def parameters(self) -> int:
        """Parameters of a pair."""
        return self.modulation_at + _KINDS


def structure_of(wiring: Wiring, cells: int, lines: int) -> Structure:
    """Return what code is made for."""
    taps = [(int(near), int(far)) for near, far in wiring.tap]
    return Structure(
        wiring.segments, cells, lines, tuple(wiring.cell_of.tolist()),
        tuple(wiring.line_of.tolist()), tuple(taps),
    )  # fmt: skip
