"""Compiled schedules leave every row, and on request every cell, as the reference executor does."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import AddressMap
from pimsim.executors.compiled.lower import calls, segments
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run import tiles as tiles_module
from pimsim.executors.compiled.run.run import run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.microprogram import logic
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter, popcount
from pimsim.microprogram.program import Command, Program
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

from .compiled_pair import (
    ADDERS,
    COMPARISONS,
    DATA_ROWS,
    LOOKS,
    MAP,
    OTHER_CELLS,
    D,
    Pair,
    both,
    schedule_at_random,
)

MODES = st.sampled_from(["fused", "fused", "cells"])
COLUMNS = st.sampled_from([1, 5, 64, 100, 1024, 1025, 2100])


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    outputs=st.integers(1, 5),
    steps=st.integers(1, 14),
    each=st.integers(1, 5),
    parts=st.integers(1, 3),
    columns=COLUMNS,
    mode=MODES,
    budget=st.sampled_from([1, 4, 31]),
    threads=st.integers(1, 3),
    phased=st.booleans(),
)
def test_any_recipe_leaves_what_the_reference_leaves(
    seed: int,
    outputs: int,
    steps: int,
    each: int,
    parts: int,
    columns: int,
    mode: str,
    budget: int,
    threads: int,
    phased: bool,
) -> None:
    rng = Random(seed)
    recipe = RowProgram(outputs)
    for _ in range(rng.randint(1, 3)):
        recipe.run(schedule_at_random(rng, outputs, steps), rng.randrange(parts))
        if rng.random() < 0.7:
            recipe.read(rng.randrange(DATA_ROWS), rng.randrange(parts))
        if rng.random() < 0.4:
            rows = [rng.randrange(DATA_ROWS) for _ in range(2)]
            recipe.move(rows[0], rng.randrange(parts), rows[1], rng.randrange(parts))
    pair = Pair(rng, columns, parts, cells=rng.random() < 0.9)
    if rng.random() < 0.2:
        pair.forget_some(rng)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "BUDGET", budget)
        patched.setattr(calls, "FEWER", 0 if phased else calls.FEWER)
        compiled = compile_program(recipe, pair.tiles.layout, cells=mode == "cells")
    chosen = np.array(rng.choices(range(outputs), k=each))
    if both(pair, recipe, compiled, chosen, threads) is None:
        pair.expect_same(cells=mode != "fused")


@settings(max_examples=75)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(2, 12),
    families=st.sampled_from(
        [ADDERS, ADDERS + LOOKS, COMPARISONS + LOOKS, COMPARISONS + ADDERS, OTHER_CELLS + LOOKS]
    ),
    rows=st.integers(4, DATA_ROWS),
)
def test_any_mixture_of_variants_on_the_same_rows(
    seed: int, steps: int, families: tuple[tuple[Program, ...], ...], rows: int
) -> None:
    """All outputs go the same way, each with complements of its own: what folded weights do."""
    rng, outputs = Random(seed), 4
    schedule = Schedule(outputs)
    for _ in range(steps):
        programs = rng.choice(families)
        kinds = np.array([rng.randrange(len(programs)) for _ in range(outputs)])
        places = {symbol: D + rng.randrange(rows) for symbol in programs[0].symbols}
        schedule.append(programs, kinds, **places)
    recipe = RowProgram(outputs)
    recipe.run(schedule)
    pair = Pair(rng, 70)
    cells = rng.random() < 0.5
    compiled = compile_program(recipe, pair.tiles.layout, cells=cells)
    assert len(compiled.sorts) == 1
    chosen = np.array([0, 1, 3, 2])
    assert both(pair, recipe, compiled, chosen, 1) is None
    pair.expect_same(cells=cells)


SYMBOLS = ("x", "y", "z")
OPENED = [name for name, _ in MAP.addresses]
SOURCES = [*OPENED, *(["B12", "B13", "B14", "B15"] * 2), "C0", "C1", "D1", *(SYMBOLS * 3)]
TARGETS = [None, None, *OPENED, *(["B8", "B9", "B10", "B12"] * 2), "D2", *(SYMBOLS * 2)]


def program_at_random(rng: Random, commands: int) -> Program:
    """Commands on random addresses that short nothing; a constant is overwritten now and then."""
    found: list[Command] = []
    while len(found) < commands:
        source, target = rng.choice(SOURCES), rng.choice(TARGETS)
        if rng.random() < 0.003:
            target = "C1"
        if source in ("B8", "B9", "B10", "B11") and rng.random() < 0.9:
            continue  # two cells: mostly they differ, which is an error
        known = [n for n in (source, target) if n is not None and n not in SYMBOLS]
        if len(known) == 2 and MAP.shorted(*map(MAP.address, known)) is not None:
            continue
        found.append(Command(source, target))
    return Program("random", tuple(found), SYMBOLS, ())


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    commands=st.integers(1, 30),
    columns=COLUMNS,
    mode=MODES,
    prepared=st.sampled_from([True, True, True, False]),
)
def test_any_program_leaves_what_the_reference_leaves(
    seed: int, commands: int, columns: int, mode: str, prepared: bool
) -> None:
    rng = Random(seed)
    schedule = Schedule(1)
    for _ in range(rng.randint(1, 3)):
        rows = {symbol: D + rng.randrange(DATA_ROWS) for symbol in SYMBOLS}
        if rng.random() < 0.2:
            rows["x"] = rng.randrange(D)  # any address at all
        schedule.append((program_at_random(rng, commands),), None, **rows)
    recipe = RowProgram(1)
    recipe.run(schedule)
    pair = Pair(rng, columns, cells=prepared)
    compiled = compile_program(recipe, pair.tiles.layout, cells=mode == "cells")
    chosen = np.zeros(1, dtype=np.int64)
    if both(pair, recipe, compiled, chosen, 1) is None:
        pair.expect_same(cells=mode != "fused")


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.integers(2, 150),
    outputs=st.integers(1, 6),
    bits=st.integers(1, 3),
)
def test_counting_with_folded_weights_is_one_sort_of_output(
    address_map: AddressMap, seed: int, inputs: int, outputs: int, bits: int
) -> None:
    """Outputs with other weights share the code, and count right."""
    first = address_map.first_data
    random = np.random.default_rng(seed)
    negative = random.integers(0, 2, (inputs, outputs)).astype(bool)
    data_rows = inputs * bits + 60
    schedule, rows = Schedule(outputs, address_map), RowAllocator(data_rows)
    rows.take(inputs * bits, "operands")
    counter = Counter(schedule, rows, inputs * (2**bits - 1))
    order = np.argsort(negative, axis=0, kind="stable")
    flipped = np.take_along_axis(negative, order, axis=0)
    for bit in range(bits):
        for row, inverted in zip(order * bits + bit + first, flipped, strict=True):
            counter.add(bit, row, inverted, owned=False)
    total = counter.finish()
    columns = 70
    values = random.integers(0, 2**bits, (inputs, columns))
    tiles = Tiles(columns, data_rows + first, address_map=address_map)
    for row in range(inputs):
        for bit in range(bits):
            tiles.save(row * bits + bit, pack((values[row] >> bit & 1).astype(np.uint8)))
    recipe = RowProgram(outputs)
    recipe.run(schedule)
    for level in total:
        if int(np.max(level.address)) >= first:
            recipe.read(int(np.max(level.address)) - first)
    compiled = compile_program(recipe, tiles.layout)
    assert len(compiled.sorts) == 1
    found = unpack(run(compiled, tiles, np.arange(outputs)), columns)
    sums = np.zeros((outputs, columns), dtype=np.int64)
    slot = 0
    for place, level in enumerate(total):
        read = np.zeros((outputs, columns), dtype=np.int64)
        if int(np.max(level.address)) >= first:
            read, slot = found[:, slot].astype(np.int64), slot + 1
        sums += (read ^ level.inverted[:, None]) << place
    expected = np.where(negative[:, :, None], 2**bits - 1 - values[:, None], values[:, None])
    np.testing.assert_array_equal(sums, expected.sum(axis=0))


def test_code_does_not_grow_with_the_number_of_inputs() -> None:
    kernels = []
    for inputs in (500, 1000):
        program = popcount(inputs)
        schedule = Schedule(1)
        rows = {symbol: D + row for row, symbol in enumerate(program.symbols)}
        schedule.append((program,), None, **rows)
        recipe = RowProgram(1)
        recipe.run(schedule)
        layout = tiles_module.Layout(rows=D + len(rows))
        compiled = compile_program(recipe, layout)
        kernels.append(sum(len(body.values) for body in set(compiled.sorts[0].bodies) if body))
        assert len(compiled.sorts[0].bodies) < inputs // 8
    assert kernels[1] < kernels[0] + 200


def test_copies_vanish_and_dead_rows_are_not_stored() -> None:
    schedule = Schedule(1)
    for target in (1, 1, 2):
        schedule.append((logic.COPY,), None, a=D, out=D + target)
    recipe = RowProgram(1)
    recipe.run(schedule)
    (sort,) = compile_program(recipe, tiles_module.Layout(rows=D + 4)).sorts
    (body,) = sort.bodies
    assert body is not None
    assert body.values == ((None, ()),)
    assert body.stores == (0, 0)


def test_rows_are_read_out_before_they_are_overwritten() -> None:
    schedule, recipe = Schedule(1), RowProgram(1)
    schedule.append((logic.COPY,), None, a=D, out=D + 2)
    recipe.run(schedule)
    first = recipe.read(2)
    schedule = Schedule(1)
    schedule.append((logic.NOT,), None, a=D + 1, out=D + 2)
    recipe.run(schedule)
    second = recipe.read(2)
    pair = Pair(Random(2), 70)
    found = run(compile_program(recipe, pair.tiles.layout), pair.tiles, np.array([0]))
    found_bits, rows = unpack(found[0], 70), [unpack(pair.tiles.load(r), 70) for r in (0, 1)]
    np.testing.assert_array_equal(found_bits[first], rows[0])
    np.testing.assert_array_equal(found_bits[second], 1 - rows[1])


def test_an_output_may_read_what_its_step_has_just_written() -> None:
    # T0 is in use from the first command to the last, so that the program stays in one piece.
    text, outputs = "(a,B0)(a,out)(b,more)(B0,last)", ("out", "more", "last")
    moves = Program.parse("moves", text, inputs=("a", "b"), outputs=outputs)
    schedule, recipe, tiles = Schedule(2), RowProgram(2), Tiles(10, D + DATA_ROWS)
    differ = D + np.array([1, 2])
    schedule.append((moves,), None, a=D, b=differ, out=D + 2, more=D + 3, last=D + 4)
    recipe.run(schedule)
    recipe.read(3)
    bits = np.random.default_rng(0).integers(0, 2, (3, 10), dtype=np.uint8)
    for row, each in enumerate(bits):
        tiles.save(row, pack(each))
    found = run(compile_program(recipe, tiles.layout), tiles, np.array([1, 0]))
    np.testing.assert_array_equal(unpack(found, 10)[:, 0], bits[:2])
