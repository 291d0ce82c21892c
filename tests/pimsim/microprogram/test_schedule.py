"""A schedule run for many outputs at once does what its programs do for each output alone."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.bits import unpack
from pimsim.dram.array.address_map import AddressMap, ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.errors import DramError, InputError
from pimsim.executors.reference import execute
from pimsim.microprogram.arithmetic import FULL_ADDER, FULL_ADDER_NOT_C
from pimsim.microprogram.logic import AND, COPY, NOT, OR, XNOR, XOR
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Schedule

D = ambit().first_data
DATA_ROWS = 12
COLUMNS = 5
FAMILIES = ((AND, OR), (XOR, XNOR), (FULL_ADDER, FULL_ADDER_NOT_C), (COPY,), (NOT,))

Alone = list[tuple[list[Program], dict[str, list[int]]]]
"""Per step the program of every output, and of every symbol the data row of every output."""


def _random(rng: Random, outputs: int, steps: int) -> tuple[Schedule, Alone]:
    schedule, alone = Schedule(outputs), []
    for _ in range(steps):
        programs = rng.choice(FAMILIES)
        variant = rng.choices(range(len(programs)), k=outputs)
        if rng.random() < 0.3:
            variant = variant[:1] * outputs
        rows = {}
        for symbol in programs[0].symbols:
            rows[symbol] = rng.choices(range(DATA_ROWS), k=outputs)
            if rng.random() < 0.5:
                rows[symbol] = rows[symbol][:1] * outputs
        schedule.append(
            programs,
            None if len(programs) == 1 else np.array(variant),
            **{
                symbol: D + each[0] if len(set(each)) == 1 else D + np.array(each)
                for symbol, each in rows.items()
            },
        )
        alone.append(([programs[kind] for kind in variant], rows))
    return schedule, alone


def _subarray(bits: np.ndarray, lanes: int) -> Subarray:
    """Data rows hold ``bits`` (rows, lanes, columns)."""
    subarray = Subarray(COLUMNS, rows=D + DATA_ROWS, lanes=lanes)
    for row, each in enumerate(bits):
        subarray.write_bits(row, each)
    subarray.clear_counts()
    return subarray


def _rows(subarray: Subarray) -> np.ndarray:
    """All data rows, (rows, lanes, columns)."""
    return np.stack([unpack(subarray.peek(row), COLUMNS) for row in range(DATA_ROWS)])


def _summed(schedule: Schedule, output: int) -> CommandCounts:
    """Commands of one output, as the schedule says without being run."""
    counts = dict.fromkeys(Kind, 0)
    for run in schedule.runs:
        for kind, times in run.cycle:
            counts[kind] += run.times * times
    extra = int(schedule.extra_wordlines()[output])
    return CommandCounts(aap=counts[Kind.AAP], ap=counts[Kind.AP], extra_wordlines=extra)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    outputs=st.integers(1, 5),
    steps=st.integers(1, 8),
    lanes=st.integers(1, 4),
)
def test_many_outputs_at_once_equal_each_alone(
    seed: int, outputs: int, steps: int, lanes: int
) -> None:
    rng = Random(seed)
    schedule, alone = _random(rng, outputs, steps)
    bits = np.random.default_rng(seed).integers(0, 2, (DATA_ROWS, lanes, COLUMNS), dtype=np.uint8)
    together = _subarray(bits, lanes)
    some = rng.choice([None, rng.sample(range(lanes), rng.randint(1, lanes))])
    taking = list(range(lanes)) if some is None else some
    chosen = rng.choices(range(outputs), k=len(taking))
    if rng.random() < 0.3:
        chosen = chosen[:1] * len(taking)
    schedule.run(together, np.array(chosen), None if some is None else np.array(some))
    after, counts = _rows(together), together.counts()
    for lane in range(lanes):
        single = _subarray(bits[:, [lane]], 1)
        if lane in taking:
            output = chosen[taking.index(lane)]
            for programs, rows in alone:
                own = {symbol: each[output] for symbol, each in rows.items()}
                execute(programs[output], single, **own)
        np.testing.assert_array_equal(after[:, lane], _rows(single)[:, 0])
        assert counts[lane] == single.counts()[0]
        if lane in taking:
            assert _summed(schedule, chosen[taking.index(lane)]) == counts[lane]


@pytest.mark.parametrize("steps", [1, 7, 600])  # looked at in several pieces
def test_tables_have_the_addresses_of_each_output(steps: int) -> None:
    schedule, _ = _random(Random(steps), outputs=5, steps=steps)
    outputs = [3, 0, 0, 4]
    table = np.concatenate(list(schedule.tables(outputs)))
    for place, output in enumerate(outputs):
        wanted = [(row, -1 if to is None else to) for row, to in schedule.addresses(output)]
        assert [tuple(pair) for pair in table[:, place].tolist()] == wanted


def test_a_single_variant_for_all_outputs_may_be_given_as_a_flag() -> None:
    schedule = Schedule(3)
    schedule.append((AND, OR), np.True_, a=D, b=D, out=D + 1)
    assert schedule.steps[0].programs == (OR,)
    assert schedule.steps[0].variant is None


# -- what is refused -----------------------------------------------------------------------------


def test_steps_that_do_not_fit_are_refused() -> None:
    schedule = Schedule(2)
    with pytest.raises(InputError) as caught:
        schedule.append((COPY, AND), np.array([0, 1]), a=D, out=D)
    assert str(caught.value) == (
        "variants must have the symbols ('a', 'out') of 'copy', not ('a', 'b', 'out') as 'and' has"
    )
    with pytest.raises(InputError) as caught:
        schedule.append((COPY, NOT), np.array([0, 1]), a=D, out=D)
    assert str(caught.value) == (
        "variants must have the kinds of commands of 'copy', not those of 'not': lock-step banks "
        "get one sequence"
    )
    with pytest.raises(InputError) as caught:
        schedule.append((AND,), a=D, out=D)
    assert str(caught.value) == "rows of 'and' must be ('a', 'b', 'out'), not ('a', 'out')"
    with pytest.raises(InputError) as caught:
        schedule.append((COPY,), a=D, out=D, b=D)
    assert str(caught.value) == "rows of 'copy' must be ('a', 'out'), not ('a', 'out', 'b')"
    with pytest.raises(InputError) as caught:
        schedule.append((COPY,), a=np.array([D, D, D]), out=D)
    assert str(caught.value) == "rows of 'a' must have the shape (2,), not (3,)"
    with pytest.raises(InputError) as caught:
        schedule.append((AND, OR), np.array([0, 2]), a=D, b=D, out=D)
    assert str(caught.value) == "`variant` must be 0 to 1, not 2"
    assert schedule.steps == []


@pytest.mark.parametrize("beyond", [D + DATA_ROWS, np.array([D, D + DATA_ROWS])])
def test_rows_beyond_the_subarray_are_refused_before_anything_runs(
    beyond: int | np.ndarray,
) -> None:
    subarray = _subarray(np.zeros((DATA_ROWS, 2, COLUMNS), np.uint8), 2)
    last = D + DATA_ROWS - 1
    message = (
        f"row address must be 0 to {last} (D11), not {last + 1}"
        if isinstance(beyond, int)
        else f"lanes may differ in C- and D-group rows only, 16 to {last}, "
        f"not addresses {D} to {last + 1}"
    )
    schedule = Schedule(2)
    schedule.append((COPY,), a=D, out=D + 1)
    schedule.run(subarray, np.array([0, 1]))
    subarray.clear_counts()
    for add in ("append", "put"):  # after a run that found nothing wrong
        longer = Schedule(2)
        longer.put(schedule.steps)
        longer.run(subarray, np.array([0, 1]))
        subarray.clear_counts()
        wrong = Schedule(2) if add == "put" else longer
        wrong.append((COPY,), a=D, out=beyond)
        if add == "put":
            longer.put(wrong.steps)
        with pytest.raises(DramError) as caught:
            longer.run(subarray, np.array([0, 1]))
        assert str(caught.value) == message
        assert subarray.counts() == [CommandCounts()] * 2


def test_programs_that_the_subarray_cannot_run_are_refused(eight_cells: AddressMap) -> None:
    schedule = Schedule(1)
    schedule.append((COPY,), a=D, out=D)
    with pytest.raises(InputError) as caught:
        schedule.run(Subarray(columns=1, address_map=eight_cells), np.array([0]))
    assert str(caught.value) == (
        "program 'copy' must run on a subarray with the address map 'ambit', not 'eight cells'"
    )
    far = Schedule(1)
    far.append((Program.parse("far", "(C0,D50)", inputs=(), outputs=()),))
    with pytest.raises(DramError) as caught:
        far.run(Subarray(columns=1, rows=D + DATA_ROWS), np.array([0]))
    assert str(caught.value) == "row address must be 0 to 29 (D11), not 68"
