"""Leaves of a tree: numbers of one digit a weight, and the bits that say whether they are above 0.

Two outputs share a leaf: o1 = S + D and o2 = S - D.

A number whose digits are all -1 or +1 and fill all weights is odd. What is added up is made odd by
a constant, which comes out of the thresholds, so it costs no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pimsim.microprogram.accumulation import Accumulator, Item, constant
from pimsim.microprogram.output_tree.deciding import decide, extended
from pimsim.microprogram.output_tree.tree import Leaf

Columns = Mapping[int, Sequence[Item]]
"""Items by the exponent of their weight."""


def settle(accumulator: Accumulator, columns: Columns, beside: int) -> dict[int, Item]:
    """Add items and the number ``beside`` up to one digit a weight.

    Args:
        accumulator: writes the commands.
        columns: with as many items of weight 0 as make their number and ``beside`` odd together.
        beside: an integer.

    """
    waiting = {weight: list(items) for weight, items in columns.items()}
    found: dict[int, Item] = {}
    weight = 0
    while any(waiting.values()) or beside:
        items = waiting.pop(weight, [])
        above, following = sum(map(len, waiting.values())), len(waiting.get(weight + 1, ()))
        count = len(items)
        if (count + beside) % 2 == 0:
            raise ValueError(f"{count} digits and {beside} must be odd together at {weight}")
        total = None
        if count % 2 == 0:
            digit = _digit(beside, following + count // 2, alone=not count and not above)
            beside -= digit
            items.append(constant(digit))
        adders = len(items) // 2
        if adders:
            total, _, carries = accumulator.add(items, adders)
            waiting.setdefault(weight + 1, []).extend(carries)
        else:
            total = items[0]
        beside //= 2
        if count % 2 and (above or adders or beside) and (following + adders + beside) % 2 == 0:
            # z = 2 z - z makes the next weight odd
            waiting.setdefault(weight + 1, []).append(total)
            accumulator.work.more(total.row, 1)
            total = total._replace(complement=not total.complement)
        found[weight] = total
        weight += 1
    return found


def _digit(beside: int, following: int, *, alone: bool) -> int:
    """The digit to take from ``beside`` so that what follows is odd."""
    if alone and abs(beside) == 1:
        return beside
    return next(digit for digit in (1, -1) if ((beside - digit) // 2 + following) % 2)


def shares(kappas: tuple[int, int], counts: tuple[int, int]) -> tuple[int, int, int, int]:
    """Divide two constants: what is added to S and to D, and the digit left for each output.

    Args:
        kappas: constants of both outputs.
        counts: items of weight 0 in S and in D.

    >>> shares((2, -4), (5, 0))
    (-2, 3, 1, 1)
    """
    one, other = kappas
    for first in (1, -1):
        for second in (1, -1):
            twice_sum = one + other - first - second
            twice_difference = one - other - first + second
            if twice_sum % 2 or twice_difference % 2:
                continue
            total, difference = twice_sum // 2, twice_difference // 2
            if (total + counts[0]) % 2 and (difference + counts[1]) % 2:
                return total, difference, first, second
    raise ValueError(f"no digits make {kappas} odd with {counts} items")


class Settled(NamedTuple):
    """A leaf added up to digits; its rows are used up by :func:`release` or by :func:`decided`."""

    outputs: tuple[int, ...]
    numbers: tuple[dict[int, Item], ...]
    beside: tuple[int, ...]
    """For each output, what its numbers are too much by."""

    def release(self, accumulator: Accumulator) -> None:
        """Give the rows back."""
        for number in self.numbers:
            for item in number.values():
                accumulator.work.use(item.row)


def counted(accumulator: Accumulator, leaf: Leaf) -> Settled:
    """Add a leaf up, to hand the numbers over or to read them."""
    besides = [(len(columns.get(0, ())) + 1) % 2 for columns in leaf.columns]
    numbers = tuple(
        settle(accumulator, columns, beside) if columns or beside else {}
        for columns, beside in zip(leaf.columns, besides, strict=True)
    )
    own = (sum(besides), besides[0] - besides[-1]) if len(besides) == 2 else (besides[0],)
    return Settled(leaf.outputs, numbers, own)


def decided(
    accumulator: Accumulator, leaf: Leaf, kappas: Sequence[int]
) -> Iterable[tuple[int, int]]:
    """Write the bits of a leaf: output and address of a row with Z + kappa > 0, one by one.

    Args:
        accumulator: writes the commands.
        leaf: its rows are used up.
        kappas: for each output; what it counts and this must be odd together.

    """
    if len(leaf.outputs) == 2:
        counts = len(leaf.columns[0].get(0, ())), len(leaf.columns[1].get(0, ()))
        *besides, one, other = shares((kappas[0], kappas[1]), counts)
        numbers = [
            settle(accumulator, columns, beside)
            for columns, beside in zip(leaf.columns, besides, strict=True)
        ]
        last = [one, other]
    else:
        # the count is held against a number that is the same in all columns
        beside = (len(leaf.columns[0].get(0, ())) + 1) % 2
        rest = kappas[0] - beside
        last = [1 if rest % 4 == 0 else -1]
        numbers = [
            settle(accumulator, leaf.columns[0], beside),
            settle(accumulator, {}, rest - last[0]),
        ]
    top = max(max(number) for number in numbers)
    first, second = (extended(number, top) for number in numbers)
    for place, (output, digit) in enumerate(zip(leaf.outputs, last, strict=True)):
        out = accumulator.work.take()
        decide(accumulator, first, second, minus=bool(place), carry=digit, out=out)
        yield output, out
        accumulator.work.use(out)
    Settled(leaf.outputs, tuple(numbers), ()).release(accumulator)
