"""Outputs that go through phases together leave every row as they would one by one."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import ambit
from pimsim.errors import DramError
from pimsim.executors.compiled.codegen.kernel import ENTRIES_AT_ONCE
from pimsim.executors.compiled.lower import calls, segments
from pimsim.executors.compiled.lower.calls import blocks
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.run import driver
from pimsim.executors.compiled.run.run import run, run_reference
from pimsim.executors.compiled.run.tiles import Layout, Tiles
from pimsim.microprogram import arithmetic, logic
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

MAP = ambit()
D = MAP.first_data
OPERANDS, ROWS = 5, 11
"""Rows that nothing writes, and all rows."""
COLUMNS = 1100
PROGRAMS = (
    (arithmetic.FULL_ADDER, arithmetic.FULL_ADDER_NOT_C),
    (logic.AND, logic.OR),
    (logic.XOR, logic.XNOR),
    (logic.COPY,),
    (logic.NOT,),
    (arithmetic.COMPARE_BEGIN,),
    (arithmetic.COMPARE_BIT, arithmetic.COMPARE_NOT_BIT),
    (Program.parse("see", "(B4,out)", inputs=(), outputs=("out",)),),
)
Outputs = NDArray[np.int64]


def recipe_at_random(rng: Random, outputs: int, parts: int, stray: float) -> RowProgram:
    """Runs on random parts, with moves and reads between them.

    What is read is an operand or was written before for the same output, but for ``stray``.
    """
    recipe = RowProgram(outputs)
    known: list[set[int]] = [set() for _ in range(parts)]

    def source(part: int, but: set[int]) -> int:
        if rng.random() < stray:
            return rng.randrange(ROWS)
        return int(rng.choice([*range(OPERANDS), *sorted(known[part] - but)]))

    for _ in range(rng.randint(2, 7)):
        part, schedule = rng.randrange(parts), Schedule(outputs)
        for _ in range(rng.randint(1, 5)):
            programs = rng.choice(PROGRAMS)
            symbols, inputs = programs[0].symbols, programs[0].inputs
            targets = {
                symbol: rng.randrange(OPERANDS, ROWS) for symbol in symbols if symbol not in inputs
            }
            rows: dict[str, int | NDArray[np.int64]] = {s: D + row for s, row in targets.items()}
            # Outputs that read what the step itself writes would be compiled apart.
            but = set(targets.values()) if rng.random() < 0.9 else set()
            for symbol in inputs:
                chosen = [source(part, but) for _ in range(outputs)]
                rows[symbol] = D + (chosen[0] if rng.random() < 0.5 else np.array(chosen))
            kinds = np.array([rng.randrange(len(programs)) for _ in range(outputs)])
            schedule.append(programs, None if len(programs) == 1 else kinds, **rows)
            known[part] |= set(targets.values())
        recipe.run(schedule, part)
        for _ in range(rng.randint(0, 2)):
            part, to_part = rng.randrange(parts), rng.randrange(parts)
            to_row = rng.randrange(OPERANDS, ROWS)
            recipe.move(source(part, set()), part, to_row, to_part)
            known[to_part].add(to_row)
        if rng.random() < 0.5:
            recipe.read(source(part, set()), part)
    return recipe


def tiles_at_random(seed: int, parts: int, tile_words: int, times: int) -> list[Tiles]:
    """Tiles with the same random rows, so many times."""
    random = np.random.default_rng(seed)
    found = [Tiles(COLUMNS, D + ROWS, parts=parts, tile_words=tile_words)]
    layout = found[0].layout
    places = [layout.row(row, part) for part in range(parts) for row in range(ROWS)]
    places += [layout.cell(cell, part) for part in range(parts) for cell in range(len(MAP.cells))]
    for place in places:
        found[0].put(place, pack(random.integers(0, 2, COLUMNS, dtype=np.uint8)))
    for _ in range(times - 1):
        more = Tiles(COLUMNS, D + ROWS, parts=parts, tile_words=tile_words)
        more.data[:] = found[0].data
        more.written[:] = found[0].written
        found.append(more)
    return found


def in_phases(recipe: RowProgram, layout: Layout, *, cells: bool = False) -> Compiled:
    """Compile, dividing calls into phases even where that does not pay."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(calls, "FEWER", 0)
        return compile_program(recipe, layout, cells=cells)


def expect_as_reference(
    compiled: Compiled, tiles: list[Tiles], outputs: Outputs, threads: int
) -> None:
    """Run both ways; compare data rows, cells if they are kept, notes, and what is read out."""
    ours, theirs = tiles
    layout = ours.layout
    wanted = np.zeros((len(outputs), compiled.program.slots, ours.words), np.uint64)
    run_reference(compiled.program, theirs, outputs, wanted)
    found = run(compiled, ours, outputs, threads=threads)
    np.testing.assert_array_equal(
        unpack(found, COLUMNS), unpack(wanted, COLUMNS), err_msg="rows read out"
    )
    for part in range(layout.parts):
        places = [layout.row(row, part) for row in range(ROWS)]
        if compiled.cells:
            places += [layout.cell(cell, part) for cell in range(len(MAP.cells))]
        for place in places:
            name = f"{layout.name(place)} of part {part}"
            assert ours.written[place] == theirs.written[place], name
            if ours.written[place]:
                np.testing.assert_array_equal(
                    unpack(ours.get(place), COLUMNS), unpack(theirs.get(place), COLUMNS), name
                )


@settings(max_examples=75)
@given(
    seed=st.integers(0, 2**32 - 1),
    outputs=st.integers(1, 6),
    parts=st.integers(2, 4),
    each=st.integers(1, 9),
    together=st.integers(1, 4),
    tile_words=st.sampled_from([8, 16]),
    stray=st.sampled_from([0.0, 0.0, 0.0, 0.1]),
    cells=st.booleans(),
    budget=st.sampled_from([1, 4, 31]),
    threads=st.integers(1, 3),
)
def test_any_recipe_in_phases_leaves_what_the_reference_leaves(
    seed: int,
    outputs: int,
    parts: int,
    each: int,
    together: int,
    tile_words: int,
    stray: float,
    cells: bool,
    budget: int,
    threads: int,
) -> None:
    rng = Random(seed)
    recipe = recipe_at_random(rng, outputs, parts, stray)
    tiles = tiles_at_random(seed, parts, tile_words, 2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "BUDGET", budget)
        compiled = in_phases(recipe, tiles[0].layout, cells=cells)
    chosen = np.array(rng.choices(range(outputs), k=each))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(driver, "TOGETHER", together)
        expect_as_reference(compiled, tiles, chosen, threads)


def test_random_recipes_are_divided_as_a_rule() -> None:
    """Otherwise the test above would show little."""
    phases, own = [], []
    for seed in range(40):
        recipe = recipe_at_random(Random(seed), 4, 3, 0.0)
        compiled = in_phases(recipe, Layout(D + ROWS, 3))
        phases += [len(sort.phases) for sort in compiled.sorts]
        own += [sort.own_rows for sort in compiled.sorts]
    assert np.mean(np.array(phases) > 2) > 0.4
    assert np.mean(np.array(own) > 0) > 0.4


# -- what is divided -----------------------------------------------------------------------------


def inverter(row: int, to: int) -> Schedule:
    schedule = Schedule(1)
    schedule.append((logic.NOT,), None, a=D + row, out=D + to)
    return schedule


def two_parts() -> Compiled:
    """NOT on part 0, NOT on part 1, then AND of both in part 0."""
    recipe, add = RowProgram(1), Schedule(1)
    add.append((logic.AND,), None, a=D + 7, b=D + 8, out=D + 9)
    recipe.run(inverter(0, 7), 0)
    recipe.run(inverter(1, 6), 1)
    recipe.move(6, 1, 8)
    recipe.run(add, 0)
    recipe.read(9)
    return in_phases(recipe, Layout(D + ROWS, 2))


def test_rows_that_are_used_in_a_later_phase_are_kept_for_each_output() -> None:
    compiled = two_parts()
    (sort,) = compiled.sorts
    row = compiled.layout.row
    # The move comes directly behind the run on the part it takes the row from.
    assert [phase.restored[:, 0].tolist() for phase in sort.phases] == [[], [], [row(7), row(8)]]
    assert [phase.saved[:, 0].tolist() for phase in sort.phases] == [[row(7)], [row(8)], []]
    assert [(phase.first, phase.last) for phase in sort.phases] == [(0, 1), (1, 2), (2, 4)]
    assert sort.own_rows == 2


def test_rows_that_differ_between_outputs_are_kept_too() -> None:
    recipe, choose = RowProgram(2), Schedule(2)
    for row in (5, 6):
        copy = Schedule(2)
        copy.append((logic.NOT,), None, a=D + np.array([row - 5, 2]), out=D + row)
        recipe.run(copy, 0)
    recipe.run(copy, 1)
    choose.append((logic.COPY,), None, a=D + np.array([5, 6]), out=D + 7)
    recipe.run(choose, 0)
    recipe.read(7)
    tiles = tiles_at_random(3, 2, 16, 2)
    compiled = in_phases(recipe, tiles[0].layout)
    (sort,) = compiled.sorts
    row = compiled.layout.row
    assert [phase.restored[:, 0].tolist() for phase in sort.phases] == [[], [], [row(5), row(6)]]
    expect_as_reference(compiled, tiles, np.array([0, 1, 1, 0]), 1)


def test_what_another_output_has_left_forbids_phases() -> None:
    recipe = RowProgram(1)
    recipe.run(inverter(5, 6), 0)
    recipe.run(inverter(0, 5), 1)
    recipe.run(inverter(0, 5), 0)
    (sort,) = in_phases(recipe, Layout(D + ROWS, 2)).sorts
    assert len(sort.phases) == 1


@pytest.mark.parametrize(("operands", "phases"), [(3, 1), (40, 3)])
def test_phases_are_made_where_few_rows_are_copied(operands: int, phases: int) -> None:
    recipe, parity = RowProgram(1), Schedule(1)
    total = D + 100
    parity.append((logic.COPY,), None, a=D, out=total)
    for row in range(D + 1, D + operands):
        parity.append((logic.XOR,), None, a=total, b=row, out=total)
    for part in (0, 1):
        recipe.run(parity, part)
    recipe.move(100, 1, 101)
    recipe.run(inverter(101, 102), 0)
    compiled = compile_program(recipe, Layout(D + 110, 2))
    assert [len(sort.phases) for sort in compiled.sorts] == [phases]
    # Rows of part 0: operands, 100, 101, 102; of part 1 all but the last two.
    both = 2 * operands + 4
    assert compiled.rows_together == (both if phases == 1 else operands + 3)


def test_clashes_of_all_outputs_of_a_block_are_found() -> None:
    """T2 and T3 differ in output 0 only, and that in the first phase."""
    pair = Program.parse("pair", "(a,B2)(b,B3)(B10,out)", inputs=("a", "b"), outputs=("out",))
    recipe, clashing = RowProgram(3), Schedule(3)
    clashing.append((pair,), None, a=D, b=D + np.array([1, 0, 0]), out=D + 6)
    recipe.run(clashing, 0)
    recipe.run(clashing, 1)
    (tiles,) = tiles_at_random(1, 2, 16, 1)
    compiled = in_phases(recipe, tiles.layout)
    assert [len(sort.phases) for sort in compiled.sorts] == [2] * len(compiled.sorts)
    run(compiled, tiles, np.array([2, 1]))
    for chosen in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        with pytest.raises(DramError):
            run(compiled, tiles, np.array(chosen))


def test_memory_goes_on_behind_the_table() -> None:
    (sort,) = two_parts().sorts
    assert sort.table.base is not None
    whole = sort.table.base
    assert whole.nbytes - sort.table.nbytes >= (ENTRIES_AT_ONCE - 1) * sort.table.itemsize


# -- blocks --------------------------------------------------------------------------------------


@given(
    kinds=st.lists(st.integers(0, 2), min_size=1, max_size=20),
    size=st.integers(1, 7),
)
def test_blocks_hold_outputs_of_one_kind(kinds: list[int], size: int) -> None:
    edges, found = blocks(np.array(kinds), size)
    assert len(edges) == len(found) + 1
    assert (edges[0], edges[-1]) == (0, len(kinds))
    for first, last, kind in zip(edges[:-1], edges[1:], found.tolist(), strict=True):
        assert set(kinds[first:last]) == {kind}
        assert 1 <= last - first <= size
        # It could not have gone on with the next: full, or of another kind.
        if last < len(kinds) and last - first < size:
            assert kind != kinds[last]
