"""Every primitive of unmodified chips: truth table against steps carried out, on every input."""

from __future__ import annotations

import numpy as np
import pytest

from pimsim.errors import DramError, InputError
from pimsim.offtheshelf.decoder import ROWS, RowDecoder
from pimsim.offtheshelf.primitives import NEUTRAL, PRIMITIVES, logic, majority
from pimsim.offtheshelf.program import (
    COPY,
    INVERSION,
    LOGIC,
    MAJORITY,
    Activate,
    ChipProgram,
    Frac,
    Row,
)
from pimsim.offtheshelf.subarrays import NeighbouringSubarrays

EVERY = [(name, size) for name, one in PRIMITIVES.items() for size in one.sizes]


def _operands(inputs: int, shared_columns: int) -> np.ndarray:
    """All combinations of operands, each in a column of both kinds: (inputs, columns)."""
    every = (np.arange(2**inputs)[None, :] >> np.arange(inputs)[:, None] & 1).astype(np.uint8)
    blocks = np.repeat(every.reshape(inputs, -1, min(32, 2**inputs)), 1, axis=1)
    tiled = np.tile(blocks, (1, 1, 32 // blocks.shape[2]))  # blocks of 32 columns
    return np.repeat(tiled, 2, axis=1).reshape(inputs, -1)  # once shared, once not


def _ready(program: ChipProgram, bits: np.ndarray, seed: int = 1) -> NeighbouringSubarrays:
    pair = NeighbouringSubarrays(bits.shape[1], seed=seed)
    random = np.random.default_rng(seed)
    rows = pair.decoder.rows
    for side in (0, 1):  # garbage everywhere
        for row in range(0, rows, 1 if bits.shape[1] < 4096 else 7):
            pair.write(Row(side, row), random.integers(0, 2, bits.shape[1]).astype(np.uint8))
        if bits.shape[1] >= 4096:
            for step in program.steps:
                for row in (step.first, step.second) if isinstance(step, Activate) else ():
                    pair.write(Row(side, row.row), np.zeros(bits.shape[1], np.uint8))
    for row, held in program.constants:
        pair.write(row, np.full(bits.shape[1], held, np.uint8))
    for row, own in zip(program.inputs, bits, strict=True):
        pair.write(row, own)
    return pair


@pytest.mark.parametrize(("name", "size"), EVERY, ids=str)
def test_steps_carried_out_are_the_truth_table(name: str, size: int) -> None:
    primitive = PRIMITIVES[name]
    program = primitive.program(size)
    bits = _operands(len(program.inputs), 32)
    pair = _ready(program, bits)
    pair.carry_out(program)
    right = np.array([primitive.meaning(column.tolist()) for column in bits.T], np.uint8)
    where = pair.shared if program.halved else np.ones(pair.columns, bool)
    assert len(program.outputs) == (size - 1 if name == "copy" else size if name == "not" else 1)
    for row in program.outputs:
        assert (pair.read(row, where) == right[where]).all()
    if program.halved:  # and nothing of the kind in the columns that end elsewhere
        assert (pair.read(program.outputs[0], ~where) != right[~where]).any()


@pytest.mark.parametrize("neutral", NEUTRAL)
@pytest.mark.parametrize(("inputs", "rows"), [(3, 32), (5, 32), (3, 16), (5, 16), (7, 16)])
def test_left_over_rows_may_hold_a_constant_where_it_is_outvoted(
    inputs: int, rows: int, neutral: str
) -> None:
    left, copies = rows % inputs, rows // inputs
    if neutral != "frac" and left >= copies:
        with pytest.raises(InputError, match="`neutral` must be frac for 7 operands on 16 rows"):
            majority(inputs, rows, neutral)
        return
    program = majority(inputs, rows, neutral)
    bits = _operands(inputs, 32)
    pair = _ready(program, bits)
    pair.carry_out(program)
    assert (pair.read(program.outputs[0]) == (2 * bits.sum(axis=0) > inputs)).all()


@pytest.mark.parametrize(("inputs", "rows"), [(3, 4), (3, 32), (5, 8), (7, 32), (9, 16), (9, 32)])
def test_operands_stand_on_as_many_rows_as_fit(inputs: int, rows: int) -> None:
    program = majority(inputs, rows)
    bits = np.eye(inputs, 64, dtype=np.uint8)  # column c: operand c alone is one
    pair = _ready(program, bits)
    for step in program.steps[: program.deciding]:
        pair.run(step)
    deciding = program.steps[program.deciding]
    assert isinstance(deciding, Activate)
    group = pair.decoder.opened(deciding.first.row, deciding.second.row)
    assert len(group) == rows
    held = pair._cells[0, list(group)].astype(int)
    assert (held == 1).all(axis=1).sum() == rows % inputs
    assert ((held == 2).sum(axis=0)[:inputs] == rows // inputs).all()


def test_the_reference_rows_take_the_complement() -> None:
    bits = _operands(4, 32)
    for name, other in (("and", "nand"), ("or", "nor")):
        pair = _ready(logic(name, 4), bits)
        for step in logic(name, 4).steps[:-1]:
            pair.run(step)
        step = logic(name, 4).steps[-2]
        assert isinstance(step, Activate)
        assert (pair.read(step.first, pair.shared) != pair.read(step.second, pair.shared)).all(), (
            other
        )


def test_a_not_leaves_the_source_and_the_other_half_alone() -> None:
    pair = NeighbouringSubarrays(128)
    random = np.random.default_rng(3)
    before = random.integers(0, 2, (2, 128)).astype(np.uint8)
    pair.write(Row(0, 9), before[0])
    pair.write(Row(1, 9), before[1])
    pair.run(Activate(Row(0, 9), Row(1, 9), INVERSION))
    assert (pair.read(Row(0, 9)) == before[0]).all()
    after = pair.read(Row(1, 9))
    assert (after[~pair.shared] == before[1][~pair.shared]).all()
    assert (after[pair.shared] == 1 - before[0][pair.shared]).all()


# Which rows open


@pytest.mark.parametrize(
    ("rows", "first", "second", "opened"),
    [
        # Yuksel et al., PULSAR (2023), section 3.2.
        (512, 256, 287, [256, 257, 262, 263, 280, 281, 286, 287]),
        # Measured on an SK hynix module: pcdeni/CaSA, docs/explainer, block-relative rows of s61.
        (1024, 24, 588, [8, 12, 24, 28, 72, 76, 88, 92, 520, 524, 536, 540, 584, 588, 600, 604]),
        (512, 5, 5, [5]),
        (512, 0, 1, [0, 1]),
        (512, 0, 6, [0, 6]),  # both bits of one field: the values in between do not open
    ],
)
def test_rows_that_open_together(rows: int, first: int, second: int, opened: list[int]) -> None:
    assert list(RowDecoder(rows).opened(first, second)) == opened
    assert list(RowDecoder(rows).opened(second, first)) == opened


@pytest.mark.parametrize("rows", ROWS)
def test_groups_share_no_row_and_leave_none_out(rows: int) -> None:
    decoder = RowDecoder(1024)
    groups = [decoder.opened(one, decoder.partner(one, rows)) for one in decoder.groups(rows)]
    assert {len(group) for group in groups} == {rows}
    assert sorted(row for group in groups for row in group) == list(range(1024))
    assert sorted(decoder.corner(0, rows, n) for n in range(rows)) == list(groups[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RowDecoder(500), "rows of a subarray must be a power of two of at least 512"),
        (lambda: RowDecoder().opened(0, 512), "row must be 0 to 511, not 512"),
        (lambda: RowDecoder().partner(0, 12), "`rows` must be one of 2, 4, 8, 16, 32"),
        (lambda: majority(4, 8), "must be an odd number of at least 3, not 4"),
        (lambda: majority(9, 8), "`rows` must be at least the 9 operands, not 8"),
        (lambda: majority(3, 12), "`rows` must be one of 2, 4, 8, 16, 32, powers of two, not 12"),
        (lambda: majority(3, 8, "half"), "`neutral` must be one of frac, zeros, ones, not 'half'"),
        (lambda: PRIMITIVES["maj5"].program(4), "`rows` of maj5 must be one of 8, 16, 32, not 4"),
        (lambda: PRIMITIVES["and"].program(3), "`inputs` of and must be one of 2, 4, 8, 16, not 3"),
        (lambda: NeighbouringSubarrays(100), "`columns` must be a multiple of 64, not 100"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_said(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        call()


def test_rows_without_bits_are_refused() -> None:
    pair = NeighbouringSubarrays(64)
    with pytest.raises(DramError, match="must not open row 0:0, which was never written"):
        pair.run(Activate(Row(0, 0), Row(0, 7), MAJORITY))
    for _ in range(3):
        pair.run(Frac(Row(0, 0)))
    with pytest.raises(DramError, match="row 0:0 must hold 0 or 1 in every column that is read"):
        pair.run(Activate(Row(0, 0), Row(0, 7), COPY))


def test_no_difference_is_decided_by_the_amplifier_and_always_alike() -> None:
    seen = set()
    for seed in (1, 1, 2):
        pair = NeighbouringSubarrays(256, seed=seed)
        for row in pair.decoder.opened(0, 7):
            for _ in range(3):
                pair.run(Frac(Row(0, row)))
        pair.run(Activate(Row(0, 0), Row(0, 7), MAJORITY))
        seen.add(pair.read(Row(0, 0)).tobytes())
    assert len(seen) == 2


def test_amplifiers_between_give_both_sides_their_complement_even_when_wrong() -> None:
    pair = _ready(logic("and", 4), _operands(4, 32))
    random = np.random.default_rng(1)
    pair.failing = lambda step, right, differ: (
        (random.random(right.shape) < 0.5) if step.delays == LOGIC else np.zeros_like(right)
    )
    steps = logic("and", 4).steps
    for step in steps[:-1]:
        pair.run(step)
    last = steps[-2]
    assert isinstance(last, Activate)
    one, other = (pair.read(row, pair.shared) for row in (last.first, last.second))
    assert (one != other).all()
