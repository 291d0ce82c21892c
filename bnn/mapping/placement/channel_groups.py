"""Cutting a stage by groups of its channels, where one subarray does not hold all of them.

Groups have nothing to do with one another, so each piece is a stage of its own, in subarrays of
its own as long as a bank has some; nothing has to be moved between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from bnn.lowering.stage import Stage
from pimsim.errors import OutOfRowsError

Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True, eq=False)
class Piece(Generic[Plan]):
    """Some groups of a stage."""

    stage: Stage
    plan: Plan
    channels: slice
    """Channels of the whole stage that it reads."""
    outputs: slice
    """Outputs of the whole stage that it computes."""


def divide(stage: Stage, data_rows: int, write: Callable[[Stage], Plan]) -> list[Piece[Plan]]:
    """Return the fewest pieces for which ``write`` finds rows, all groups spread evenly.

    Args:
        stage: the stage.
        data_rows: data rows of a subarray; gives the number of pieces to begin at.
        write: makes a plan of a stage, or raises OutOfRowsError.

    Raises OutOfRowsError when even a single group is too much.
    """
    rows = stage.windows.channels * stage.windows.patch * stage.planes
    count = min(-(-rows // data_rows), stage.groups)
    while True:
        edges = [stage.groups * i // count for i in range(count + 1)]
        try:
            return [_piece(stage, first, last, write) for first, last in pairwise(edges)]
        except OutOfRowsError:
            if count == stage.groups:
                raise
        count += 1


def _piece(stage: Stage, first: int, last: int, write: Callable[[Stage], Plan]) -> Piece[Plan]:
    width, each = stage.windows.channels // stage.groups, stage.outputs // stage.groups
    some = stage if last - first == stage.groups else stage.of_groups(first, last)
    channels, outputs = slice(first * width, last * width), slice(first * each, last * each)
    return Piece(some, write(some), channels, outputs)
