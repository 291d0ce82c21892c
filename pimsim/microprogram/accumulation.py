"""Adding rows with the running sum left in the compute cells: six commands an adder.

A full adder that reads three rows and writes two takes eight commands on Ambit's map. Here the sum
stays in compute cells from one adder to the next, as two cells with opposite contents. An adder
then only has to read two rows and to write a carry. The sum is kept plain or complemented,
whichever takes fewer commands. If all operands of an adder are complemented, so are its sum and
carry. A complement is therefore only a flag, and costs nothing.

Two kinds of adder, of the running sum v and two rows b and c:

- *mixed*: v + b + NOT c, from T0 = v and DCC0 = NOT v; it gives the complement of the sum.
- *equal*: NOT v + b + c, from T2 = NOT v and T3 = v; it gives the sum.

A row's bit y stands for the digit z = 2 y - 1, which is -1 or +1. The sum of three such digits is
exactly one digit plus twice another, and a complement is a minus sign:

>>> carry, rest = 1, -1
>>> 1 + 1 + -1 == 2 * carry + rest
True

:class:`Accumulator` adds items in chains. Source of the sequences: found and proven here; a chain
of n adders takes 6 n + 1 or 6 n + 2 commands, against 8 n of Hajinazar et al., "SIMDRAM",
ASPLOS 2021.

>>> schedule, rows = Schedule(1), RowAllocator(40)
>>> first = schedule.address_map.first_data
>>> items = [Item(first + row, False) for row in rows.take(15, "operands")]
>>> digits = Accumulator(schedule, WorkRows(rows, first)).digits({0: items})
>>> len(digits), sum(len(step.programs[0]) for step in schedule.steps)
(4, 69)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap, load
from pimsim.errors import InputError
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.arithmetic import rows as numbered
from pimsim.microprogram.counting import spelled
from pimsim.microprogram.logic import NOT
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule, Step

CONSTANT = -1
"""Stands for a row that is the same in every column: the digit +1, or -1 if complemented."""


class Item(NamedTuple):
    """A row on its way through the adders."""

    row: int
    """Its address, or :data:`CONSTANT`."""
    complement: bool
    """Whether it holds the complement of its bit."""


def constant(digit: int) -> Item:
    """The item that is ``digit``, -1 or +1, in every column.

    >>> constant(1).complement, constant(-1).complement
    (False, True)
    """
    return Item(CONSTANT, digit < 0)


WRITTEN_FOR = "three-dcc"
"""The map that programs are written for: Ambit's cells, and one address more."""

# -- commands -------------------------------------------------------------------------------------

_MIXED = "(b,B10)(c,B9)(B15,carry)(b,B7)(B14,B0)"
_EQUAL = "(b,B8)(c,B9)(B12,carry)(B15,B1)"
_WAYS: Mapping[tuple[str, str], str] = {
    ("start", "mixed"): "(a,B8)",
    ("start", "equal"): "(a,B15)(B7,B2)",
    ("start", "turned"): "(a,B14)(B5,B3)",
    ("mixed", "mixed"): _MIXED + "(B15,B5)",
    ("mixed", "equal"): _MIXED + "(B15,B5)(B4,B2)",
    ("mixed", "turned"): _MIXED + "(B15,B2)(B7,B3)",
    ("mixed", "end"): _MIXED + "(B15,sum)",
    ("mixed", "true"): _MIXED + "(B15,B5)(B4,sum)",
    ("equal", "equal"): _EQUAL + "(B14,B3)(B5,B2)",
    ("equal", "turned"): _EQUAL + "[B14](B5,B3)",
    ("equal", "end"): _EQUAL + "(B14,sum)",
    ("equal", "true"): _EQUAL + "[B14](B5,sum)",
}
"""Commands by what they do, and by what they leave for the next program. That is the pattern of
cells for a mixed adder, or for an equal one; in the latter with the sum as it stands, or
complemented (*turned*). At the end of a chain it is the sum in a row: as it stands, or complemented
(*true*)."""

_THIRD: Mapping[tuple[str, str], str] = {
    ("start", "turned"): "(a,B2)(a,B16)",
    ("mixed", "turned"): "(b,B10)(c,B9)[B14](B16,B1)(B15,carry)(B12,B16)",
    ("equal", "turned"): _EQUAL + "(B14,B16)",
}
"""Programs that are shorter on maps where T3 has an n-wordline of its own, B16."""

_SYMBOLS = {"start": ("a",), "mixed": ("b", "c"), "equal": ("b", "c")}


@cache
def programs(address_map: AddressMap) -> Mapping[tuple[str, str], Program]:
    """Return the programs on an address map, by way; InputError if the map lacks one of them."""
    found = {way: _program(way, text).on(address_map) for way, text in _WAYS.items()}
    for way, text in _THIRD.items():
        with contextlib.suppress(InputError):
            found[way] = _program(way, text).on(address_map)
    return found


def _program(way: tuple[str, str], text: str) -> Program:
    inputs = _SYMBOLS[way[0]]
    carry, total = ("carry",) * (len(inputs) == 2), ("sum",) * (way[1] in ("end", "true"))
    # All are written for one map, so that all are translated to another map alike.
    return Program.parse(
        f"add-{way[0]}-{way[1]}",
        text,
        inputs=inputs,
        outputs=(*carry, *total),
        address_map=load(WRITTEN_FOR),
    )


# -- which adders ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chain:
    """How rows are added: which row comes first, and which go into mixed and equal adders."""

    first: bool
    """Whether the first row is a complemented one."""
    mixed: int
    """Adders of a plain and a complemented row."""
    equal: tuple[bool, ...]
    """Adders of two plain rows (False) or two complemented ones (True), in order."""

    def ways(self, *, true: bool = False) -> list[tuple[str, str]]:
        """Keys of :func:`programs`, one for each program of the chain.

        ``true``: the sum must not end up complemented.

        >>> Chain(False, 1, (True, False)).ways()  # doctest: +NORMALIZE_WHITESPACE
        [('start', 'mixed'), ('mixed', 'turned'), ('equal', 'turned'), ('equal', 'end')]
        """
        turned = self.first
        kinds = ["start", *["mixed"] * self.mixed, *["equal"] * len(self.equal)]
        after = [*kinds[1:], "end"]
        found = []
        held, number = self.first, 0
        for kind, following in zip(kinds, after, strict=True):
            if kind == "mixed":
                held = not held
            elif kind == "equal":
                held = not self.equal[number]
                number += 1
            if following == "end" and true and held:
                following = "true"
            if following == "equal":
                turned = held != self.equal[number]
                following = "equal" if turned else "turned"
            found.append((kind, following))
        return found


@cache
def cheapest(
    rows: tuple[int, int, int],
    adders: int,
    address_map: AddressMap,
    minimise: str = "commands",
    *,
    true: bool = False,
) -> Chain:
    """Return the cheapest chain of ``adders`` adders over some of the given rows.

    Args:
        rows: how many rows hold their bits, hold complements, and are constants, which may stand
            for either.
        adders: number of adders; they take 2 ``adders`` + 1 rows.
        address_map: decides which programs there are.
        minimise: ``commands`` or ``activations``; the other one decides a tie.
        true: the sum must not end up complemented.

    >>> from pimsim.dram.array.address_map import ambit
    >>> cheapest((3, 4, 0), 3, ambit()).ways()[:2]
    [('start', 'equal'), ('equal', 'turned')]
    """
    table = programs(address_map)
    of = {way: (len(one), one.activations) for way, one in table.items()}
    if minimise == "activations":
        of = {way: (acts, commands) for way, (commands, acts) in of.items()}

    def cost(one: Chain) -> tuple[int, int]:
        first, second = zip(*(of[way] for way in one.ways(true=true)), strict=True)
        return sum(first), sum(second)

    return min(_chains(*rows, adders), key=cost)


def _chains(plain: int, complemented: int, constants: int, adders: int) -> Iterable[Chain]:
    """Candidate chains; the cheapest of all chains is among them."""
    spare = plain + complemented + constants - 2 * adders - 1
    if spare < 0:
        raise InputError(f"{adders} adders must have {2 * adders + 1} rows, not {-spare} fewer")
    for left_plain in range(spare + 1):
        for left_complemented in range(spare - left_plain + 1):
            some, others = plain - left_plain, complemented - left_complemented
            free = constants - (spare - left_plain - left_complemented)
            if min(some, others, free) < 0:
                continue
            for extra in range(free + 1):
                yield from _paired(some + extra, others + free - extra)


def _paired(plain: int, complemented: int) -> Iterable[Chain]:
    for first in (False, True):
        one, other = plain - (not first), complemented - first
        if min(one, other) < 0:
            continue
        most = min(one, other)
        for mixed in {one % 2, min(one % 2 + 2, most), most}:
            pairs, turned = (one - mixed) // 2, (other - mixed) // 2
            for start in (False, True):
                yield Chain(first, mixed, in_turn(pairs, turned, start))


def in_turn(pairs: int, complemented: int, start: bool) -> tuple[bool, ...]:
    """Pairs of plain rows (False) and of complemented rows (True), alternating as far as possible.

    >>> in_turn(1, 3, False)
    (False, True, True, True)
    """
    order, left = [], [pairs, complemented]
    kind = start
    while sum(left):
        if not left[kind]:
            kind = not kind
        left[kind] -= 1
        order.append(kind)
        kind = not kind
    return tuple(order)


# -- adding ---------------------------------------------------------------------------------------


class WorkRows:
    """Hands out data rows, each for a number of uses, after which it is free again."""

    def __init__(self, allocator: RowAllocator, first_data: int) -> None:
        self._allocator, self._first = allocator, first_data
        self._uses: dict[int, int] = {}

    def take(self, uses: int = 1) -> int:
        """Address of a free row, for so many uses."""
        (row,) = self._allocator.take(1, "adding rows")
        self._uses[self._first + row] = uses
        return self._first + row

    def use(self, row: int) -> None:
        """Count a use of a row; rows that were not given out here are left alone."""
        if row in self._uses:
            self._uses[row] -= 1
            if not self._uses[row]:
                del self._uses[row]
                self._allocator.give_back([row - self._first])


class Accumulator:
    """Adds items and writes the commands to a schedule of one output.

    Args:
        schedule: where the steps go.
        work: data rows for sums and carries.

    """

    def __init__(self, schedule: Schedule, work: WorkRows) -> None:
        self.schedule, self.work = schedule, work
        self._map = schedule.address_map
        self._programs = programs(self._map)
        self._cheapest = cache(partial(cheapest, address_map=self._map))
        self.adders = 0
        """Adders so far."""

    def put(self, program: Program, *rows: int) -> None:
        """Write a step."""
        self.schedule.put([Step((program,), None, rows)])

    def row(self, item: Item, complement: bool) -> int:
        """Address of a row that holds the item, or its complement; of a constant, either."""
        if item.row == CONSTANT:
            return self._map.constant(item.complement == complement)
        return item.row

    def add(
        self, items: list[Item], adders: int, *, true: bool = False
    ) -> tuple[Item, list[Item], list[Item]]:
        """Add 2 ``adders`` + 1 of the items; return the sum, the items left, and the carries.

        ``true``: the sum must not end up complemented.
        """
        plain = [item for item in items if item.row != CONSTANT and not item.complement]
        complemented = [item for item in items if item.row != CONSTANT and item.complement]
        constants = [item for item in items if item.row == CONSTANT]
        counted = len(plain), len(complemented), len(constants)
        one = self._cheapest(counted, adders, true=true)
        kept: dict[bool, list[Item]] = {False: plain, True: complemented}

        def operand(complement: bool) -> Item:
            return (kept[complement] or constants).pop()

        ways = one.ways(true=true)
        first, held = operand(one.first), one.first
        self.put(self._programs[ways[0]], self.row(first, one.first))
        used, carries, total = [first], [], CONSTANT
        kinds = iter(one.equal)
        for way in ways[1:]:
            carry = self.work.take()
            if way[0] == "mixed":
                b, c = operand(False), operand(True)
                rows = self.row(b, False), self.row(c, True)
                rows = rows[::-1] if held else rows
                carries.append(Item(carry, held))
                held = not held
            else:
                kind = next(kinds)
                b, c = operand(kind), operand(kind)
                rows = self.row(b, kind), self.row(c, kind)
                carries.append(Item(carry, kind))
                held = not kind
            used += [b, c]
            held = held and way[1] != "true"
            if way[1] in ("end", "true"):
                total = self.work.take()
                self.put(self._programs[way], *rows, carry, total)
            else:
                self.put(self._programs[way], *rows, carry)
        self.adders += adders
        for item in used:
            self.work.use(item.row)
        return Item(total, held), [*plain, *complemented, *constants], carries

    def digits(self, columns: Mapping[int, list[Item]], *, true: bool = False) -> list[Item]:
        """Add all items until one is left at each weight.

        Args:
            columns: items by the exponent of their weight. Where their number is even, an item that
                is -1 everywhere is added: the digit of a bit 0.
            true: sums must not end up complemented.

        """
        waiting = {weight: list(items) for weight, items in columns.items()}
        found, weight = [], 0
        while waiting:
            items = waiting.pop(weight, [])
            if len(items) % 2 == 0:
                items.append(constant(-1))
            total, _, carries = (
                self.add(items, len(items) // 2, true=true)
                if len(items) > 1
                else (items[0], [], [])
            )
            if carries:
                waiting.setdefault(weight + 1, []).extend(carries)
            if true and total.complement and total.row != CONSTANT:
                row = self.work.take()
                self.put(NOT.on(self._map), total.row, row)
                self.work.use(total.row)
                total = Item(row, False)
            found.append(total)
            weight += 1
        return found


def popcount(inputs: int, address_map: AddressMap = DEFAULT_MAP) -> Program:
    """Program that counts ones among ``inputs`` >= 2 rows: 6 commands an adder, 2 for every sum.

    >>> len(popcount(255)), len(popcount(1023)), popcount_commands(1023)
    (1496, 6096, 6096)
    """
    if inputs < 2:
        raise InputError(f"popcount must have at least 2 input rows, not {inputs}")
    schedule, allocator = Schedule(1, address_map), RowAllocator(3 * inputs)
    first = address_map.first_data
    taken = [first + row for row in allocator.take(inputs, "inputs")]
    accumulator = Accumulator(schedule, WorkRows(allocator, first))
    found = accumulator.digits({0: [Item(row, False) for row in taken]}, true=True)
    names = dict(zip(taken, numbered("x", inputs), strict=True))
    outputs = numbered("sum", len(found))
    names |= {item.row: name for item, name in zip(found, outputs, strict=True)}
    commands, scratch = spelled(schedule, names)
    return Program("popcount", commands, numbered("x", inputs), outputs, scratch, address_map)


def popcount_commands(inputs: int) -> int:
    """Commands of :func:`popcount` on Ambit's map: 6 an adder, and 2 for each chain.

    >>> [(popcount_commands(n), len(popcount(n))) for n in (2, 3, 100)]
    [(8, 8), (8, 8), (594, 594)]
    """
    commands = 0
    while inputs > 1:
        commands += 6 * (inputs // 2) + 2
        inputs //= 2
    return commands
