"""Where the stages of a chain lie, and that every bank of a team gets what it computes with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapping.chain import counted
from bnn.mapping.chain.counted import Counted
from bnn.mapping.chain.layout import Spot, lay_out
from bnn.mapping.chain.trees import Trees
from bnn.system.system import System
from pimsim.dram.options import ModelOptions

from .chained import DDR3, NARROW, SHALLOW, mlp, planned, stages


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_bank_of_a_team_gets_every_operand_once(data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.integers(1, 24), min_size=3, max_size=4))
    standard = replace(
        NARROW,
        rows_per_subarray=data.draw(st.sampled_from([1024, 52])),
        ranks=data.draw(st.sampled_from([1, 2])),
        banks=data.draw(st.sampled_from([3, 5, 8])),
    )
    banks = data.draw(st.integers(1, standard.ranks).map(lambda n: n * standard.banks))
    system = System(standard, ModelOptions(banks=banks), moves="psm")
    team = data.draw(st.integers(1, standard.banks))
    planner = data.draw(st.sampled_from([Counted, Trees]))
    tried = planned(planner, stages(mlp(*widths)), system)
    layout = lay_out(tried, system, data.draw(st.sampled_from([1, 600, 3000])), team)
    for turn in range(len(layout.turns(0))):
        for step in range(layout.last):
            this, after = layout.steps[step], layout.steps[step + 1]
            seen: set[Spot] = set()
            for lanes, units in layout.slots(step, turn):
                arrived = {
                    Spot(step, 0, lane, bit.row)
                    for lane, unit in zip(lanes, units.tolist(), strict=True)
                    for bit in this.laid.units[unit]
                }
                seen |= arrived if this.placed else set()
                for wave in (
                    one for some in layout.hand_on(step, lanes, units.tolist()) for one in some
                ):
                    for source, target in wave:
                        assert source in arrived
                        one, two = layout.at(source), layout.at(target)
                        assert one.bank != two.bank
                        assert one.bank // standard.banks == two.bank // standard.banks
                        assert target not in seen
                    arrived |= {target for _, target in wave}
                    seen |= {target for _, target in wave}
            places = [layout.at(spot) for spot in seen]
            assert len(set(places)) == len(places)
            wanted = {
                Spot(step + (not this.placed), part, lane, row)
                for lane in range(layout.turns(0)[turn].lanes)
                for part, row in map(after.target, range(this.stage.outputs))
            }
            assert seen == wanted


@pytest.mark.parametrize("banks", [3, 4])
def test_images_over_banks_with_a_fan_in_of_more_parts_than_banks(banks: int) -> None:
    """No part lies where the bank that comes before has to copy within itself."""
    standard = replace(NARROW, rows_per_subarray=64, banks=banks)
    system = System(standard, ModelOptions(banks=banks), moves="psm")
    layout = lay_out(planned(Counted, stages(mlp(3, 160, 2)), system), system, 1500, team=1)
    assert layout.mapped[1].parts > banks
    for lanes, outputs in layout.slots(0, 0):
        ((wave,),) = layout.hand_on(0, lanes, outputs.tolist())
        assert len(wave) == len(lanes)
        assert all(layout.at(one).bank != layout.at(two).bank for one, two in wave)


def test_stages_lie_side_by_side_where_they_fit() -> None:
    system = System(DDR3, ModelOptions(), moves="psm")
    found = planned(Counted, stages(mlp(300, 200, 250, 500, 10)), system)
    # 300, then 200 above it, then 250 from 0 on again; 500 more do not fit beside 250 of 1,006.
    assert [step.laid.first_row for step in found] == [0, 300, 0, 300]
    found = planned(Counted, stages(mlp(600, 500, 10)), system)
    assert [(step.first, step.placed) for step in found] == [(0, False), (1, False)]
    found = planned(Trees, stages(mlp(300, 200, 250, 500, 10)), system)
    assert [step.laid.first_row for step in found] == [0, 300, 0, 300]


def test_a_stage_is_planned_twice_however_many_share_its_subarray(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once as the last of them, and once with operands of the next beside its own."""
    network, system = mlp(*[4] * 13), System(SHALLOW, ModelOptions())
    every = [one for one in lower(network, None, system.data_rows) if isinstance(one, Stage)]
    times: dict[str, int] = defaultdict(int)
    plan = counted.plan

    def watched(stage: Stage, *args: Any, **options: Any) -> Any:
        times[stage.name] += 1
        return plan(stage, *args, **options)

    monkeypatch.setattr(counted, "plan", watched)
    found = planned(Counted, every, system)
    assert sum(step.placed for step in found) == len(every) - 1  # all of them share one
    assert max(times.values()) == 2
