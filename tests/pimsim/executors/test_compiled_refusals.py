"""What compiled schedules refuse, and what is done without a compiler."""

from __future__ import annotations

import numpy as np
import pytest

from pimsim import memory
from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import AddressMap
from pimsim.errors import DramError, InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.lower.compile import compile_program
from pimsim.executors.compiled.run import tiles as tiles_module
from pimsim.executors.compiled.run.run import run
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.microprogram import logic
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

from .compiled_pair import DATA_ROWS, D

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
