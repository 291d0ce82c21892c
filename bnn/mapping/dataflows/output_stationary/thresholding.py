"""Schedules that follow a count: comparing it with thresholds, pooling bits, voting on results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.dataflows.output_stationary.edges import Masks
from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.arithmetic import (
    COMPARE_BEGIN,
    COMPARE_BIT,
    COMPARE_END,
    COMPARE_NOT_BIT,
    COMPARE_NOT_END,
)
from pimsim.microprogram.counting import Row
from pimsim.microprogram.logic import AND, MAJ3, OR, reduction
from pimsim.microprogram.schedule import Schedule


def decided(
    stage: Stage,
    count: tuple[Sequence[Row], int, NDArray[np.int64]],
    place: int,
    masks: Masks,
    result: int,
    rows: AddressMap,
) -> Schedule:
    """Bit = (sum >= at) XOR falling, then the neutral bit outside the pooled output.

    Args:
        stage: with thresholds.
        count: its rows, scale and constant: sum = scale * count + constant.
        place: place of the pooling window.
        masks: rows that say what lies outside.
        result: data row of the bit.
        rows: the address map.

    """
    total, scale, constant = count
    if stage.thresholds is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    decide = Schedule(stage.outputs, rows)
    least = -((constant - stage.thresholds.at) // scale)
    never = least >= 1 << len(total)
    least = np.where(never | (least < 0), 0, least)
    falling = stage.thresholds.falling ^ never
    ones, zeros = rows.constant(1), rows.constant(0)
    decide.append((COMPARE_BEGIN,))
    for level, row in enumerate(total):
        constant_bit = np.where(least >> level & 1, zeros, ones)
        decide.append((COMPARE_BIT, COMPARE_NOT_BIT), row.inverted, a=row.address, k=constant_bit)
    bit = rows.first_data + result
    decide.append((COMPARE_END, COMPARE_NOT_END), falling, out=bit)
    inside = stage.windows.outputs[place] >= 0
    if not inside.all():
        neutral = rows.first_data + np.where(
            stage.conjunction, masks.row(~inside), masks.row(inside)
        )
        decide.append((AND, OR), stage.conjunction, a=bit, b=neutral, out=bit)
    return decide


def pooled(stage: Stage, bits: Sequence[int], result: int, rows: AddressMap) -> Schedule:
    """Combine the bits of all places of the pooling window to the row ``result``."""
    pool, first = Schedule(stage.outputs, rows), rows.first_data
    sources = {f"x{number}": first + row for number, row in enumerate(bits)}
    kinds = (reduction("C1", len(bits)), reduction("C0", len(bits)))
    pool.append(kinds, stage.conjunction, **sources, out=first + result)
    return pool


def voted(
    outputs: int, votes: Sequence[tuple[Sequence[int], int]], address_map: AddressMap
) -> Schedule:
    """Write the majority of three data rows to another, several times, 4 commands each.

    >>> from pimsim.dram.array.address_map import ambit
    >>> votes = [((0, 1, 2), 0), ((3, 4, 5), 3)]
    >>> [run.times for run in voted(1, votes, ambit()).runs]
    [2]
    """
    vote, first = Schedule(outputs, address_map), address_map.first_data
    for (one, two, three), result in votes:
        rows = (first + one, first + two, first + three)
        vote.append((MAJ3,), None, a=rows[0], b=rows[1], c=rows[2], out=first + result)
    return vote
