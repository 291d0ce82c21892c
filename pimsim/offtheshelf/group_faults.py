"""Faults of networks on unmodified chips: each subarray computes on its own row group.

All majorities of a subarray use one group. Its success is drawn from a box, by a random number that
depends on chip, bank and subarray. Its failing bitlines are always weak: each pattern in which
operands differ fails on half of them (see :mod:`~pimsim.offtheshelf.groups`). Copies and reads are
right.

>>> from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
>>> from pimsim.dram.array.faults import Site
>>> box = Box("MAJ3", 4, "random", ActivationDelays(1.5, 1.5), "pct_bitlines_always_correct",
...           mean=0.6, values=(0.0, 0.0, 0.98, 0.99, 1.0, 1.0))  # made up
>>> chip = GroupFaults.of(box, chip=1)
>>> [round(chip.success(Site(bank, 0)), 3) for bank in range(4)]
[0.0, 0.0, 0.997, 0.989]
>>> lean = chip.weak(Site(2, 0), columns=20_000)
>>> wrong = [chip.static_mask("sense", 3, ones, lean).mean() for ones in (1, 2)]
>>> round(float(sum(wrong)), 4)
0.0033
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.circuit.failure_tables.entry import Estimate
from pimsim.circuit.failure_tables.table import FailureTable
from pimsim.documents import shown
from pimsim.dram.array.faults import EFFECTS, MAJORITY, Access, Faults, Site
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import QUANTILES, Box, require_best
from pimsim.offtheshelf.decoder import require_rows

_GROUP = 3
"""Number that names this random stream, beside those of leans by kind of access (0 to 2)."""
_RECORD = "row_groups"
"""Key, in the provenance of a table, of the box that groups are drawn from."""


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupFaults(Faults):
    """Static faults of subarrays, each of which computes on its own row group.

    The table has average failures; those of a site's group replace them.
    """

    box: Box
    """The box of the majority of three, on as many rows as it opens."""
    best: float = 1.0
    """Share of the groups that are used, the best of all."""

    @staticmethod
    def of(box: Box, chip: int, best: float = 1.0) -> GroupFaults:
        """Return the faults of a chip; raises as :func:`table_of`."""
        found = faults_of(table_of(box, best), chip=chip, noise=0, rows=box.rows)
        assert isinstance(found, GroupFaults)
        return found

    def success(self, site: Site) -> float:
        """Return the share of bitlines that are always right on the group of a subarray."""
        key = (_GROUP, site.bank, site.subarray)
        generator = np.random.default_rng(np.random.SeedSequence(self.chip, spawn_key=key))
        return float(self.box.drawn(generator, 1, self.best)[0])

    def weak(self, site: Site, columns: int, kind: str = "sense") -> NDArray[np.float64]:
        """Return the lean of the first columns of a subarray, scaled to the success of its group.

        The share of columns that fail by the table, on either side, is then half of the share that
        fails on the group of the site.
        """
        lean = super().weak(site, columns, kind)
        mean = float(self.static_rates(Access("sense", MAJORITY))[1])
        if kind != "sense" or mean == 0.0:
            return lean
        half = (1.0 - self.success(site)) / 2
        # Piecewise linear on either side of one half: the value `half` becomes the mean.
        knots: tuple[float, ...] = (0.0, half, 0.5, 1.0 - half, 1.0)
        values: tuple[float, ...] = (0.0, mean, 0.5, 1.0 - mean, 1.0)
        if half == 0.0:
            knots, values = (0.0, 1.0), (mean, 1.0 - mean - 1e-12)
        elif half == 0.5:
            knots, values = (0.0, 0.5, 0.5, 1.0), (0.0, mean, 1.0 - mean, 1.0)
        stretched: NDArray[np.float64] = np.interp(lean, knots, values)
        return stretched


def table_of(box: Box, best: float = 1.0) -> FailureTable:
    """Return a failure table that groups are drawn with, for ``--failures`` and sweeps.

    Raises :class:`~pimsim.errors.InputError` for a box of another operation than MAJ3, and if
    ``best`` leaves no group.
    """
    if box.operation != f"MAJ{MAJORITY}":
        raise InputError(f"`box` must be of MAJ{MAJORITY}, not of {box.operation}")
    copies, failing = box.rows // MAJORITY, 1.0 - box.mean_of_best(require_best(best))
    entries = [Estimate(1, ones, 0, 0.0, 0.0, source="assumed: reads are right") for ones in (0, 1)]
    for ones in range(MAJORITY + 1):
        share = max(0.0, failing) / 2 if 0 < ones < MAJORITY else 0.0
        left = box.rows % MAJORITY
        entries.append(Estimate(box.rows, ones * copies, left, share, 0.0, source=box.text))
    record = {
        "pattern": box.pattern,
        "t1_ns": box.delays.t1_ns,
        "t2_ns": box.delays.t2_ns,
        "rows": box.rows,
        "metric": box.metric,
        "mean": box.mean,
        "quantiles": list(box.values),
        "best": best,
    }
    model = f"row groups drawn from {box.text}, the best {100 * best:g} %"
    return FailureTable(tuple(entries), {"model": model, _RECORD: record})


def faults_of(
    table: FailureTable, *, chip: int, noise: int, rows: int = MAJORITY, effect: str = EFFECTS[0]
) -> Faults:
    """Return the faults of a table; :class:`GroupFaults` if it is a table of row groups.

    Raises :class:`~pimsim.errors.InputError` for values out of range, a bad record of groups, and
    the effect ``noise`` with groups.
    """
    if _RECORD not in table.provenance:
        return Faults(table, chip=chip, noise=noise, rows=rows, effect=effect)
    if effect == "noise":
        raise InputError("`effect` must be table or static for row groups, which are weak for good")
    box, best = _boxed(table.provenance[_RECORD])
    if rows != box.rows:
        raise InputError(f"rows of a majority must be {box.rows}, those of the groups, not {rows}")
    return GroupFaults(table, chip, noise, rows, effect, box=box, best=best)


def _boxed(record: object) -> tuple[Box, float]:
    """The box in the provenance of a table, which may come from an untrusted file."""
    refusal = InputError(
        f"`{_RECORD}` of a failure table must have pattern, t1_ns, t2_ns, rows, metric, mean, "
        f"best and {len(QUANTILES)} rising `quantiles` from 0 to 1, as `pimsim chips groups` "
        f"writes them, not {shown(record)}"
    )
    if not isinstance(record, dict):
        raise refusal
    try:
        values = tuple(float(one) for one in record["quantiles"])
        delays = ActivationDelays(float(record["t1_ns"]), float(record["t2_ns"]))
        mean, best = float(record["mean"]), float(record["best"])
        texts = str(record["pattern"]), str(record["metric"])
        rows = record["rows"]
    except (KeyError, TypeError, ValueError):
        raise refusal from None
    inside = all(0.0 <= one <= 1.0 for one in (*values, mean))
    if not inside or len(values) != len(QUANTILES) or sorted(values) != list(values):
        raise refusal
    box = Box(f"MAJ{MAJORITY}", require_rows(rows), texts[0], delays, texts[1], mean, values)
    return box, require_best(best)
