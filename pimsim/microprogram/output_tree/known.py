"""Plans of groups that were made before, reused for groups that count the same in other rows.

What the planner writes does not depend on which rows it gets, as long as there are enough. So a
group is planned in rows numbered by their order of use, with more rows than it can need; the real
rows are put in afterwards. The most recent plans are kept, because a stage is priced in many
layouts, alone and in chains, and most layouts count the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.errors import OutOfRowsError
from pimsim.kept import digest
from pimsim.microprogram.output_tree.group import (
    BLOCKS,
    FanIn,
    GroupPlan,
    Ints,
    NoRoomError,
    Planned,
    attempt,
    too_few,
)
from pimsim.microprogram.output_tree.renaming import renamed
from pimsim.microprogram.output_tree.tree import Tree, in_order, leaves
from pimsim.remembered import Known

PLANS: Known[GroupPlan | str] = Known(size_bytes=48 << 20)
"""The most recent plans, in rows numbered by their order of use; or why a plan failed."""


def plan(
    tree: Tree,
    fan_in: Sequence[FanIn],
    kappas: Ints,
    outs: Ints | None,
    address_map: AddressMap,
    minimise: str = "commands",
) -> GroupPlan:
    """Return what :func:`pimsim.microprogram.output_tree.group.plan` does, and raise what it does.

    >>> from pimsim.dram.array.address_map import ambit
    >>> from pimsim.microprogram.output_tree import group
    >>> signs = np.random.default_rng(0).choice(np.int8([-1, 1]), (48, 4))
    >>> some = ((0, 2), (1, 3)), [FanIn.over(signs, range(9, 57), 200)], np.ones(4, np.int64)
    >>> one, two = (each(*some, np.arange(60, 64), ambit()) for each in (plan, group.plan))
    >>> np.array_equal(one.tapes[0], two.tapes[0])
    True
    """
    order = leaves(tree)
    group, own = in_order(tree), kappas[order].astype(np.int64)
    used = [_order_of_use(part.rows) for part in fan_in]
    parts = [
        part._replace(signs=np.ascontiguousarray(part.signs[:, order]), rows=numbers)
        for part, (_, numbers) in zip(fan_in, used, strict=True)
    ]
    key = f"{_likeness(group, parts, own)}-{outs is None}-{name_of(address_map)}-{minimise}"
    first, bits = len(address_map.constants), 0 if outs is None else len(order)

    frees = [len(part.free) for part in fan_in]
    before: Planned = {}

    def attempted(block: int) -> GroupPlan:
        begins = [first + len(rows) for rows, _ in used]
        here = None if outs is None else begins[0] + np.arange(bits)
        begins[0] += bits
        anywhere = [
            part._replace(rows=first + part.rows, free=np.arange(begin + free - 1, begin - 1, -1))
            for begin, free, part in zip(begins, frees, parts, strict=True)
        ]
        return attempt(group, anywhere, own, here, address_map, (minimise, block), before)

    found: GroupPlan | str | None = None
    for block in BLOCKS:
        name = f"{key}-{block}"
        found = PLANS.get(name) or PLANS.get(f"{name}-{frees}")
        if found is None:
            try:
                found = attempted(block)
                PLANS.give(name, found, size_bytes(found))
            except NoRoomError as error:
                found = str(error)
                for same in BLOCKS:  # or what comes to the same
                    if same == block or error.longest <= same < block:
                        PLANS.give(f"{key}-{same}-{frees}", found, len(found))
        elif isinstance(found, GroupPlan):
            found = _too_few(found, frees) or found
        if isinstance(found, GroupPlan):
            break
    if not isinstance(found, GroupPlan):
        raise OutOfRowsError(str(found))
    places = [
        np.concatenate([np.arange(first), rows, part.free[::-1]])
        for (rows, _), part in zip(used, fan_in, strict=True)
    ]
    if outs is not None:
        places[0] = np.insert(places[0], first + len(used[0][0]), outs[:bits])
    found = renamed(found, places, address_map)
    ends = [tuple(order[output] for output in leaf) for leaf in found.leaves]
    return replace(found, outputs=order, leaves=ends)


def size_bytes(planned: GroupPlan | str) -> int:
    """Memory that a plan takes, about."""
    if isinstance(planned, str):
        return len(planned)
    held: list[NDArray[Any]] = [*planned.tapes, *planned.marks, planned.digits, planned.brought]
    return sum(each.nbytes for each in held)


@cache
def name_of(address_map: AddressMap) -> str:
    """Return a digest of an address map, worked out once."""
    return digest(address_map)


def _too_few(planned: GroupPlan, frees: Sequence[int]) -> str:
    """The message if a part lacks rows that a plan needs; empty if all have enough."""
    for part in (*range(1, len(frees)), 0):  # the home is planned last
        if planned.needs[part] > frees[part]:
            return too_few(frees[part])
    return ""


def _likeness(tree: Tree, parts: Sequence[FanIn], kappas: Ints) -> str:
    """A digest that is equal for groups that count the same."""
    found = blake2b(repr((tree, [part.signs.shape for part in parts])).encode(), digest_size=32)
    found.update(kappas.tobytes())
    for part in parts:
        found.update(part.signs.tobytes())
        found.update(part.weights.astype(np.int8).tobytes())
        found.update(part.rows.astype(np.int32).tobytes())
    return found.hexdigest()


def _order_of_use(rows: Ints) -> tuple[Ints, Ints]:
    """The different rows in order of use, and the index of each given row among them."""
    if bool((rows[1:] > rows[:-1]).all()):
        return rows, np.arange(len(rows))
    values, numbers = np.unique(rows, return_inverse=True)
    return values, numbers


# -- in records ------------------------------------------------------------------------------------

_NARROW = np.iinfo(np.uint16).max


def packed(plans: Mapping[str, GroupPlan | str]) -> dict[str, Any]:
    """Return plans, by their keys, as a value of :class:`pimsim.kept.Shelf`.

    >>> from pimsim.dram.array.address_map import ambit
    >>> from pimsim.microprogram.output_tree.group import FanIn, plan
    >>> signs = np.random.default_rng(0).choice(np.int8([-1, 1]), (48, 4))
    >>> fan_in = [FanIn.over(some, range(2, 26), 99) for some in (signs[:24], signs[24:])]
    >>> one = plan(((0, 2), (1, 3)), fan_in, np.ones(4, np.int64), np.arange(100, 104), ambit())
    >>> two = unpacked(packed({"a": one, "b": "too few"}))["a"]
    >>> np.array_equal(one.brought, two.brought), np.array_equal(one.tapes[1], two.tapes[1])
    (True, True)
    """
    words: list[NDArray[Any]] = [np.zeros(0, np.int32)]
    numbers: list[NDArray[Any]] = [np.zeros(0, np.int64)]
    found = []
    refused = {key: one for key, one in plans.items() if isinstance(one, str)}
    for key, one in plans.items():
        if isinstance(one, str):
            continue
        words += one.tapes
        some = [*one.marks, one.brought, one.digits, one.lasts]
        numbers += [each.reshape(-1) for each in some]
        found.append(
            [
                key, one.outputs, one.leaves, [len(each) for each in one.tapes],
                [each.shape for each in some], one.decides, one.rows, one.adders, one.needs,
            ]
        )  # fmt: skip
    tapes, rest = np.concatenate(words), np.concatenate(numbers)
    if tapes.min(initial=0) >= 0 and tapes.max(initial=0) <= _NARROW:
        tapes = tapes.astype(np.uint16)
    small = rest.astype(np.int32)
    return {
        "plans": found,
        "refused": refused,
        "words": tapes,
        "numbers": small if np.array_equal(small, rest) else rest,
    }


def unpacked(value: Any) -> dict[str, GroupPlan | str]:
    """Return what :func:`packed` was given."""
    words, numbers = value["words"].astype(np.int32), value["numbers"].astype(np.int64)
    lengths = (length for plan in value["plans"] for length in plan[3])
    shapes = (shape for plan in value["plans"] for shape in plan[4])
    tapes, rest = _cut(words, lengths), _cut(numbers, shapes)
    found: dict[str, GroupPlan | str] = {**value["refused"]}
    for key, outputs, ends, sizes, held, decides, rows, adders, needs in value["plans"]:
        own = [next(tapes) for _ in sizes]
        *marks, brought, digits, lasts = [next(rest) for _ in held]
        found[key] = GroupPlan(
            outputs,
            [tuple(leaf) for leaf in ends],
            own,
            marks,
            brought,
            digits,
            lasts,
            decides,
            rows,
            adders,
            needs,
        )
    return found


def _cut(array: NDArray[Any], shapes: Iterator[Any]) -> Iterator[NDArray[Any]]:
    """Pieces of an array, each of a shape."""
    at = 0
    for shape in shapes:
        size = int(np.prod(shape, dtype=np.int64))
        yield array[at : at + size].reshape(shape)
        at += size
