"""Operands in an order that does not depend on the weights.

A step of a schedule may have exchanged its operands, differently for each output (the full adder
wants the complemented one in one place). Where a function takes its operands in any order they are
put back here, before steps are traced and for many at once: rows that steps write come first, so
that the running sum of a long count is one place again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pimsim.executors.compiled.lower.binding import BoundStep
from pimsim.executors.compiled.lower.places import Each, Flags, Where
from pimsim.microprogram import bitsets

_TOGETHER = 64
_LASTING = 1 << 30


def arrange(steps: Sequence[BoundStep | int], outputs: int, written: Flags) -> None:
    """Give steps their operands in order, where that is needed and allowed.

    Args:
        steps: bound, with their functions.
        outputs: how many there are.
        written: places that some step may write.

    """
    waiting: dict[int, list[BoundStep]] = {}
    for step in steps:
        if isinstance(step, int) or step.lasting or step.function is None:
            continue
        if step.function.symmetric:
            waiting.setdefault(len(step.function.inputs), []).append(step)
    for many in waiting.values():
        for start in range(0, len(many), _TOGETHER):
            _arrange(many[start : start + _TOGETHER], outputs, written)


def _arrange(steps: list[BoundStep], outputs: int, written: Flags) -> None:
    operands = [step.operands for step in steps]
    count = len(operands[0][0])
    shape = (count, len(steps), outputs)
    keys = np.empty(shape, dtype=np.int32)
    shifts = np.zeros((count, len(steps), 1), dtype=np.int32)
    for number, (places, _) in enumerate(operands):
        for i, place in enumerate(places):
            if isinstance(place, int):
                keys[i, number] = place
            else:
                keys[i, number] = place.rows
                shifts[i, number] = place.shift
    keys += shifts
    numbers = np.arange(len(written), dtype=np.int32) * 2
    keys = np.where(written, numbers, numbers + _LASTING).take(keys)
    keys += bitsets.flags(
        [masks[i] for i in range(count) for _, masks in operands], outputs
    ).reshape(shape)
    for end in range(count - 1, 0, -1):
        for i in range(end):
            low = np.minimum(keys[i], keys[i + 1])
            np.maximum(keys[i], keys[i + 1], out=keys[i + 1])
            keys[i] = low
    sets = bitsets.numbers((keys & 1).reshape(-1, outputs).astype(np.bool_))
    last = (keys >= _LASTING).all(axis=2).tolist()
    keys &= _LASTING - 1
    keys >>= 1
    firsts = keys[:, :, 0].tolist()
    same = (keys == keys[:, :, :1]).all(axis=2).tolist()
    for number, step in enumerate(steps):
        ordered: list[Where] = [
            firsts[i][number]
            if same[i][number]
            else Each(keys[i, number], 0, lasting=last[i][number])
            for i in range(count)
        ]
        step.lasting = all(isinstance(place, int) or place.lasting for place in ordered)
        step.operands = ordered, [sets[i * len(steps) + number] for i in range(count)]
