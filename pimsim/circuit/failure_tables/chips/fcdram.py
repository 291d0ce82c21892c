"""FCDRAM: NOT from one subarray to its neighbour, measured on 256 DDR4 chips.

Yuksel et al., Functionally-Complete Boolean Logic in Real DRAM Chips, HPCA 2024. Success is a
*mean* over trials and bitlines. How many of the failures strike the same bitlines again is not
known, so they are taken to strike anywhere, anew in each access. The mean must not be compared with
SiMRA's number, the share of bitlines that are always right. These NOTs go through the sense
amplifiers between two subarrays. A dual-contact cell is another circuit, which commodity chips do
not have; it is assumed to fail as often.
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.circuit.failure_tables.chips.summary import Summary, SummaryRow, Wanted
from pimsim.circuit.failure_tables.entry import Estimate
from pimsim.errors import InputError

BY_DISTANCE = ("op", "first_subarray_distance", "second_subarray_distance", "mean_success_pct")
"""Columns of a file that gives success by the distance of the rows from the sense amplifiers
between them."""
REPORTED = ("source", "quantity", "value", "unit")
"""Columns of headline numbers."""
DISTANCES = ("close", "middle", "far")
"""Distances of a row from the sense amplifiers."""
QUANTITY = "NOT_1_dest_mean"
"""Headline number of a NOT with one destination row, in percent."""

_OPERATIONS = ("NOT", "AND", "OR", "NAND", "NOR")
_MOST_DESTINATIONS = 3
"""Destination rows of an AAP: what its addresses raise at most."""


def entries(summaries: Sequence[Summary], wanted: Wanted) -> list[Estimate]:
    """Return entries of NOT for 1 to 3 rows driven at once, of zeros and of ones.

    The headline number was measured with a single destination row; for the numbers by distance the
    publication does not say with how many. Either is used for any number of rows.

    Raises :class:`~pimsim.errors.InputError` if the files have no NOT of the wanted distance, or
    more than one number for it.
    """
    if not summaries:
        if wanted.distance is not None:
            raise InputError(
                f"`distance` needs a file of NOT, with the columns {', '.join(BY_DISTANCE)}"
            )
        return []
    found = [one for summary in summaries for one in _readings(summary, wanted)]
    if not found:
        raise InputError(
            "the files have no NOT"
            + ("" if wanted.distance is None else f" of the distance {','.join(wanted.distance)}")
        )
    if len(found) > 1:
        raise InputError(f"NOT must have one success rate, not that of {found[0][1]} and others")
    ((failing, source),) = found
    return [
        Estimate(
            kind="not",
            rows=rows,
            ones=value * rows,
            halves=0,
            static=0.0,
            access=failing,
            source=source,
        )
        for rows in range(1, _MOST_DESTINATIONS + 1)
        for value in (0, 1)
    ]


def _readings(summary: Summary, wanted: Wanted) -> list[tuple[float, str]]:
    if summary.has(*BY_DISTANCE):
        rows = [row for row in summary.rows if _is_not(row)]
        if wanted.distance is not None:
            rows = [
                row for row in rows
                if (row.text(BY_DISTANCE[1]), row.text(BY_DISTANCE[2])) == wanted.distance
            ]  # fmt: skip
            return [(r.failing("mean_success_pct"), f"{r.where}: {_said(r)}") for r in rows]
        if not rows:
            return []
        mean = sum(row.failing("mean_success_pct") for row in rows) / len(rows)
        return [(mean, f"{summary.file}: NOT, mean of {len(rows)} distances")]
    if wanted.distance is not None:
        return []
    return [
        (row.failing("value"), f"{row.where}: {QUANTITY} {row.text('value')} %")
        for row in summary.rows
        if (row.text("source"), row.text("quantity"), row.text("unit")) == ("FCDRAM", QUANTITY, "%")
    ]


def _is_not(row: SummaryRow) -> bool:
    operation = row.one_of("op", _OPERATIONS)
    for column in BY_DISTANCE[1:3]:
        row.one_of(column, DISTANCES)
    return operation == "NOT"


def _said(row: SummaryRow) -> str:
    first, second = (row.text(column) for column in BY_DISTANCE[1:3])
    return f"NOT, {first} to {second}, mean {row.text('mean_success_pct')} %"
