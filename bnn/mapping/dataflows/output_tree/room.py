"""Whether a part has room for a group, found out before anything is laid out."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapping.dataflows.output_tree.layout import Way
from bnn.mapping.dataflows.output_tree.numbers import has_zeros, numbers, signed_digits
from bnn.mapping.dataflows.output_tree.parts import Part, counted, taps_of
from bnn.system.system import System
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.output_tree import group, known
from pimsim.microprogram.output_tree.group import FanIn
from pimsim.microprogram.output_tree.tree import Tree, in_order, leaves
from pimsim.remembered import Known

_KNOWN: Known[str] = Known(size_bytes=1 << 17)
"""Why parts had no room, empty if they had: stages often differ in positions alone."""


def require_room(stage: Stage, system: System, chunks: list[Chunk], way: Way, tree: Tree) -> None:
    """Raise OutOfRowsError where the second part of the first place has no room for a group.

    If a :class:`~bnn.mapping.dataflows.output_tree.layout.Layout` of the same can be made, planning
    the group there raises it, too.
    """
    part, order = _second(stage, chunks, way), leaves(tree)
    if part is None or (has_zeros(stage) and not stage.weights[..., order].all()):
        return
    turn, kappas, _ = numbers(stage)
    taps, rows = taps_of(stage, part, 0)
    signs, weights = counted(stage, part, taps, turn, order)
    first, last = len(system.address_map.constants), system.data_rows - 1
    free = first + np.arange(last, part.rows.stop - 1, -1)
    fan_in = FanIn(signs, first + rows, weights, free)
    group_of, apart, own = in_order(tree), _apart(stage, order), kappas[0][order]
    name = blake2b(repr((group_of, sorted(apart), system.data_rows, signs.shape)).encode())
    for each in (signs, rows, weights, own):
        name.update(each.tobytes())

    def refused() -> tuple[str, int]:
        try:
            group.require_room(group_of, apart, fan_in, own, system.address_map)
        except OutOfRowsError as error:
            return str(error), len(str(error))
        return "", 1

    if message := _KNOWN.of(f"{name.hexdigest()}-{known.name_of(system.address_map)}", refused):
        raise OutOfRowsError(message)


def _second(stage: Stage, chunks: list[Chunk], way: Way) -> Part | None:
    """The second part of the first place, if it has one."""
    planes = [range(n, n + way.planes) for n in range(0, stage.planes, way.planes)]
    if len(chunks) > 1:
        chunk, some = chunks[1], planes[0]
    elif len(planes) > 1 and not way.apart:
        chunk, some = chunks[0], planes[1]
    else:
        return None
    if way.apart:
        return Part(chunk, stage.windows.taps[0][chunk.places].tolist(), range(1), some)
    places = list(range(chunk.places.start, chunk.places.stop))
    return Part(chunk, places, range(stage.windows.offsets), some)


def _apart(stage: Stage, order: list[int]) -> set[int]:
    """Which of some outputs, all without weights of 0, do not count all masks of padding."""
    if not stage.zero_padding:
        return set()
    taps = np.flatnonzero(stage.windows.padded(0).any(axis=0))
    digits = [digit for tap in taps for _, digit in signed_digits(-stage.tap_sums[tap])]
    return {n for n, output in enumerate(order) if any(digit[output] == 0 for digit in digits)}
