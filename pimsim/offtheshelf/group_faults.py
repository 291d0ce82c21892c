"""Faults of networks on unmodified chips: a group of rows for each subarray that computes.

The majorities of a subarray are carried out on one group, whose success is drawn from a box, named
after chip, bank and subarray. Its failing bitlines are weak for good, each pattern in which
operands differ on half of them (see :mod:`~pimsim.offtheshelf.groups`). Copies and reads are right.

>>> from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
>>> from pimsim.dram.array.faults import Site
>>> from pimsim.offtheshelf.boxes import bundled
>>> box = bundled().find("MAJ3", 4, "random", ActivationDelays(1.5, 1.5))
>>> chip = GroupFaults.of(box, chip=1)
>>> [round(chip.success(Site(bank, 0)), 3) for bank in range(4)]
[0.0, 0.0, 0.999, 0.997]
>>> lean = chip.weak(Site(2, 0), columns=20_000)
>>> wrong = [chip.static_mask("sense", 3, ones, lean).mean() for ones in (1, 2)]
>>> round(float(sum(wrong)), 4)
0.0009
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.failure_tables.entry import Estimate
from pimsim.circuit.failure_tables.table import FailureTable
from pimsim.dram.array.faults import MAJORITY, Faults, Site
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import Box, require_best

_STANDS_FOR = 0.25
"""Share of the leans on either side that the table has fail: each site's own share is put there."""
_GROUP = 3
"""Named after this, beside the kinds of access that leans are named after (0 to 2)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupFaults(Faults):
    """Static faults of subarrays that each compute on a row group of their own."""

    box: Box
    """Of the majority of three, on as many rows as it opens."""
    best: float = 1.0
    """Share of the groups that are used, the best of all."""

    @staticmethod
    def of(box: Box, chip: int, best: float = 1.0) -> GroupFaults:
        """Return the faults of a chip.

        Raises :class:`~pimsim.errors.InputError` for a box of another operation than MAJ3 and a
        share of none.
        """
        if box.operation != f"MAJ{MAJORITY}":
            raise InputError(f"`box` must be of MAJ{MAJORITY}, not of {box.operation}")
        copies = box.rows // MAJORITY
        entries = [Estimate(1, ones, 0, 0.0, 0.0, source="assumed: reads are right")
                   for ones in (0, 1)]  # fmt: skip
        for ones in range(MAJORITY + 1):
            share = _STANDS_FOR if 0 < ones < MAJORITY else 0.0
            entries.append(
                Estimate(box.rows, ones * copies, box.rows % MAJORITY, share, 0.0, source=box.text)
            )
        table = FailureTable(tuple(entries), {"model": f"groups drawn from {box.text}"})
        return GroupFaults(table, chip, 0, box.rows, box=box, best=require_best(best))

    def success(self, site: Site) -> float:
        """Return the share of bitlines that are always right on the group of a subarray."""
        key = (_GROUP, site.bank, site.subarray)
        generator = np.random.default_rng(np.random.SeedSequence(self.chip, spawn_key=key))
        return float(self.box.drawn(generator, 1, self.best)[0])

    def weak(self, site: Site, columns: int, kind: str = "sense") -> NDArray[np.float64]:
        """Return the lean of the first columns of a subarray, as far from 0 or 1 as its group has.

        The share of columns with a lean below a quarter, and that of those above three quarters,
        is half of what fails on the group.
        """
        lean = super().weak(site, columns, kind)
        if kind != "sense":
            return lean
        half = (1.0 - self.success(site)) / 2
        # Two straight pieces on either side of one half: `half` goes to a quarter.
        knots: tuple[float, ...] = (0.0, half, 0.5, 1.0 - half, 1.0)
        values: tuple[float, ...] = (0.0, _STANDS_FOR, 0.5, 1.0 - _STANDS_FOR, 1.0)
        if half == 0.0:
            knots, values = (0.0, 1.0), (_STANDS_FOR, 1.0 - _STANDS_FOR - 1e-12)
        elif half == 0.5:
            knots, values = (0.0, 0.5, 0.5, 1.0), (0.0, _STANDS_FOR, 1 - _STANDS_FOR, 1.0)
        stretched: NDArray[np.float64] = np.interp(lean, knots, values)
        return stretched
