"""Row groups drawn from measurements, and the errors on them.

A group's success is drawn from the box of the operation. What it means for bitlines depends on what
was counted:

* For majorities, it is bitlines that were right in *every* trial. The others are always weak. Each
  column has a number, its lean. If a share f of bitlines fails, those with the f/2 lowest leans
  fail for one right answer, and those with the f/2 highest for the other. This is the most that a
  pattern can fail (the split ``half`` of docs/failures.md). Unanimous operands never fail.
* For copies, it is cells that held the value; for FCDRAM's NOT and logic, a mean over trials and
  bitlines. It is not known whether the same ones fail again, so failures are drawn in every access.

>>> from pimsim.offtheshelf.primitives import PRIMITIVES
>>> values = 0.9, 0.98, 0.99, 0.995, 1.0, 1.0  # these and all others here are made up
>>> always = "pct_bitlines_always_correct"
>>> boxes = [Box("MAJ3", 32, "random", MAJORITY, always, 0.985, values)]
>>> for rows, delays in ((2, CLONE), (2, COPY), (4, COPY), (8, COPY), (16, COPY), (32, COPY)):
...     whole = (1.0,) * 6
...     boxes += [Box("multi-row-copy", rows, "random", delays, "pct_cells_correct", 1.0, whole)]
>>> measured = Measured(BoxTable("made up", tuple(boxes)))
>>> chip = measured.chip(PRIMITIVES["maj3"], 32, np.random.default_rng(2))
>>> round(chip.success, 3)
0.98
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.documents import bundled_rows
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import Box, BoxTable
from pimsim.offtheshelf.primitives import ChipPrimitive
from pimsim.offtheshelf.program import CLONE, COPY, MAJORITY, Activate, ChipProgram
from pimsim.offtheshelf.subarrays import NeighbouringSubarrays

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MeanRate:
    """A mean success over trials and bitlines; its distribution was not published."""

    op: str
    size: int
    mean_success_pct: float
    source: str


def mean_rates() -> tuple[MeanRate, ...]:
    """Return FCDRAM's headline numbers, of chips of one maker for all but NOT.

    Source: Yuksel et al., HPCA 2024, as read in notes that quote the paper (second hand).

    >>> [(one.op, one.size) for one in mean_rates()][:2]
    [('not', 1), ('not', 32)]
    """
    return bundled_rows(MeanRate, __package__, "measured", "fcdram.csv")


@dataclass(frozen=True)
class Measured:
    """The measurements that groups are drawn from."""

    table: BoxTable
    pattern: str = "random"
    """Data in the rows of majorities: ``random``, or ``all0/1`` along the row."""
    majority: ActivationDelays = MAJORITY
    best: float = 1.0
    """Share of the groups that are used: the best ones, which are left after screening."""

    def box(self, primitive: ChipPrimitive, size: int) -> Box | None:
        """Return the distribution of an operation's success; None if none was published.

        Raises :class:`~pimsim.errors.InputError` for data or delays that were not measured.
        """
        if primitive.name.startswith("maj"):
            operation = primitive.name.upper()
            return self.table.find(operation, size, self.pattern, self.majority)
        if primitive.name == "copy":
            return self.table.find("multi-row-copy", size, "random", COPY)
        if primitive.name == "clone":
            return self.table.find("multi-row-copy", 2, "random", CLONE)
        return None

    def chip(
        self,
        primitive: ChipPrimitive,
        size: int,
        generator: np.random.Generator,
        share: float | None = None,
    ) -> DrawnGroup:
        """Return a group drawn from the best ones, or the group at quantile ``share`` of them.

        Raises :class:`~pimsim.errors.InputError` for an operation of which nothing was measured.
        """
        box = self.box(primitive, size)
        if box is not None:
            success = float(box.drawn(generator, 1, self.best)[0])
            if share is not None:
                success = box.success(1.0 - self.best + self.best * share)
            always = box.metric == "pct_bitlines_always_correct"
        else:
            found = {(one.op, one.size): one for one in mean_rates()}
            if (primitive.name, size) not in found:
                known = ", ".join(f"{op} {n}" for op, n in found)
                raise InputError(
                    f"success of `{primitive.name} {size}` must be one that was published "
                    f"({known}), or be left out"
                )
            success = found[primitive.name, size].mean_success_pct / 100.0
            always = False
        copies = {
            rows: self.table.find("multi-row-copy", rows, "random", COPY)
            for rows in (2, 4, 8, 16, 32)
        }
        copies[1] = self.table.find("multi-row-copy", 2, "random", CLONE)
        rates = {rows: 1.0 - float(one.drawn(generator, 1)[0]) for rows, one in copies.items()}
        return DrawnGroup(success, always, rates, generator)


@dataclass
class DrawnGroup:
    """Rows that open together, with the errors on them.

    It is a :data:`~pimsim.offtheshelf.subarrays.Failing`.
    """

    success: float
    """Share of its bitlines that are right in every trial, or of accesses that are."""
    always: bool
    """Which of the two it is."""
    copy_rates: dict[int, float]
    """Probability that a cell is wrong after a copy, by the rows it opens; 1 means one named
    row."""
    generator: np.random.Generator
    _lean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    deciding: Activate | None = None
    """The step that computes."""

    def put_on(self, pair: NeighbouringSubarrays, program: ChipProgram) -> None:
        """Make the steps of a program on a pair of subarrays have the errors of this group."""
        step = program.steps[program.deciding]
        self.deciding = step if isinstance(step, Activate) else None
        self._lean = self.generator.random(pair.columns)
        self._opened = pair.decoder.opened
        pair.failing = self

    def __call__(self, step: Activate, right: _Mask, differ: _Mask) -> _Mask:
        """Return which columns of a row come out wrong."""
        half = (1.0 - self.success) / 2
        if step == self.deciding and self.always:
            weak = np.where(right, self._lean >= 1.0 - half, self._lean < half)
            return np.asarray(weak & differ)
        if step == self.deciding:
            rate = 1.0 - self.success
        else:
            rows = 1 if step.alone else len(self._opened(step.first.row, step.second.row))
            rate = self.copy_rates[rows]
        return np.asarray(self.generator.random(right.shape) < rate)


def always_right(
    primitive: ChipPrimitive,
    size: int,
    measured: Measured,
    *,
    trials: int,
    columns: int,
    seed: int,
    share: float | None = None,
) -> tuple[float, float]:
    """Carry a primitive out on a drawn group, with random operands in every trial.

    Every step has the measured errors, also those that bring operands. The group is drawn at
    random, or it is the one at quantile ``share`` of all, from the worst to the best.

    Returns:
        Share of the columns that were right in every trial and row, and share of all cells that
        hold a result that were.

    >>> from pimsim.offtheshelf.primitives import PRIMITIVES
    >>> metric, whole = "pct_cells_correct", (1.0,) * 6  # a chip that never fails
    >>> boxes = [
    ...     Box("multi-row-copy", rows, "random", delays, metric, 1.0, whole)
    ...     for rows, delays in ((2, CLONE), *((n, COPY) for n in (2, 4, 8, 16, 32)))
    ... ]
    >>> measured = Measured(BoxTable("made up", tuple(boxes)))
    >>> always_right(PRIMITIVES["copy"], 32, measured, trials=4, columns=512, seed=1)
    (1.0, 1.0)

    """
    generator = np.random.default_rng(seed)
    group = measured.chip(primitive, size, generator, share)
    program = primitive.program(size)
    pair = NeighbouringSubarrays(columns, seed=seed)
    group.put_on(pair, program)
    where = pair.shared if program.halved else np.ones(columns, np.bool_)
    right = np.ones(columns, np.bool_)
    wins = 0.0
    for _ in range(trials):
        for row in _touched(pair, program):
            pair.write(row, np.zeros(columns, np.uint8))
        bits = generator.integers(0, 2, (len(program.inputs), columns)).astype(np.uint8)
        for row, held in program.constants:
            pair.write(row, np.full(columns, held, np.uint8))
        for row, own in zip(program.inputs, bits, strict=True):
            pair.write(row, own)
        pair.carry_out(program)
        wanted = _wanted(primitive, bits)
        found = np.stack([pair.read(row, where) for row in program.outputs])
        correct = found == wanted[where]
        right[where] &= correct.all(axis=0)
        wins += float(correct.mean())
    return float(right[where].mean()), wins / trials


def _wanted(primitive: ChipPrimitive, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Right results by the truth table, looked up by the number of ones if that is enough."""
    inputs = len(bits)
    by_ones = [primitive.meaning([1] * ones + [0] * (inputs - ones)) for ones in range(inputs + 1)]
    wanted: NDArray[np.uint8] = np.array(by_ones, np.uint8)[bits.sum(axis=0, dtype=np.int64)]
    return wanted


def _touched(pair: NeighbouringSubarrays, program: ChipProgram) -> set[tuple[int, int]]:
    """Rows that the steps open."""
    return {
        (side, row)
        for step in program.activations()
        for side in (0, 1)
        for row in pair.decoder.opened(step.first.row, step.second.row)
    }
