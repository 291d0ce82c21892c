"""Whether a part has room for a group, found out before anything is laid out."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapping.dataflows.output_tree.layout import Way
from bnn.mapping.dataflows.output_tree.numbers import has_zeros, numbers, signed_digits
from bnn.mapping.dataflows.output_tree.parts import Part, counted, taps_of
from bnn.system.system import System
from pimsim.errors import OutOfRowsError
from pimsim.kept import digest
from pimsim.microprogram.output_tree import group, known
from pimsim.microprogram.output_tree.group import FanIn
from pimsim.microprogram.output_tree.tree import Tree, in_order, leaves
from pimsim.remembered import Known

_KNOWN: Known[str] = Known(size_bytes=1 << 17)
"""Why parts had no room, empty if they had: stages often differ in positions alone."""


_OF_POSITIONS = {"name", "layer", "index", "end", "shape", "windows"}
"""Fields of a stage that say where it is, and of its windows, what other fields do not."""


@lru_cache(maxsize=4)
def likeness(stage: Stage) -> str:
    """Return a digest, equal for stages whose layouts take the same rows; empty: it is not known.

    If no tap needs to be corrected for padding, and all places of the pooling window have an
    output, no row holds anything of positions. So how many there are makes no difference.
    """
    laid = stage.windows
    if stage.zero_padding or bool((laid.outputs < 0).any()):
        return ""
    every = (one.name for one in fields(stage) if one.name not in _OF_POSITIONS)
    return digest([getattr(stage, name) for name in every], laid.channels, laid.patch, laid.taps)


def require_room(stage: Stage, system: System, chunks: list[Chunk], way: Way, tree: Tree) -> None:
    """Raise OutOfRowsError where a part of the first place has no room for a group.

    Of its parts the fullest is tried, and the home, of which only a part of what it needs is known.
    If a :class:`~bnn.mapping.dataflows.output_tree.layout.Layout` of the same can be made, planning
    the group there raises it, too.
    """
    part, order = _fullest(stage, chunks, way), leaves(tree)
    if part is None or (has_zeros(stage) and not stage.weights[..., order].all()):
        return
    _require_part(stage, system, part, tree)
    if not stage.zero_padding and len(stage.shifts) == 1:  # each row is an operand, counted once
        _require_home(stage, system, chunks, way, tree)


def _require_home(stage: Stage, system: System, chunks: list[Chunk], way: Way, tree: Tree) -> None:
    """Raise OutOfRowsError where the home has no room for what comes to its first leaf.

    Where ``n`` rows of a part count with the same sign, there are ``n + 1`` different sums, and so
    it takes at least the digits of ``n`` to tell them apart.
    """
    part, (turn, _, _) = _part(stage, chunks[0], way, range(way.planes)), numbers(stage)
    rows = part.rows
    (taps, own), order = taps_of(stage, part, 0), leaves(tree)
    signs, weights = counted(stage, part, taps, turn, order)
    first, last = len(system.address_map.constants), system.data_rows - 1
    free = first + np.arange(last, rows.stop - 1, -1)
    shares = 1 if way.apart else -(-stage.planes // way.planes)

    def coming(leaf: tuple[int, ...]) -> int:
        until, digits = _together(stage, leaf), 0
        for number in range(1, shares * len(chunks)):
            share, at = divmod(number, len(chunks))
            planes = min(way.planes, stage.planes - share * way.planes)
            chunk = chunks[at]
            read = chunk.places if way.apart else chunk.taps(stage.windows, 0)
            some = until[:, chunk.channels.stop, read] - until[:, chunk.channels.start, read]
            digits += sum((planes * count).bit_length() for count in some.sum(axis=1).tolist())
        return digits

    group.require_home(
        in_order(tree), set(), FanIn(signs, first + own, weights, free),
        lambda ends: coming(tuple(order[output] for output in ends)), system.address_map,
    )  # fmt: skip


@lru_cache(maxsize=16)
def _together(stage: Stage, leaf: tuple[int, ...]) -> NDArray[np.int64]:
    """``(2, channels + 1, taps)`` weights of the channels before, alike and not, of two outputs.

    Those of a single output are alike.
    """
    weights = stage.weights[0][..., list(leaf)]
    alike = (weights == weights[..., :1]).all(axis=-1).T
    every = np.array([alike, ~alike]).cumsum(axis=1)
    return np.pad(every, [(0, 0), (1, 0), (0, 0)])


def _require_part(stage: Stage, system: System, part: Part, tree: Tree) -> None:
    """Raise OutOfRowsError where a part that is not the home has no room."""
    order = leaves(tree)
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


def _fullest(stage: Stage, chunks: list[Chunk], way: Way) -> Part | None:
    """The part of the first place with the most rows beside the home, if it has another."""
    planes = [range(n, n + way.planes) for n in range(0, stage.planes, way.planes)]
    if way.apart:
        planes = planes[:1]
    _, *others = [(some, chunk) for some in planes for chunk in chunks]
    if not others:
        return None
    some, chunk = max(others, key=lambda one: len(one[0]) * one[1].operands)
    return _part(stage, chunk, way, some)


def _part(stage: Stage, chunk: Chunk, way: Way, planes: range) -> Part:
    """The part of the first place that holds a chunk."""
    if way.apart:
        return Part(chunk, stage.windows.taps[0][chunk.places].tolist(), range(1), planes)
    places = list(range(chunk.places.start, chunk.places.stop))
    return Part(chunk, places, range(stage.windows.offsets), planes)


def _apart(stage: Stage, order: list[int]) -> set[int]:
    """Which of some outputs, all without weights of 0, do not count all masks of padding."""
    if not stage.zero_padding:
        return set()
    taps = np.flatnonzero(stage.windows.padded(0).any(axis=0))
    digits = [digit for tap in taps for _, digit in signed_digits(-stage.tap_sums[tap])]
    return {n for n, output in enumerate(order) if any(digit[output] == 0 for digit in digits)}
