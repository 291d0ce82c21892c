"""Compiled schedules leave every row, and on request every cell, as the reference executor does."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pimsim import memory
from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import AddressMap, ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.lower import calls, segments
from pimsim.executors.compiled.lower.compile import Compiled, compile_program
from pimsim.executors.compiled.run import tiles as tiles_module
from pimsim.executors.compiled.run.run import run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.microprogram import arithmetic, logic
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter, popcount
from pimsim.microprogram.program import Command, Program
from pimsim.microprogram.row_program import Move, Read, RowProgram, Run
from pimsim.microprogram.schedule import Schedule

MAP = ambit()
D = MAP.first_data
DATA_ROWS = 12
CELLS = len(MAP.cells)


def three(name: str, text: str) -> Program:
    return Program.parse(name, text, inputs=("a", "b", "c"), outputs=("out",))


ADDERS = ((arithmetic.FULL_ADDER, arithmetic.FULL_ADDER_NOT_C),)
COMPARISONS = (
    (arithmetic.COMPARE_BEGIN,),
    (arithmetic.COMPARE_BIT, arithmetic.COMPARE_NOT_BIT),
    (arithmetic.COMPARE_END, arithmetic.COMPARE_NOT_END),
)
LOOKS = tuple(
    (Program.parse(f"see-{name}", f"({name},out)", inputs=(), outputs=("out",)),)
    for name in ("B3", "B4", "B7")
)
OTHER_CELLS = (
    (
        three("low-cells", "(a,B0)(b,B1)(c,B2)(B2,out)"),
        three("high-cells", "(a,B3)(b,B4)(c,B6)(B3,out)"),
    ),
)
REST = (
    (logic.COPY,),
    (logic.NOT,),
    (logic.AND, logic.OR),
    (logic.XOR, logic.XNOR),
    (logic.reduction("C0", 4), logic.reduction("C1", 4)),
    # No masks make these the same: all are computed, and one is chosen.
    (
        logic.MAJ3,
        three("a-and-b", "(a,B0)(b,B1)(C0,B2)(B12,out)"),
        three("c", "(a,B0)(b,B1)(c,B2)(B2,out)"),
    ),
    (arithmetic.FULL_ADDER_NOT_C,),
    (arithmetic.greater_equal(2),),
    (arithmetic.maximum(2),),
    (logic.SELECT,),
)
FAMILIES = (
    ADDERS + COMPARISONS + REST + ADDERS,
    ADDERS,
    ADDERS + LOOKS,
    COMPARISONS,
    COMPARISONS + LOOKS + ADDERS,
)


def schedule_at_random(rng: Random, outputs: int, steps: int) -> Schedule:
    """Steps of known programs on random rows: some outputs alike, some rows shared."""
    schedule, families = Schedule(outputs), rng.choice(FAMILIES)
    together = rng.choice([0.3, 0.5, 1.0])
    for _ in range(steps):
        programs = rng.choice(families)
        variant = rng.choices(range(len(programs)), k=outputs)
        if rng.random() < 0.3:
            variant = variant[:1] * outputs
        rows: dict[str, int | NDArray[np.int64]] = {}
        for symbol in programs[0].symbols:
            written = symbol in programs[0].outputs or symbol in programs[0].scratch
            lowest = 0 if written else -2  # constants, too, can be read
            chosen = rng.choices(range(lowest, DATA_ROWS), k=outputs)
            if rng.random() < (max(0.9, together) if written else together):
                chosen = chosen[:1] * outputs
            alike = len(set(chosen)) == 1
            rows[symbol] = D + chosen[0] if alike else D + np.array(chosen)
        kinds = None if len(programs) == 1 else np.array(variant)
        schedule.append(programs, kinds, **rows)
    return schedule


class Pair:
    """The same rows twice: tiles, and subarrays of the reference."""

    def __init__(self, rng: Random, columns: int, parts: int = 1, *, cells: bool = True) -> None:
        self.columns = columns
        self.tiles = Tiles(
            columns, D + DATA_ROWS, parts=parts, tile_words=rng.choice([None, 8, 16, 40])
        )
        self.parts = [Subarray(columns, rows=D + DATA_ROWS) for _ in range(parts)]
        random = np.random.default_rng(rng.randrange(2**32))
        for part, subarray in enumerate(self.parts):
            for row in range(DATA_ROWS):
                words = pack(random.integers(0, 2, (1, columns), dtype=np.uint8))
                subarray.write(row, words)
                self.tiles.save(row, words[0], part)
            for cell in range(CELLS * cells):
                words = pack(random.integers(0, 2, (1, columns), dtype=np.uint8))
                subarray.put_cell(cell, words)
                self.tiles.put(self.tiles.layout.cell(cell, part), words[0])

    def forget_some(self, rng: Random) -> None:
        """Go on with rows some of which were never written."""
        for part, subarray in enumerate(self.parts):
            fresh = Subarray(self.columns, rows=D + DATA_ROWS)
            for row in range(DATA_ROWS):
                kept = rng.random() < 0.9
                if kept:
                    fresh.write(row, subarray.peek(row))
                self.tiles.written[self.tiles.layout.row(row, part)] = kept
            for cell in range(CELLS):
                if len(subarray.written_cell_lanes(cell)):
                    fresh.put_cell(cell, subarray.peek_cell(cell))
            self.parts[part] = fresh

    def reference(self, recipe: RowProgram, outputs: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Rows read out, (n, slots, columns)."""
        found = np.zeros((len(outputs), recipe.slots, self.columns), dtype=np.uint8)
        for k, output in enumerate(outputs[:, None]):
            slot = 0
            for item in recipe.items:
                if isinstance(item, Run):
                    item.schedule.run(self.parts[item.part], output)
                elif isinstance(item, Move):
                    self.parts[item.to_part].write(
                        item.to_row, self.parts[item.part].read(item.row)
                    )
                elif isinstance(item, Read):
                    found[k, slot] = self.parts[item.part].read_bits(item.row)
                    slot += 1
        return found

    def expect_same(self, *, cells: bool) -> None:
        """Compare all rows, and the cells if asked for: which were written, and what they hold."""
        layout = self.tiles.layout
        for part, subarray in enumerate(self.parts):
            for row in range(DATA_ROWS):
                written = bool(len(subarray.written_lanes(row)))
                self._expect(layout.row(row, part), subarray.peek(row) if written else None)
            for cell in range(CELLS * cells):
                if len(subarray.written_cell_lanes(cell)):
                    self._expect(layout.cell(cell, part), subarray.peek_cell(cell))

    def _expect(self, place: int, words: NDArray[np.uint64] | None) -> None:
        name = self.tiles.layout.name(place)
        assert self.tiles.written[place] == (words is not None), name
        if words is not None:
            found = unpack(self.tiles.get(place), self.columns)
            np.testing.assert_array_equal(found, unpack(words[0], self.columns), err_msg=name)


def both(
    pair: Pair, recipe: RowProgram, compiled: Compiled, outputs: NDArray[np.int64], threads: int
) -> str | None:
    """Run both and compare; the error that both raise, if they do."""
    wanted: NDArray[np.uint8] | None = None
    errors = []
    try:
        wanted = pair.reference(recipe, outputs)
    except DramError as error:
        errors.append(str(error))
    try:
        found = run(compiled, pair.tiles, outputs, threads=threads)
    except DramError as error:
        errors.append(str(error))
    if errors:
        assert len(errors) == 2, f"only one of them refuses: {errors}"
        assert errors[0] == errors[1]
        return errors[0]
    assert wanted is not None
    np.testing.assert_array_equal(unpack(found, pair.columns), wanted)
    return None


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


# -- what is refused -----------------------------------------------------------------------------


def _not_of(row: int, to: int, columns: int = 10) -> tuple[RowProgram, Tiles]:
    schedule = Schedule(1)
    schedule.append((logic.NOT,), None, a=D + row, out=D + to)
    recipe = RowProgram(1)
    recipe.run(schedule)
    return recipe, Tiles(columns, D + DATA_ROWS)


def test_a_row_that_was_never_written_is_named_and_nothing_runs() -> None:
    recipe, tiles = _not_of(3, 4)
    with pytest.raises(DramError) as caught:
        run(compile_program(recipe, tiles.layout), tiles, np.array([0]))
    assert str(caught.value) == "D3 was never written and cannot be activated"
    assert not tiles.written[tiles.layout.row(4)]
    tiles.save(3, np.array([5], np.uint64))
    run(compile_program(recipe, tiles.layout), tiles, np.array([0]))
    assert tiles.written[tiles.layout.row(4)]


@pytest.mark.parametrize("written_later", [False, True])
def test_rows_that_differ_between_outputs_must_have_been_written(written_later: bool) -> None:
    schedule, recipe, tiles = Schedule(2), RowProgram(2), Tiles(10, D + DATA_ROWS)
    schedule.append((logic.NOT,), None, a=D + np.array([0, 1]), out=D + 2)
    if written_later:
        schedule.append((logic.COPY,), None, a=D, out=D + 1)
    recipe.run(schedule)
    tiles.save(0, np.array([5], np.uint64))
    compiled = compile_program(recipe, tiles.layout)
    with pytest.raises(DramError) as caught:
        run(compiled, tiles, np.array([1]))
    assert str(caught.value) == "D1 was never written and cannot be activated"
    run(compiled, tiles, np.array([0]))
    assert unpack(tiles.load(2), 10).tolist() == (1 - unpack(tiles.load(0), 10)).tolist()


def test_cells_that_were_not_kept_cannot_be_activated_later() -> None:
    recipe, tiles = _not_of(3, 4)
    tiles.save(3, np.array([5], np.uint64))
    run(compile_program(recipe, tiles.layout), tiles, np.array([0]))
    later = Schedule(1)
    later.append((Program.parse("p", "(B4,out)", inputs=(), outputs=("out",)),), None, out=D)
    use = RowProgram(1)
    use.run(later)
    with pytest.raises(DramError) as caught:
        run(compile_program(use, tiles.layout), tiles, np.array([0]))
    assert str(caught.value) == "DCC0 was never written and cannot be activated"
    kept = compile_program(recipe, tiles.layout, cells=True)
    run(kept, tiles, np.array([0]))
    run(compile_program(recipe, tiles.layout), tiles, np.array([0]))
    with pytest.raises(DramError) as caught:
        run(compile_program(use, tiles.layout), tiles, np.array([0]))
    assert str(caught.value) == "DCC0 was never written and cannot be activated"
    run(kept, tiles, np.array([0]))
    run(compile_program(use, tiles.layout), tiles, np.array([0]))
    assert unpack(tiles.load(0), 10).tolist() == (1 - unpack(tiles.load(3), 10)).tolist()


def test_rows_beyond_the_subarray_are_refused_when_compiling() -> None:
    recipe, tiles = _not_of(3, DATA_ROWS)
    with pytest.raises(DramError) as caught:
        compile_program(recipe, tiles.layout)
    assert str(caught.value) == f"row address must be 0 to {D + 11} (D11), not {D + DATA_ROWS}"


def test_another_address_map_is_refused(eight_cells: AddressMap) -> None:
    recipe, _ = _not_of(0, 1)
    with pytest.raises(InputError) as caught:
        compile_program(recipe, tiles_module.Layout(rows=40, address_map=eight_cells))
    assert str(caught.value) == (
        "program 'not' must run on a subarray with the address map 'ambit', not 'eight cells'"
    )


def test_what_does_not_fit_is_refused() -> None:
    recipe, tiles = _not_of(0, 1)
    compiled = compile_program(recipe, tiles_module.Layout(rows=D + 5))
    with pytest.raises(InputError) as caught:
        run(compiled, tiles, np.array([0]))
    assert str(caught.value) == "tiles must have the layout that the row program was compiled for"
    compiled = compile_program(recipe, tiles.layout)
    with pytest.raises(InputError) as caught:
        run(compiled, tiles, np.array([0, 1]))
    assert str(caught.value) == "outputs must be 0 to 0, not 0 to 1"
    with pytest.raises(InputError) as caught:
        RowProgram(2).run(recipe.items[0].schedule)  # type: ignore[union-attr]
    assert str(caught.value) == "a row program for 2 outputs must have schedules for as many, not 1"
    with pytest.raises(InputError) as caught:
        Tiles(10, tile_words=20)
    tiles.save(0, np.zeros(1, np.uint64))
    assert str(caught.value) == "`tile_words` must be a multiple of 8, not 20"
    with pytest.raises(InputError) as caught:
        run(compiled, tiles, np.array([0]), threads=0)
    assert str(caught.value) == "`threads` must be a positive integer, not 0"


def test_more_than_memory_holds_is_refused_before_it_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**30)
    with pytest.raises(InputError) as caught:
        Tiles(8 << 30, 1024, tile_words=16)
    assert str(caught.value) == (
        "1 x 8589934592 columns of 1 x 1024 rows need 1015.0 GiB of memory, but 1.0 GiB are free"
    )


def test_without_a_back_end_the_reference_runs_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pimsim.executors.compiled.run import run as run_module

    recipe, tiles = _not_of(0, 1)
    slot = recipe.read(1)
    tiles.save(0, pack(np.array([0, 1] * 5)))
    monkeypatch.setattr(emit, "why_not", lambda: "OSError: no such library")
    run_module.warn.cache_clear()
    with pytest.warns(RuntimeWarning) as caught:
        found = run(compile_program(recipe, tiles.layout), tiles, np.array([0]))
    assert [str(each.message) for each in caught] == [
        "no compiler back end (OSError: no such library): the reference executor is used, "
        "which is slower"
    ]
    assert unpack(found[0, slot], 10).tolist() == [1, 0] * 5
    assert unpack(tiles.load(1), 10).tolist() == [1, 0] * 5
