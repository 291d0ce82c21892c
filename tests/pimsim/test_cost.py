"""Cost: published and hand-worked figures, and the laws every price obeys."""

from __future__ import annotations

import csv
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.cost import Cost, assumptions, price, primitive_cost
from pimsim.dram import standards
from pimsim.dram.activity import Activity, CommandCounts
from pimsim.dram.energy import command_energies
from pimsim.dram.switches import Switches
from pimsim.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
G888 = standards.load("ddr3-1600-8-8-8")
K111 = standards.load("ddr3-1600-11-11-11")
BARE = Switches(faw=False, refresh=False)
PART = replace(BARE, energy="datasheet")


def _golden(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _rows_over_the_channel(reads: int, writes: int) -> Activity:
    """One row each, in banks of their own, as a host would stream them."""
    row = G888.bursts_per_row
    opened = CommandCounts(act=1, pre=1)
    return Activity(
        tuple(opened + CommandCounts(rd=row) for _ in range(reads))
        + tuple(opened + CommandCounts(wr=row) for _ in range(writes))
    )


# Published and derived figures


@pytest.mark.parametrize("row", _golden("row_commands.csv"), ids=lambda r: r["aap_ns"])
def test_time_of_row_commands(row: dict[str, str]) -> None:
    timing = standards.load(row["standard"]).timing
    aap_ps = timing.aap_ps(split_decoder=row["split_decoder"] == "1")
    assert aap_ps == float(row["aap_ns"]) * 1e3
    assert timing.ap_ps == float(row["ap_ns"]) * 1e3


@pytest.mark.parametrize("row", _golden("ambit_energy.csv"), ids=lambda r: r["operation"])
def test_ambit_energy_table(row: dict[str, str]) -> None:
    ambit = primitive_cost(int(row["aap"]), int(row["ap"]), 0, G888, BARE).energy_pj_per_kb / 1e3
    streamed = _rows_over_the_channel(int(row["ddr3_reads"]), int(row["ddr3_writes"]))
    ddr3 = price(streamed, G888, BARE).total_pj / 8 / 1e3  # nJ/KB of an 8 KB row
    assert f"{ambit:.2f}" == row["ambit_nj_per_kb"]
    assert f"{ddr3:.1f}" == row["ddr3_nj_per_kb"]
    assert ddr3 / ambit == pytest.approx(float(row["published_ratio"]), rel=0.01)


def test_thirty_five_times_is_the_harmonic_mean_over_seven_operations() -> None:
    ratio = {}
    for row in _golden("ambit_energy.csv"):
        cost = primitive_cost(int(row["aap"]), int(row["ap"]), 0, G888, BARE)
        ratio[row["operation"]] = float(row["ddr3_nj_per_kb"]) / (cost.energy_pj_per_kb / 1e3)
    seven = [ratio["not"]] + 2 * [ratio["and"], ratio["nand"], ratio["xor"]]
    # 35.2 with the ratios as published, rounded; 35.1 without their rounding.
    assert len(seven) / sum(1 / r for r in seven) == pytest.approx(35.2, rel=0.01)


@pytest.mark.parametrize("row", _golden("throughput.csv"), ids=lambda r: r["gb_per_s"])
def test_throughput_of_eight_banks(row: dict[str, str]) -> None:
    standard, switches = G888, BARE
    if row["t_faw_ns"]:
        t_faw_ps = int(row["t_faw_ns"]) * 1000
        standard = replace(G888, timing=replace(G888.timing, t_faw_ps=t_faw_ps))
        switches = replace(BARE, faw=True)
    cost = primitive_cost(int(row["aap"]), int(row["ap"]), 0, standard, switches)
    assert f"{cost.throughput_gb_per_s:.0f}" == row["gb_per_s"]


def test_datasheet_core_energies_by_hand() -> None:
    energies = command_energies("datasheet", K111)
    # per chip, 8 chips: 1.5 V x 18 mA x 35 ns; 1.5 V x 25 mA x 13.75 ns
    assert energies.act_pj == pytest.approx(8 * 945.0)
    assert energies.pre_pj == pytest.approx(8 * 515.625)
    assert energies.act_pj + energies.pre_pj == pytest.approx(11_685.0)  # 11.7 nJ
    assert energies.ap_pj == pytest.approx(11_685.0)
    assert energies.aap_pj == pytest.approx(2 * 7_560.0 + 4_125.0)
    # 1.5 V x 130 mA x 5 ns; 1.5 V x 108 mA x 5 ns; 1.5 V x 163 mA x 260 ns
    assert energies.rd_pj == pytest.approx(8 * 975.0)
    assert energies.wr_pj == pytest.approx(8 * 810.0)
    assert energies.ref_pj == pytest.approx(8 * 63_570.0)
    # 1.5 V x 57 mA, 1.5 V x 50 mA
    assert energies.active_mw == pytest.approx(8 * 85.5)
    assert energies.standby_mw == pytest.approx(8 * 75.0)


def test_datasheet_interface_energies_by_hand() -> None:
    one_rank = command_energies("datasheet", K111)
    assert one_rank.rd_io_pj == pytest.approx(4.6 * 72 * 5)  # mW x pins x ns = 1656 pJ
    assert one_rank.wr_io_pj == pytest.approx(21.2 * 80 * 5)  # 8480 pJ
    two_ranks = command_energies("datasheet", replace(K111, ranks=2))
    assert two_ranks.rd_io_pj == pytest.approx(1656 + 15.5 * 72 * 5)  # + 5580 pJ
    assert two_ranks.wr_io_pj == pytest.approx(8480 + 15.4 * 80 * 5)  # + 6160 pJ
    assert two_ranks == replace(one_rank, rd_io_pj=two_ranks.rd_io_pj, wr_io_pj=two_ranks.wr_io_pj)


@pytest.mark.parametrize(
    ("reads", "writes", "nj_per_kb"),
    [(1, 0, 126), (0, 1, 105), (1, 1, 231), (2, 1, 358)],
    ids=["R", "W", "NOT", "AND"],
)
def test_datasheet_core_energy_of_bulk_operations_over_the_channel(
    reads: int, writes: int, nj_per_kb: int
) -> None:
    parts = price(_rows_over_the_channel(reads, writes), K111, PART).energy_pj
    core_pj = parts["activate_precharge"] + parts["read_write"]
    assert round(core_pj / 8 / 1e3) == nj_per_kb


def test_background_and_refresh_by_hand() -> None:
    # One bank, 1000 AAPs of 52.75 ns = 52.75 us, stretched by 7800 / (7800 - 260).
    cost = price(Activity((CommandCounts(aap=1000),)), K111, replace(PART, refresh=True))
    assert cost.latency_ps == math.ceil(52_750_000 * 7800 / 7540)
    assert cost.refreshes == 6  # 54.57 us / 7.8 us = 6.996
    assert cost.energy_pj["refresh"] == pytest.approx(52_750_000 / 7_540_000 * 508_560)
    assert cost.energy_pj["background"] == pytest.approx(cost.latency_ps * 684.0e-3)


def test_channel_time_by_hand() -> None:
    row = CommandCounts(act=1, pre=1, rd=128)
    # One bank: tRCD + 128 bursts + tRP; two: the bus has 256 bursts and hides the rest.
    assert price(Activity((row,)), G888, BARE).latency_ps == 10_000 + 640_000 + 10_000
    assert price(Activity((row, row)), G888, BARE).latency_ps == 2 * 640_000
    # Single bursts from rows of one bank: tRC a row.
    scattered = CommandCounts(act=100, pre=100, rd=100)
    assert price(Activity((scattered,)), G888, BARE).latency_ps == 100 * 45_000
    # ... from all eight banks: 800 ACTs at four every 30 ns.
    everywhere = Activity((scattered,) * 8)
    assert price(everywhere, G888, BARE).latency_ps == 100 * 45_000
    assert price(everywhere, G888, replace(BARE, faw=True)).latency_ps == 200 * 30_000
    # Computing and moving do not overlap.
    both = Activity((row + CommandCounts(aap=2),))
    assert price(both, G888, BARE).latency_ps == 660_000 + 98_000


def test_rrd_limits_where_it_is_longer_than_a_quarter_of_faw() -> None:
    tight = replace(G888, timing=replace(G888.timing, t_rrd_s_ps=10_000, t_rrd_l_ps=10_000))
    cost = price(Activity((CommandCounts(ap=1),) * 8), tight, replace(BARE, faw=True))
    assert cost.latency_ps == 80_000


def test_extra_wordlines_cost_a_share_of_an_activation() -> None:
    counts = CommandCounts(aap=1, extra_wordlines=2)
    activity = Activity((counts,))
    paper = replace(BARE, extra_wordline_factor=0.22)
    assert price(activity, G888, paper).total_pj == pytest.approx(6290 * 1.44)
    part = replace(PART, extra_wordline_factor=0.22)
    assert price(activity, K111, part).energy_pj["activate_precharge"] == pytest.approx(
        19_245 + 0.44 * 7_560
    )


def test_one_act_per_aap_halves_what_faw_costs() -> None:
    once = primitive_cost(4, 0, 0, G888, Switches(refresh=False, acts_per_aap=1))
    twice = primitive_cost(4, 0, 0, G888, Switches(refresh=False))
    assert once.throughput_gb_per_s == pytest.approx(2 * twice.throughput_gb_per_s)


# Laws

counts = st.builds(
    CommandCounts,
    **{field.name: st.integers(0, 10**6) for field in fields(CommandCounts) if field.name != "ref"},
)
activities = st.lists(counts, max_size=8).map(lambda banks: Activity(tuple(banks)))
settings = st.builds(
    Switches,
    faw=st.booleans(),
    refresh=st.booleans(),
    split_decoder=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
    energy=st.sampled_from(["ambit-paper", "datasheet"]),
    extra_wordline_factor=st.floats(0, 1),
)
parts = st.sampled_from([G888, K111])


def _approx_parts(cost: Cost) -> dict[str, object]:
    # Time is rounded up to whole picoseconds; a picosecond of background is 0.7 pJ.
    return {part: pytest.approx(pj, rel=1e-9, abs=3.0) for part, pj in cost.energy_pj.items()}


@given(activities, parts, settings)
def test_doubling_every_count_doubles_time_and_every_part(
    activity: Activity, standard: standards.Standard, switches: Switches
) -> None:
    once = price(activity, standard, switches)
    doubled = price(activity + activity, standard, switches)
    assert 0 <= 2 * once.latency_ps - doubled.latency_ps <= 4  # rounded up once, not twice
    assert (once + once).energy_pj == _approx_parts(doubled)
    assert (once + once).latency_ps == 2 * once.latency_ps


@given(activities, parts, settings)
def test_parts_add_up_to_the_total(
    activity: Activity, standard: standards.Standard, switches: Switches
) -> None:
    cost = price(activity, standard, switches)
    assert cost.total_pj == pytest.approx(sum(cost.energy_pj.values()))
    assert all(pj >= 0 for pj in cost.energy_pj.values())


@given(activities, counts, st.integers(0, 7), parts, settings)
def test_more_commands_never_cost_less(
    activity: Activity,
    more: CommandCounts,
    bank: int,
    standard: standards.Standard,
    switches: Switches,
) -> None:
    padded = activity.banks + (CommandCounts(),) * (8 - len(activity.banks))
    less = price(Activity(padded), standard, switches)
    grown = Activity(padded) + Activity.of({bank: more}, banks=8)
    cost = price(grown, standard, switches)
    assert cost.latency_ps >= less.latency_ps
    assert cost.refreshes >= less.refreshes
    assert all(cost.energy_pj[part] >= pj for part, pj in less.energy_pj.items())


@given(activities, parts, settings)
def test_obeying_faw_and_refresh_only_ever_lengthens(
    activity: Activity, standard: standards.Standard, switches: Switches
) -> None:
    def latency_ps(**changed: bool) -> int:
        return price(activity, standard, replace(switches, **changed)).latency_ps  # type: ignore[arg-type]

    assert latency_ps(faw=True) >= latency_ps(faw=False)
    assert latency_ps(refresh=True) >= latency_ps(refresh=False)
    assert latency_ps(split_decoder=False) >= latency_ps(split_decoder=True)


@given(activities, parts, settings)
def test_energy_modes_have_parts_of_their_own(
    activity: Activity, standard: standards.Standard, switches: Switches
) -> None:
    paper = price(activity, standard, replace(switches, energy="ambit-paper"))
    part = price(activity, standard, replace(switches, energy="datasheet"))
    assert set(paper.energy_pj) == {"activate_precharge", "read_write"}
    assert set(part.energy_pj) == {
        "activate_precharge", "read_write", "io", "refresh", "background",
    }  # fmt: skip
    with pytest.raises(InputError, match="one standard, energy mode and refresh switch"):
        _ = paper + part


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"banks": 0}, "`banks` must be a positive integer, not 0"),
        ({"banks": 2.5}, "`banks` must be a positive integer, not 2.5"),
        ({"acts_per_aap": 3}, "`acts_per_aap` must be 1 or 2, not 3"),
        (
            {"energy": "ambit"},
            "`energy` must be one of ambit-paper, datasheet, not 'ambit'",
        ),
        (
            {"extra_wordline_factor": -0.1},
            "`extra_wordline_factor` must be a number of at least 0, not -0.1",
        ),
        (
            {"extra_wordline_factor": math.nan},
            "`extra_wordline_factor` must be a number of at least 0, not nan",
        ),
    ],
)
def test_switches_refuse(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Switches(**changes)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_price_refuses() -> None:
    nothing = Activity(())
    with pytest.raises(InputError, match=r"^`banks` must be at most 8, the banks of ddr3-.*not 16"):
        price(nothing, G888, Switches(banks=16))
    with pytest.raises(InputError, match=r"^`activity` must be of at most 4 banks, not 8$"):
        price(Activity((CommandCounts(),) * 8), G888, Switches(banks=4))
    with pytest.raises(InputError, match=r"^`activity` must hold no REF commands, not 3$"):
        price(Activity((CommandCounts(ref=3),)), G888, Switches())
    with pytest.raises(InputError, match=r"^`energy` must be ambit-paper for .*has no currents$"):
        price(nothing, replace(G888, currents=None), PART)
    assert "io" not in price(nothing, replace(G888, interface=None), PART).energy_pj
    with pytest.raises(InputError, match=r"^`aap` \+ `ap` must be positive, not 0$"):
        primitive_cost(0, 0, 0, G888, BARE)


def test_assumptions_state_every_switch() -> None:
    stated = assumptions(K111, Switches(energy="datasheet", split_decoder=False))
    assert stated["standard"] == "ddr3-1600-11-11-11"
    assert stated["bin"] == "11-11-11"
    assert stated["decoder"] == "shared"
    assert stated["aap_ns"] == 83.75
    for field in fields(Switches):
        assert field.name in stated or field.name == "split_decoder"
    assert stated["read_nj_per_kb"] == pytest.approx((7800 + 1656) * 16 / 1e3)
