"""The table of primitives: each with its truth table and its program.

A newcomer adds a primitive by adding one entry; the tests run over all of them, on every input
where that is feasible, and compare the command count with the published one.

>>> xnor = PRIMITIVES["xnor"]
>>> xnor.meaning(1, {"a": 1, "b": 0})
{'out': 0}
>>> len(xnor.program()), len(PRIMITIVES["add"].program(32))
(7, 226)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pimsim.documents import nearest, shown
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.errors import InputError
from pimsim.microprogram import logic
from pimsim.microprogram.accumulation import popcount, popcount_commands
from pimsim.microprogram.arithmetic import (
    FULL_ADDER,
    FULL_ADDER_NOT_C,
    FULL_ADDER_OF_FIVE,
    add,
    add_by_full_adders,
    equal,
    greater,
    greater_equal,
    greater_equal_constant,
    if_then_else,
    maximum,
    minimum,
    multiply,
    multiply_by_full_adders,
    subtract,
    subtract_by_full_adders,
)
from pimsim.microprogram.counting import popcount as popcount_by_full_adders
from pimsim.microprogram.program import Program

Values = Mapping[str, int]
_AMBIT = "Seshadri et al., Ambit, MICRO 2017"
_SIMDRAM = "Hajinazar et al., SIMDRAM, ASPLOS 2021"
_OWN_PRODUCT = "pimsim, with the adder that is found by search"
_OWN = "breadth-first search over the address map, pimsim"


@dataclass(frozen=True, slots=True)
class Primitive:
    """An operation on rows: what it means, and the commands that do it."""

    name: str
    summary: str
    build: Callable[[int], Program]
    """Makes the program for a width: the bits of the operands, or the rows of a popcount or
    reduction."""
    meaning: Callable[[int, Values], dict[str, int]]
    """The truth table: for a width and the inputs as integers, the outputs as integers."""
    count: Callable[[int], int]
    """Number of commands for a width, as published; ours where none is published."""
    source: str
    width: int = 1
    """Width shown in tables; 1 for operations on single rows."""
    narrowest: int = 1
    sized: bool = False
    """Whether the width can be chosen."""
    shorter: tuple[Program, ...] = ()
    """Shorter programs with the same symbols for maps that have more than Ambit's, the shortest
    first."""

    def __repr__(self) -> str:
        return f"<Primitive {self.name!r}: {self.summary}>"

    def program(self, width: int | None = None, address_map: AddressMap = DEFAULT_MAP) -> Program:
        """Return the program for operands of ``width`` bits; None: the width shown in tables.

        Raises InputError for a width that the operation does not have.

        >>> len(PRIMITIVES["add"].program(8)) < len(PRIMITIVES["add"].program(32))
        True
        """
        chosen = self.width if width is None else width
        if not hasattr(chosen, "__index__"):
            raise InputError(f"width of {self.name!r} must be an integer, not {shown(chosen)}")
        if (not self.sized and chosen != self.width) or chosen < self.narrowest:
            limit = f"at least {self.narrowest}" if self.sized else f"{self.width}"
            raise InputError(f"width of {self.name!r} must be {limit}, not {chosen}")
        for program in self.shorter:
            if program.fits(address_map):
                return program.on(address_map, alone=True)
        return self.build(chosen).on(address_map, alone=True)


def operands(symbols: tuple[str, ...]) -> dict[str, list[str]]:
    """Group rows into vertical operands, least significant row first.

    >>> operands(("a0", "a1", "carry"))
    {'a': ['a0', 'a1'], 'carry': ['carry']}
    """
    groups: dict[str, list[str]] = {}
    for symbol in symbols:
        groups.setdefault(re.sub(r"\d+$", "", symbol), []).append(symbol)
    return groups


def _fixed(
    name: str, summary: str, program: Program, meaning: Callable[[Values], int], source: str
) -> Primitive:
    return Primitive(
        name,
        summary,
        lambda _: program,
        lambda _, v: {"out": meaning(v) & 1},
        lambda _: len(program),
        source,
    )


def _adder(
    name: str, summary: str, program: Program, flip: int, source: str, *shorter: Program
) -> Primitive:
    def meaning(_: int, v: Values) -> dict[str, int]:
        total = v["a"] + v["b"] + (v["c"] ^ flip)
        return {"sum": total & 1, "carry": total >> 1}

    return Primitive(
        name, summary, lambda _: program, meaning, lambda _: 8, source, shorter=shorter
    )


_sized = partial(Primitive, width=8, sized=True)


def _added(width: int, v: Values) -> dict[str, int]:
    total = v["a"] + v["b"]
    return {"sum": total % 2**width, "carry": total >> width}


def _subtracted(width: int, v: Values) -> dict[str, int]:
    return {"sum": (v["a"] - v["b"]) % 2**width, "carry": int(v["a"] >= v["b"])}


def _multiplied(_: int, v: Values) -> dict[str, int]:
    return {"product": v["a"] * v["b"]}


def _out(meaning: Callable[[Values], int]) -> Callable[[int, Values], dict[str, int]]:
    """The truth table of a primitive with one output, for any width."""
    return lambda _, v: {"out": int(meaning(v))}


def _linear(each: int, beside: int) -> Callable[[int], int]:
    """``each`` commands for each bit or row, plus ``beside`` commands."""
    return lambda n: each * n + beside


def _simdram(
    name: str,
    summary: str,
    build: Callable[[int], Program],
    meaning: Callable[[Values], int],
    each: int,
    beside: int,
) -> Primitive:
    return _sized(name, summary, build, _out(meaning), _linear(each, beside), _SIMDRAM)


def _threshold(width: int) -> int:
    """The constant that the table's comparison uses, with ones and zeros in it."""
    return (5 << width) >> 3


_TABLE = (
    _fixed("copy", "RowClone FPM copy", logic.COPY, lambda v: v["a"], _AMBIT),
    _fixed("not", "complement", logic.NOT, lambda v: ~v["a"], _AMBIT),
    _fixed("and", "a AND b", logic.AND, lambda v: v["a"] & v["b"], _AMBIT),
    _fixed("or", "a OR b", logic.OR, lambda v: v["a"] | v["b"], _AMBIT),
    _fixed("nand", "NOT (a AND b)", logic.NAND, lambda v: ~(v["a"] & v["b"]), _AMBIT),
    _fixed("nor", "NOT (a OR b)", logic.NOR, lambda v: ~(v["a"] | v["b"]), _AMBIT),
    _fixed("xor", "a XOR b", logic.XOR, lambda v: v["a"] ^ v["b"], _AMBIT),
    _fixed("xnor", "a XNOR b, a binary product", logic.XNOR, lambda v: ~(v["a"] ^ v["b"]), _AMBIT),
    _fixed("maj3", "majority of three", logic.MAJ3, lambda v: sum(v.values()) >= 2, _AMBIT),
    _adder("full-adder", "a + b + c", FULL_ADDER, 0, _SIMDRAM, FULL_ADDER_OF_FIVE),
    _adder("full-adder-not-c", "a + b + NOT c", FULL_ADDER_NOT_C, 1, _OWN),
    _sized("add", "a + b", add, _added, _linear(7, 2), _OWN),
    _sized("subtract", "a - b", subtract, _subtracted, _linear(7, 2), _OWN),
    _sized(
        "add-simdram", "a + b, as published", add_by_full_adders, _added, _linear(8, 1), _SIMDRAM
    ),
    _sized(
        "subtract-simdram",
        "a - b, as published",
        subtract_by_full_adders,
        _subtracted,
        _linear(8, 1),
        _SIMDRAM,
    ),
    _sized(
        "multiply",
        "a x b, unsigned",
        multiply,
        _multiplied,
        lambda n: 10 * n * n - 4 * n - 2 + (n == 1),
        _OWN_PRODUCT,
        width=4,
    ),
    _sized(
        "multiply-simdram",
        "a x b, by full adders as published",
        multiply_by_full_adders,
        _multiplied,
        lambda n: 11 * n * n - 6 * n - 1 + (n == 1),
        f"{_SIMDRAM}: the full adder; the program is not printed",
        width=4,
    ),
    _simdram("greater", "a > b, unsigned", greater, lambda v: v["a"] > v["b"], 3, 2),
    _simdram("greater-equal", "a >= b, unsigned", greater_equal, lambda v: v["a"] >= v["b"], 3, 2),
    _sized(
        "greater-equal-constant",
        "a >= constant: a BatchNorm and sign",
        lambda n: greater_equal_constant(n, _threshold(n)),
        lambda n, v: {"out": int(v["a"] >= _threshold(n))},
        _linear(3, 2),
        "pimsim",
    ),
    _simdram("equal", "a == b", equal, lambda v: v["a"] == v["b"], 4, 3),
    _simdram("min", "the smaller of a and b, unsigned", minimum, lambda v: min(v.values()), 10, 2),
    _simdram("max", "the larger of a and b, unsigned", maximum, lambda v: max(v.values()), 10, 2),
    _simdram(
        "if-then-else",
        "a where select, else b",
        if_then_else,
        lambda v: v["a"] if v["select"] else v["b"],
        7,
        0,
    ),
    _sized(
        "and-reduction",
        "AND of n rows",
        lambda n: logic.reduction("C0", n),
        lambda n, v: {"out": int(v["x"] == 2**n - 1)},
        _linear(3, -2),
        "pimsim",
        width=4,
        narrowest=2,
    ),
    _sized(
        "or-reduction",
        "OR of n rows: max pooling of bits",
        lambda n: logic.reduction("C1", n),
        _out(lambda v: v["x"] != 0),
        _linear(3, -2),
        "pimsim",
        width=4,
        narrowest=2,
    ),
    _sized(
        "popcount",
        "number of ones in n rows",
        popcount,
        lambda _, v: {"sum": v["x"].bit_count()},
        popcount_commands,
        "pimsim",
        width=255,
        narrowest=2,
    ),
    _sized(
        "popcount-simdram",
        "the same, by full adders as published",
        popcount_by_full_adders,
        lambda _, v: {"sum": v["x"].bit_count()},
        lambda n: 8 * (n - n.bit_count()),
        _SIMDRAM,
        width=255,
        narrowest=2,
    ),
)


class Primitives(dict[str, Primitive]):
    """Primitives by name; shown as one line in a Python session."""

    def __repr__(self) -> str:
        first = ", ".join([*self][:5])
        return f"<{len(self)} primitives: {first} ...; list(PRIMITIVES) has all names>"


PRIMITIVES: Mapping[str, Primitive] = Primitives({entry.name: entry for entry in _TABLE})
"""Every primitive by name."""


def program_of(
    operation: Program | Primitive | str, address_map: AddressMap = DEFAULT_MAP
) -> Program:
    """Return the program of a primitive, or of the name of one, at its usual width.

    The program is one for ``address_map``. If ``operation`` is a program, it is returned as it is.

    Raises InputError for anything else, and for an unknown name.

    >>> program_of("xnor") is program_of(PRIMITIVES["xnor"]) is PRIMITIVES["xnor"].program()
    True
    """
    if isinstance(operation, str):
        if operation not in PRIMITIVES:
            raise InputError(f"unknown primitive {operation!r}{nearest(operation, PRIMITIVES)}")
        operation = PRIMITIVES[operation]
    if isinstance(operation, Primitive):
        operation = operation.program(address_map=address_map)
    if not isinstance(operation, Program):
        raise InputError(
            f"`program` must be a Program, a Primitive or the name of one, not {shown(operation)}"
        )
    return operation
