"""Steps never take less than they are said to at least; what that rules out would not be chosen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn.lowering.stage import each_pixel
from bnn.mapped.placement import division, spent
from bnn.mapped.placement.placement import Turn
from bnn.mapped.placement.spent import Step, least_ps, spent_ps
from bnn.system.system import System
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load, names
from pimsim.microprogram.primitives import PRIMITIVES, program_of
from pimsim.microprogram.row_program import RowProgram
from tests.bnn.mapping.stage_cases import random_signs, stage_of

CYCLES = sorted({program_of(name).cycle for name in PRIMITIVES}, key=repr)


@st.composite
def _systems(draw: st.DrawFn) -> System:
    standard = load(draw(st.sampled_from(names())))
    chosen: dict[str, Any] = {
        "faw": draw(st.booleans()),
        "split_decoder": draw(st.booleans()),
        "clocked": draw(st.booleans()),
        "acts_per_aap": draw(st.sampled_from([1, 2])),
        "banks": draw(st.integers(1, standard.all_banks)),
    }
    return System(standard, ModelOptions.of(standard, **chosen))


_TIMES = st.sampled_from([0, 1, 2, 7, 300])
_STEPS = st.lists(
    st.tuples(st.sampled_from(CYCLES) | st.sampled_from([Kind.RD, Kind.WR]), _TIMES),
    min_size=0,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(system=_systems(), steps=_STEPS, columns=st.integers(1, 8192), data=st.data())
def test_nothing_takes_less(
    system: System, steps: list[Step], columns: int, data: st.DataObject
) -> None:
    banks = data.draw(st.integers(1, system.banks))
    (least,) = least_ps(system, [banks], columns, steps)
    assert 0 <= least <= spent_ps(system, banks, columns, *steps)


@pytest.mark.parametrize("standard", names())
@pytest.mark.parametrize("faw", [False, True])
def test_it_is_close_where_one_thing_is_scarce(standard: str, faw: bool) -> None:
    known = load(standard)
    system = System(known, ModelOptions.of(known, faw=faw))
    for step, banks in itertools.product([(((Kind.AAP, 4),), 500), (Kind.WR, 500)], (1, 4)):
        (least,) = least_ps(system, [banks], known.row_bytes * 8, [step])
        assert least > 0.6 * spent_ps(system, banks, known.row_bytes * 8, step)


@settings(max_examples=60, deadline=None)
@given(system=_systems(), steps=_STEPS, images=st.integers(1, 200_000), outputs=st.integers(1, 40))
def test_divisions_are_those_of_all_that_can_be_tried(
    system: System, steps: list[Step], images: int, outputs: int
) -> None:
    stage = stage_of(random_signs(1, 1, 3, outputs), each_pixel(1, 3))
    program = RowProgram(1)
    program.enter("inputs")
    program.write([0, 1, 2], part=0, content="operands")

    def computing(size: int) -> Sequence[Step]:
        return [(what, times * size) for what, times in steps]

    def turns() -> list[Turn]:
        return division.in_turn(stage, system, images, program, computing=computing).turns

    ours = turns()
    with patch.object(division, "least_ps", lambda _, banks, *__: [0] * len(banks)):
        assert turns() == ours


def test_few_divisions_are_scheduled() -> None:
    system = System(load("ddr4-2400"), ModelOptions.of(load("ddr4-2400")))
    stage = stage_of(random_signs(1, 1, 3, 40), each_pixel(1, 3))

    def scheduled() -> int:
        with patch.object(division, "spent_ps", wraps=spent.spent_ps) as asked:
            division.in_turn(
                stage, system, 9999, RowProgram(1), computing=lambda n: [(CYCLES[0], 100 * n)]
            )
        return asked.call_count

    ours = scheduled()
    with patch.object(division, "least_ps", lambda _, banks, *__: [0] * len(banks)):
        assert ours < scheduled() / 2
