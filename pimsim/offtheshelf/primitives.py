"""The operations of unmodified DDR4 chips, each with its truth table and its program.

To add an operation, add an entry. The tests carry out every one, for every size and input, and
compare with the truth table.

>>> maj5 = PRIMITIVES["maj5"]
>>> maj5.meaning([1, 0, 1, 1, 0]), maj5.sizes
(1, (8, 16, 32))
>>> len(maj5.program(32).steps)  # 20 steps bring operands, 3 times Frac of 2 rows, one, one
28
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from pimsim.errors import InputError
from pimsim.offtheshelf.decoder import ROWS, RowDecoder
from pimsim.offtheshelf.program import (
    CLONE,
    COPY,
    INVERSION,
    LOGIC,
    MAJORITY,
    Activate,
    ChipProgram,
    Frac,
    Row,
    Step,
)
from pimsim.offtheshelf.subarrays import FRACS

SIMRA = "Yuksel et al., Simultaneous Many-Row Activation in Off-the-Shelf DRAM Chips, DSN 2024"
FCDRAM = "Yuksel et al., Functionally-Complete Boolean Logic in Real DRAM Chips, HPCA 2024"
NEUTRAL = ("frac", "zeros", "ones")
"""Content of left-over rows of a majority: vdd/2, or a constant on chips without Frac."""
REFERENCE_FRACS = 5
"""Fracs of the reference row of an AND or OR (CMU-SAFARI/FCDRAM, NandNorReliability)."""


@dataclass(frozen=True, slots=True)
class ChipPrimitive:
    """An operation on rows: its truth table, and the steps that compute it."""

    name: str
    summary: str
    sizes: tuple[int, ...]
    """Numbers of rows that it opens in a subarray, or writes, as ``size`` says."""
    size: str
    """What :attr:`sizes` are: ``rows``, ``destinations`` or ``inputs``."""
    build: Callable[[int], ChipProgram]
    meaning: Callable[[Sequence[int]], int]
    """The result from the operands: the truth table."""
    source: str

    def program(self, size: int | None = None) -> ChipProgram:
        """Return the program for a size; the largest if None.

        Raises :class:`~pimsim.errors.InputError` for another size than :attr:`sizes`.
        """
        chosen = self.sizes[-1] if size is None else size
        if chosen not in self.sizes:
            listed = ", ".join(map(str, self.sizes))
            raise InputError(f"`{self.size}` of {self.name} must be one of {listed}, not {chosen}")
        return self.build(chosen)


def majority(
    inputs: int, rows: int, neutral: str = NEUTRAL[0], decoder: RowDecoder | None = None
) -> ChipProgram:
    """Return the program of a majority of ``inputs`` operands on ``rows`` rows.

    Each operand is brought into the group by copies to one row, then to many; it stands there
    ``rows // inputs`` times. Rows left over are neutral.

    Raises :class:`~pimsim.errors.InputError` for an even number of operands, more of them than
    rows, rows that are no power of two, and constants as neutral rows where they would outvote a
    majority by one.

    >>> majority(4, 8)
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: operands of a majority must be an odd number of at least 3, not 4
    """
    decoder = decoder or RowDecoder()
    if type(inputs) is not int or inputs < 3 or inputs % 2 == 0:
        raise InputError(
            f"operands of a majority must be an odd number of at least 3, not {inputs!r}"
        )
    group = _Group(decoder, rows)
    if inputs > rows:
        raise InputError(f"`rows` must be at least the {inputs} operands, not {rows}")
    if neutral not in NEUTRAL:
        raise InputError(f"`neutral` must be one of {', '.join(NEUTRAL)}, not {neutral!r}")
    copies, left = divmod(rows, inputs)
    if neutral != NEUTRAL[0] and left >= copies:
        raise InputError(
            f"`neutral` must be frac for {inputs} operands on {rows} rows, not {neutral}: {left} "
            f"rows of a constant outvote {copies} of an operand"
        )
    operands = list(islice(group.free, inputs))
    steps: list[Step] = []
    at = 0
    for size in _powers(copies):
        for operand in operands:
            steps += group.fill(operand, at, size)
            at += size
    constants: list[tuple[Row, int]] = []
    if neutral == NEUTRAL[0]:
        steps += [Frac(group.row(n)) for n in range(at, rows) for _ in range(FRACS)]
    elif left:
        constants.append((Row(0, next(group.free)), NEUTRAL.index(neutral) - 1))
        for number in range(at, rows):
            steps += group.fill(constants[0][0].row, number, 1)
    deciding = len(steps)
    output = Row(0, next(group.free))
    steps += [
        Activate(group.row(0), group.row(rows - 1), MAJORITY),
        Activate(group.row(0), output, CLONE),
    ]
    return ChipProgram(
        f"maj{inputs}",
        tuple(steps),
        tuple(Row(0, row) for row in operands),
        (output,),
        tuple(constants),
        deciding=deciding,
    )


def copy(rows: int, decoder: RowDecoder | None = None) -> ChipProgram:
    """Return the program of a copy of a row to ``rows`` - 1 others, ``rows`` a power of two."""
    group = _Group(decoder or RowDecoder(), rows)
    first, last = group.row(0), group.row(rows - 1)
    outputs = tuple(group.row(number) for number in range(1, rows))
    return ChipProgram("copy", (Activate(first, last, COPY),), (first,), outputs)


def clone(_: int = 1) -> ChipProgram:
    """Return the program of a copy of a row to any other one of its subarray."""
    return ChipProgram(
        "clone", (Activate(Row(0, 0), Row(0, 2), CLONE),), (Row(0, 0),), (Row(0, 2),)
    )


def inversion(rows: int, decoder: RowDecoder | None = None) -> ChipProgram:
    """Return the program of a NOT into ``rows`` rows of the neighbouring subarray."""
    decoder = decoder or RowDecoder()
    last = decoder.partner(0, rows)
    outputs = tuple(Row(1, row) for row in decoder.opened(0, last))
    step = Activate(Row(0, 0), Row(1, last), INVERSION)
    return ChipProgram("not", (step,), (Row(0, 0),), outputs, halved=True)


def logic(name: str, inputs: int, decoder: RowDecoder | None = None) -> ChipProgram:
    """Return the program of ``and``, ``or``, ``nand`` or ``nor`` of 2, 4, 8 or 16 operands.

    The operands are opened in one subarray and as many reference rows in its neighbour: one at
    vdd/2, the others all ones (AND) or all zeros (OR). The reference rows are left with the
    complement.
    """
    group = _Group(decoder or RowDecoder(), inputs)
    operands = [Row(1, row) for row in islice(group.free, inputs)]
    constant = Row(0, next(group.free))
    steps: list[Step] = [
        Activate(operand, group.row(number, 1), CLONE) for number, operand in enumerate(operands)
    ]
    steps += group.fill(constant.row, 0, inputs)
    steps += [Frac(group.row(0))] * REFERENCE_FRACS
    deciding = len(steps)
    steps.append(Activate(group.row(0), group.row(inputs - 1, 1), LOGIC))
    side = 0 if name.startswith("n") else 1
    output = Row(side, next(group.free))
    steps.append(Activate(group.row(0, side), output, CLONE))
    held = int(name in ("and", "nand"))
    return ChipProgram(
        name, tuple(steps), tuple(operands), (output,), ((constant, held),), True, deciding
    )


class _Group:
    """A group of rows that open together, and the rows outside."""

    def __init__(self, decoder: RowDecoder, rows: int) -> None:
        self._decoder, self._rows = decoder, rows
        inside = set(decoder.opened(0, decoder.partner(0, rows)))
        self.free: Iterator[int] = (row for row in range(decoder.rows) if row not in inside)

    def row(self, index: int, side: int = 0) -> Row:
        """Return the row of that number in the group."""
        return Row(side, self._decoder.corner(0, self._rows, index))

    def fill(self, source: int, at: int, size: int) -> list[Step]:
        """Return the steps that bring a row into ``size`` rows from number ``at`` on."""
        steps: list[Step] = [Activate(Row(0, source), self.row(at), CLONE)]
        if size > 1:
            steps.append(Activate(self.row(at), self.row(at + size - 1), COPY))
        return steps


def _powers(number: int) -> list[int]:
    """Powers of two that add up to a number, the largest first."""
    return [1 << bit for bit in reversed(range(number.bit_length())) if number >> bit & 1]


def _logic(name: str, summary: str, meaning: Callable[[Sequence[int]], int]) -> ChipPrimitive:
    build = partial(logic, name)
    return ChipPrimitive(name, summary, (2, 4, 8, 16), "inputs", build, meaning, FCDRAM)


_TABLE = (
    ChipPrimitive("copy", "copy of a row to N - 1 others", ROWS, "rows", copy, lambda v: v[0],
                  SIMRA),
    ChipPrimitive("clone", "copy of a row to any other", (1,), "destinations", clone,
                  lambda v: v[0], SIMRA),
    *(
        ChipPrimitive(
            f"maj{inputs}", f"majority of {inputs} on N rows",
            tuple(rows for rows in ROWS if rows >= inputs), "rows", partial(majority, inputs),
            lambda v: int(2 * sum(v) > len(v)), SIMRA,
        )
        for inputs in (3, 5, 7, 9)
    ),
    ChipPrimitive("not", "complement in N rows of the neighbour", (1, *ROWS), "destinations",
                  inversion, lambda v: 1 - v[0], FCDRAM),
    _logic("and", "AND of N rows", lambda v: int(all(v))),
    _logic("or", "OR of N rows", lambda v: int(any(v))),
    _logic("nand", "NOT AND of N rows", lambda v: int(not all(v))),
    _logic("nor", "NOT OR of N rows", lambda v: int(not any(v))),
)  # fmt: skip

PRIMITIVES: Mapping[str, ChipPrimitive] = {entry.name: entry for entry in _TABLE}
"""Every primitive by name."""
