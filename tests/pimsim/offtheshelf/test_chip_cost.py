"""What programs of unmodified chips take: by hand, and never more than the part allows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError
from pimsim.offtheshelf.cost import _Schedule, burst, program_cost
from pimsim.offtheshelf.primitives import PRIMITIVES, majority
from pimsim.offtheshelf.program import Activate

DDR4 = load("ddr4-2400")  # tRAS 32 ns, tRP 14.161 ns, tFAW 21 ns
OPTIONS = ModelOptions.of(DDR4, refresh=False)
ACT, PRE = (getattr(OPTIONS.energies(DDR4), name) for name in ("act_pj", "pre_pj"))
CLOSE = 32_000 + 14_161


@pytest.mark.parametrize(
    ("name", "size", "latency_ps", "activations"),
    [
        ("copy", 32, 36_000 + 3_000 + CLOSE, 2),
        ("not", 1, 46_500 + 3_000 + CLOSE, 2),
        # three copies to a row, three Fracs of the one left over, the majority, and a copy out
        ("maj3", 4, 4 * (42_000 + CLOSE) + 3 * (1_500 + 14_161) + 4_500 + CLOSE, 4 * 2 + 3 + 2),
        # ten rows an operand are eight and two: two copies to a row, two to many
        ("maj3", 32, (6 + 1) * (42_000 + CLOSE) + 6 * (39_000 + CLOSE) + 6 * (1_500 + 14_161)
         + 4_500 + CLOSE, 14 + 12 + 6 + 2),
        # two operands, a reference copied twice, five Fracs, the step, and a copy out
        ("and", 2, 4 * (42_000 + CLOSE) + 39_000 + CLOSE + 5 * (1_500 + 14_161) + 3_000 + CLOSE,
         8 + 2 + 5 + 2),
    ],
)  # fmt: skip
def test_time_and_energy_by_hand(name: str, size: int, latency_ps: int, activations: int) -> None:
    program = PRIMITIVES[name].program(size)
    cost = program_cost(program, DDR4, OPTIONS)
    assert cost.latency_ps == latency_ps
    assert cost.activations == activations
    assert cost.energy_pj == pytest.approx(activations * (ACT + PRE))
    kilobytes = 8 / (2 if program.halved else 1)
    assert cost.energy_pj_per_kb == pytest.approx(cost.energy_pj / kilobytes)


def test_wordlines_beyond_the_first_cost_what_the_option_says() -> None:
    options = ModelOptions.of(DDR4, refresh=False, extra_wordline_factor=0.22)
    step = PRIMITIVES["copy"].program(32)
    more = program_cost(step, DDR4, options).energy_pj
    assert more == pytest.approx(2 * (ACT + PRE) + 30 * 0.22 * ACT)


def test_banks_share_the_rate_of_activations() -> None:
    program = PRIMITIVES["copy"].program(8)
    alone = program_cost(program, DDR4, ModelOptions.of(DDR4, banks=1, refresh=False))
    assert alone.round_ps == alone.latency_ps
    free = program_cost(program, DDR4, ModelOptions.of(DDR4, faw=False, refresh=False))
    assert free.round_ps == pytest.approx(free.latency_ps)
    held = program_cost(program, DDR4, OPTIONS)
    assert held.round_ps >= 16 * 2 * 21_000 / 4  # 32 ACTs, four every 21 ns
    assert held.throughput_gb_per_s < free.throughput_gb_per_s
    refreshed = program_cost(program, DDR4, ModelOptions.of(DDR4))
    assert refreshed.round_ps == pytest.approx(held.round_ps * 7_800 / (7_800 - 350))


def test_no_constraint_between_banks_is_broken() -> None:
    program = majority(3, 8)
    bursts = [burst(step, DDR4, OPTIONS) for step in program.steps]
    schedule = _Schedule(DDR4, OPTIONS)
    for _ in range(2):
        schedule.run(bursts, range(16))
    (acts,) = schedule._acts.values()
    assert len(acts) == 2 * 16 * sum(len(one.acts_ps) for one in bursts)
    times = [at for at, _ in acts]
    assert all(fifth - one >= 21_000 for one, fifth in zip(times, times[4:], strict=False))
    for (at, bank), (then, other) in pairwise(acts):
        if bank != other:
            assert then - at >= (4_900 if bank % 4 == other % 4 else 3_332)


def test_figures_of_aaps_are_refused() -> None:
    ddr3 = load("ddr3-1600-8-8-8")
    program = PRIMITIVES["not"].program(1)
    with pytest.raises(
        InputError, match="`energy` must be datasheet for unmodified chips, not 'am"
    ):
        program_cost(program, ddr3, ModelOptions())
    cost = program_cost(program, ddr3, ModelOptions(energy="datasheet"))
    assert cost.energy_pj == pytest.approx(2 * (8 * 1.5 * 18 * 35 + 8 * 1.5 * 25 * 10))


def test_steps_have_the_delays_that_they_violate() -> None:
    for primitive in PRIMITIVES.values():
        for step in primitive.program().steps:
            sent = burst(step, DDR4, OPTIONS)
            if isinstance(step, Activate):
                assert sent.pres_ps[0] == step.delays.t1_ns * 1000
                assert sent.acts_ps[1] - sent.pres_ps[0] == step.delays.t2_ns * 1000
                assert sent.acts_ps[1] - sent.pres_ps[0] < DDR4.timing.t_rp_ps
