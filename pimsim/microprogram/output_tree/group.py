"""The plan of a group of outputs: what each part counts and hands over, and how bits are decided.

>>> from pimsim.dram.array.address_map import ambit
>>> from pimsim.microprogram.output_tree.tree import shaped
>>> signs = np.random.default_rng(0).choice(np.int8([-1, 1]), (96, 8))
>>> fan_in = [FanIn.over(signs[:48], range(2, 50), 200), FanIn.over(signs[48:], range(2, 50), 200)]
>>> outs = np.arange(60, 68)
>>> planned = plan(shaped(range(8)), fan_in, np.ones(8, np.int64), outs, ambit())
>>> len(planned.leaves), len(planned.tapes), len(planned.brought) > 0
(4, 2, True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import AddressMap
from pimsim.errors import InputError, OutOfRowsError
from pimsim.microprogram.output_tree.nodes import (
    BEFORE,
    DECIDED,
    INNER,
    KIND,
    SETTLED,
    Found,
    of_tree,
)
from pimsim.microprogram.output_tree.tree import Tree, leaves

Ints = NDArray[np.int64]

BLOCKS = (1 << 30, 96, 48, 32)
"""Items of a bucket that are added before their carries are. Smaller blocks take a few more
commands, and fewer rows. They are tried one after the other."""

MOST_OUTPUTS = 16
"""Most outputs of a group: the key of a bucket has this many bits for signs."""


class FanIn(NamedTuple):
    """The share of the fan-in that a part holds."""

    signs: NDArray[np.int8]
    """``(items, outputs)`` -1, 0 or +1."""
    rows: Ints
    """``(items,)`` place of each item's row: the constants first, then the data rows."""
    weights: Ints
    """``(items,)`` exponent of its weight."""
    free: Ints
    """Places of further rows that may be used, the lowest last."""

    @classmethod
    def over(cls, signs: NDArray[np.int8], rows: range, places: int) -> FanIn:
        """The share with one row for each item of weight 1, and all places after them free."""
        every = np.arange(rows.start, rows.stop)
        free = np.arange(places - 1, rows.stop - 1, -1)
        return cls(signs, every, np.zeros(len(every), np.int64), free)


@dataclass(frozen=True, slots=True, eq=False)
class GroupPlan:
    """Records of each part, the home's first, and where they are cut."""

    outputs: list[int]
    leaves: list[tuple[int, ...]]
    """Outputs of each."""
    tapes: list[NDArray[np.int32]]
    marks: list[Ints]
    """Marks of each part, see :data:`pimsim.microprogram.output_tree.nodes.BEFORE`."""
    brought: Ints
    """``(n, 4)`` digits that parts hand to the home: leaf, part, place in the part, and place in
    the home; sorted by leaf and part."""
    digits: Ints
    """``(leaves, 2, MAX_WEIGHT)`` items of the home, once a leaf is settled: twice the place, plus
    1 for a complement, -2 for +1 and -1 for -1; -3: none."""
    lasts: Ints
    """``(leaves, 2)`` constants that are added to the sum of the digits, and to their
    difference."""
    decides: bool
    """Whether bits are decided; otherwise the digits are the result."""
    rows: int
    """Most rows that a part needs at once, operands included."""
    adders: int
    needs: list[int]
    """Free rows that each part needs at once."""


def plan(
    tree: Tree,
    fan_in: Sequence[FanIn],
    kappas: Ints,
    outs: Ints | None,
    address_map: AddressMap,
    minimise: str = "commands",
) -> GroupPlan:
    """Plan a group: the bit of an output says whether its count plus its kappa is above 0.

    If no bit is wanted, the digits of leaves can be read: S and D of a pair, whose sum and
    difference are the two outputs.

    Rows stand for digits of -1 and +1. The count of an output plus its kappa must be odd.

    Args:
        tree: the group.
        fan_in: what each part holds, the home's first.
        kappas: ``(outputs,)`` of the layer.
        outs: ``(places,)`` place of each bit, in the order of the group; None: no bit is wanted.
        address_map: of the subarrays.
        minimise: what is to be few, ``commands`` or ``activations``.

    Raises OutOfRowsError if a part has too few rows, and InputError for more than 16 outputs, of
    which signs are kept in as many bits.
    """
    if len(leaves(tree)) > MOST_OUTPUTS:
        raise InputError(
            f"a group must have at most {MOST_OUTPUTS} outputs, not {len(leaves(tree))}"
        )

    before: Planned = {}

    def attempted(block: int) -> GroupPlan:
        return attempt(tree, fan_in, kappas, outs, address_map, (minimise, block), before)

    return in_blocks(attempted)


class NoRoomError(OutOfRowsError):
    """A part has too few rows."""

    def __init__(self, free: int, longest: int) -> None:
        super().__init__(too_few(free))
        self.longest = longest
        """Most items that were added as one: blocks that hold as many make no difference."""


_Found = TypeVar("_Found")


def in_blocks(attempted: Callable[[int], _Found]) -> _Found:
    """Return what comes of the first block that leaves enough rows, see :data:`BLOCKS`.

    Blocks that make no difference are not attempted. Raises OutOfRowsError if none is enough.
    """
    failed: NoRoomError | None = None
    for block in BLOCKS:
        if failed is None or block < failed.longest:
            try:
                return attempted(block)
            except NoRoomError as error:
                failed = error
    raise failed or AssertionError("there is a block")


class _Seen(NamedTuple):
    """How a part was planned."""

    kappas: Ints
    state: list[int]
    tape: NDArray[np.int32]
    found: Found


Planned = dict[int, _Seen]
"""How parts of a group were planned, the home aside, by number."""


def attempt(
    tree: Tree,
    fan_in: Sequence[FanIn],
    kappas: Ints,
    outs: Ints | None,
    address_map: AddressMap,
    how: tuple[str, int],
    before: Planned | None = None,
) -> GroupPlan:
    """Plan a group as :func:`plan` does, with one of :data:`BLOCKS`.

    Args:
        tree: the group.
        fan_in: what each part holds, the home's first.
        kappas: ``(outputs,)`` of the layer.
        outs: ``(places,)`` place of each bit; None: no bit is wanted.
        address_map: of the subarrays.
        how: what is to be few, and the block.
        before: what was planned with larger blocks, to be reused and added to.

    Raises OutOfRowsError if a part has too few rows.
    """
    from pimsim.microprogram.output_tree import adding, planner

    order, before = leaves(tree), {} if before is None else before
    fan_in = [part._replace(signs=_columns(part.signs, order)) for part in fan_in]
    whole = np.concatenate([part.signs for part in fan_in])
    missing = np.zeros(len(order), np.bool_)
    if np.count_nonzero(whole) < whole.size:
        missing = ~whole.all(axis=0)
    apart = {n for n, some in zip(order, missing.tolist(), strict=True) if some}
    nodes, every = of_tree(tree, frozenset(apart))
    ends = [*every]
    place_of = {output: place for place, output in enumerate(order)}
    spots = [
        (place_of[output], leaf, number)
        for leaf, outputs in enumerate(ends)
        for number, output in enumerate(outputs)
    ]
    places, *of_leaf = np.array(spots).T
    own = kappas[order].astype(np.int64)
    nothing = np.zeros((0, 4), np.int64)
    few, nowhere = (how[0] == "activations", how[1]), np.zeros(len(order), np.int64)
    tapes, peak, adders, needs, longest = [], 0, 0, [], 0
    parts, size = len(fan_in), adding.MAX_WEIGHT
    marks, lasts = (np.zeros((parts, len(ends), n), np.int64) for n in (4, 2))
    digits = np.full((parts, len(ends), 2, size), adding.NOTHING, np.int64)
    for number, part in enumerate(fan_in[1:], 1):
        found = Found(np.zeros_like(nowhere), marks[number], digits[number], lasts[number])
        seen = before.get(number)
        if seen is None or how[1] < seen.state[adding.LONGEST] or (own != seen.kappas).any():
            goal = own, nowhere, False
            state, tape = planner.written(
                nodes, part, nothing, goal, found, address_map, few, longest
            )
            before[number] = _Seen(own, state, tape, found)
        else:
            state, tape = seen.state, seen.tape
            for mine, known in zip(found, seen.found, strict=True):
                mine[:] = known
        longest = state[adding.LONGEST]
        tapes.append(tape)
        needs.append(state[adding.PEAK])
        peak, adders = max(peak, _peak(part, state)), adders + state[adding.ADDERS]
        own = own.copy()
        own[places] = found.lasts[*of_leaf]
    from_part, *where = np.nonzero(digits[1:] != adding.NOTHING)
    coming = np.stack([*where, digits[1:][from_part, *where], 1 + from_part], 1)
    coming = coming[np.argsort(coming[:, 0], kind="stable")]
    given = coming[:, :4].copy()  # filled in below; of a single row a slice would be a view
    goal = (own, nowhere, False) if outs is None else (own, outs, True)
    found = Found(np.zeros_like(nowhere), marks[0], digits[0].copy(), lasts[0].copy())
    state, tape = planner.written(nodes, fan_in[0], given, goal, found, address_map, few, longest)
    stored = coming[:, 3] >= 0
    pairs = np.stack([coming[:, 0], coming[:, 4], coming[:, 3] >> 1, given[:, 3] >> 1], 1)[stored]
    return GroupPlan(
        order,
        ends,
        [tape, *tapes],
        [*marks],
        pairs,
        found.digits,
        found.lasts,
        outs is not None,
        max(peak, _peak(fan_in[0], state)),
        adders + state[adding.ADDERS],
        [state[adding.PEAK], *needs],
    )


def require_room(
    tree: Tree, apart: set[int], part: FanIn, kappas: Ints, address_map: AddressMap
) -> None:
    """Raise OutOfRowsError if a part, not the home, has no room; :func:`plan` would, too.

    It raises only if the part cannot be planned with any of :data:`BLOCKS`, so the room of other
    parts does not matter. Nor do kappas, which are put off to the home.

    Args:
        tree: the group.
        apart: outputs that not every row of all parts counts for.
        part: what it holds.
        kappas: ``(outputs,)`` of the layer.
        address_map: of the subarrays.
    """
    from pimsim.microprogram.output_tree import adding, planner

    order, (nodes, ends) = leaves(tree), of_tree(tree, frozenset(apart))
    part = part._replace(signs=_columns(part.signs, order))
    nowhere = np.zeros(len(order), np.int64)
    goal = kappas[order].astype(np.int64), nowhere, False
    nothing = np.zeros((0, 4), np.int64)
    marks, lasts = (np.zeros((len(ends), n), np.int64) for n in (4, 2))

    def written(block: int) -> None:
        digits = np.full((len(ends), 2, adding.MAX_WEIGHT), adding.NOTHING, np.int64)
        found = Found(np.zeros_like(nowhere), np.zeros_like(marks), digits, np.zeros_like(lasts))
        planner.written(nodes, part, nothing, goal, found, address_map, (False, block))

    in_blocks(written)


def require_home(
    tree: Tree,
    apart: set[int],
    home: FanIn,
    coming: Callable[[tuple[int, ...]], int],
    address_map: AddressMap,
) -> None:
    """Raise OutOfRowsError if the home has no room for what comes to its first leaf.

    The planner raises then, too. Until that leaf it works only on what the home holds, and next it
    takes a row for each digit that comes.

    Args:
        tree: the group.
        apart: outputs that not every row of all parts counts for.
        home: what the home holds.
        coming: how many digits come at least, from all other parts, to a leaf of such outputs.
        address_map: of the subarrays.
    """
    from pimsim.microprogram.output_tree import adding, planner

    order, (nodes, ends) = leaves(tree), of_tree(tree, frozenset(apart))
    before = nodes[: int(np.argmax(nodes[:, KIND] != INNER))]
    home, rows = home._replace(signs=_columns(home.signs, order)), coming(ends[0])
    nowhere, nothing = np.zeros(len(order), np.int64), np.zeros((0, 4), np.int64)
    marks = np.zeros((len(ends), 4), np.int64)
    digits, lasts = np.zeros((0, 2, adding.MAX_WEIGHT), np.int64), marks[:, :2].copy()
    found = Found(nowhere.copy(), marks, digits, lasts)

    def written(block: int) -> None:
        goal, how = (nowhere, nowhere, False), (False, block)
        state, _ = planner.written(before, home, nothing, goal, found, address_map, how)
        if state[adding.FREE] < rows:
            raise NoRoomError(len(home.free), state[adding.LONGEST])

    in_blocks(written)


def too_few(rows: int) -> str:
    """The message if a group needs more rows."""
    return f"adding rows: more than the {rows} data rows are needed at once that operands leave"


def _peak(part: FanIn, state: Sequence[int]) -> int:
    """Rows in use at once: those of operands, and others."""
    from pimsim.microprogram.output_tree import adding

    return int(np.count_nonzero(np.bincount(part.rows))) + state[adding.PEAK]


def _columns(signs: NDArray[np.int8], order: list[int]) -> NDArray[np.int8]:
    """The signs of some outputs, in one piece."""
    if order == [*range(signs.shape[1])]:
        return np.ascontiguousarray(signs)
    return np.ascontiguousarray(signs[:, order])


# -- what walks a plan ------------------------------------------------------------------------


class Piece(NamedTuple):
    """One of: records of a part, digits handed over, a leaf settled, a bit decided."""

    part: int = -1
    records: slice = slice(0)
    moved: Ints | None = None
    """``(n, 2)`` places of digits in the part, and in the home."""
    settled: int = -1
    """Leaf whose digits stand in their rows now."""
    decided: int = -1
    """Place in the group of the output whose bit stands in its row now."""


def pieces(planned: GroupPlan) -> Iterator[Piece]:
    """Yield what is done, in order."""
    place_of = {output: place for place, output in enumerate(planned.outputs)}
    at = [0] * len(planned.tapes)
    marks = [some.tolist() for some in planned.marks]
    brought, parts = planned.brought, len(planned.tapes)
    ends = np.searchsorted(
        brought[:, 0] * parts + brought[:, 1], range(len(planned.leaves) * parts + 1)
    ).tolist()

    def some(part: int, until: int) -> Piece:
        piece = Piece(part, slice(at[part], until))
        at[part] = until
        return piece

    for leaf, outputs in enumerate(planned.leaves):
        yield some(0, marks[0][leaf][BEFORE])
        for part in range(1, parts):
            yield some(part, marks[part][leaf][SETTLED])
            first, until = ends[leaf * parts + part : leaf * parts + part + 2]
            if until > first:
                yield Piece(part, moved=brought[first:until, 2:])
        yield some(0, marks[0][leaf][SETTLED])
        yield Piece(settled=leaf)
        for number, output in enumerate(outputs if planned.decides else ()):
            yield some(0, marks[0][leaf][DECIDED + number])
            yield Piece(decided=place_of[output])
