"""Cost: published and hand-worked figures, and the laws every price obeys."""

from __future__ import annotations

import csv
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.cost import Elapsed, assumptions, charge, price, primitive_cost
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.energy import command_energies
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing
from pimsim.dram.standard import standard as standards
from pimsim.dram.timeline.command_stream import Run, Segment, issue_order, row_cycle, streamed, walk
from pimsim.dram.timeline.timeline import Timeline
from pimsim.errors import InputError
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.microprogram.program import Program

GOLDEN = Path(__file__).parents[1] / "golden"
G888 = standards.load("ddr3-1600-8-8-8")
K111 = standards.load("ddr3-1600-11-11-11")
BARE = ModelOptions(faw=False, refresh=False)
PART = replace(BARE, energy="datasheet")


def _golden(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _of(aap: int, ap: int) -> Program:
    """A program of so many commands that do nothing of use."""
    text = "(C0,B0)" * aap + "[B0]" * ap
    return Program.parse("any", text, inputs=(), outputs=())


ALL = tuple(range(8))


def _commands(*cycle: tuple[Kind, int], banks: tuple[int, ...] = (0,), times: int = 1) -> Segment:
    return Segment((Run(cycle, times),), banks)


def _rows_over_the_channel(reads: int, writes: int) -> list[Segment]:
    """Whole rows, as a host would stream them."""
    row_bits = G888.columns
    return streamed(Kind.RD, reads * row_bits, G888, 8) + streamed(
        Kind.WR, writes * row_bits, G888, 8
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
    program = PRIMITIVES[row["operation"]].program()
    assert (program.aap, program.ap) == (int(row["aap"]), int(row["ap"]))
    ambit = primitive_cost(program, G888, BARE).energy_pj_per_kb / 1e3
    streamed = _rows_over_the_channel(int(row["ddr3_reads"]), int(row["ddr3_writes"]))
    ddr3 = price(streamed, G888, BARE).total_pj / 8 / 1e3  # nJ/KB of an 8 KB row
    assert f"{ambit:.2f}" == row["ambit_nj_per_kb"]
    assert f"{ddr3:.1f}" == row["ddr3_nj_per_kb"]
    assert ddr3 / ambit == pytest.approx(float(row["published_ratio"]), rel=0.01)


def test_thirty_five_times_is_the_harmonic_mean_over_seven_operations() -> None:
    ratio = {}
    for row in _golden("ambit_energy.csv"):
        cost = primitive_cost(PRIMITIVES[row["operation"]].program(), G888, BARE)
        ratio[row["operation"]] = float(row["ddr3_nj_per_kb"]) / (cost.energy_pj_per_kb / 1e3)
    seven = [ratio["not"]] + 2 * [ratio["and"], ratio["nand"], ratio["xor"]]
    # 35.2 with the ratios as published, rounded; 35.1 without their rounding.
    assert len(seven) / sum(1 / r for r in seven) == pytest.approx(35.2, rel=0.01)


@pytest.mark.parametrize("row", _golden("throughput.csv"), ids=lambda r: r["gb_per_s"])
def test_throughput_of_eight_banks(row: dict[str, str]) -> None:
    standard, options = G888, BARE
    if row["t_faw_ns"]:
        t_faw_ps = int(row["t_faw_ns"]) * 1000
        standard = replace(G888, timing=replace(G888.timing, t_faw_ps=t_faw_ps))
        options = replace(BARE, faw=True)
    cost = primitive_cost(_of(int(row["aap"]), int(row["ap"])), standard, options)
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
    # One bank, 1000 AAPs of 52.75 ns = 52.75 us, and a REF of 260 ns after each 7.8 us.
    cost = price([_commands((Kind.AAP, 1000))], K111, replace(PART, refresh=True))
    assert cost.refreshes == 6  # due at 7.8 us, 15.6 us, ..., 46.8 us; at 54.6 us all is done
    assert cost.latency_ps == 52_750_000 + 6 * 260_000
    assert cost.energy_pj["refresh"] == pytest.approx(6 * 508_560)
    # A row is open 39 of 52.75 ns, and it refreshes; the rest is precharge standby.
    open_ps = 1000 * 39_000 + 6 * 260_000
    standby_ps = cost.latency_ps - open_ps
    assert cost.energy_pj["background"] == pytest.approx(open_ps * 0.684 + standby_ps * 0.600)


def test_two_ranks_have_background_and_tfaw_of_their_own() -> None:
    two = replace(K111, ranks=2)
    options = ModelOptions(banks=16, refresh=False, energy="datasheet")
    order = issue_order(two, range(16))
    work = _commands((Kind.AAP, 4), banks=order, times=10_000)
    both = price([work], two, options)
    one = price(
        [_commands((Kind.AAP, 4), banks=ALL, times=10_000)], K111, replace(options, banks=8)
    )
    assert both.latency_ps == one.latency_ps
    assert both.energy_pj == {part: pytest.approx(2 * pj) for part, pj in one.energy_pj.items()}


def test_channel_time_by_hand() -> None:
    row = row_cycle(Kind.RD, 128)

    def latency_ps(segment: Segment) -> int:
        return price([segment], G888, BARE).latency_ps

    # tRCD, 127 gaps of tCCD, then tRTP and tRP after the last READ.
    assert latency_ps(_commands(*row)) == 10_000 + 127 * 5_000 + 7_500 + 10_000
    # Two banks: 256 bursts share the bus.
    assert latency_ps(_commands(*row, banks=(0, 1))) == 10_000 + 255 * 5_000 + 17_500
    # Single bursts from rows of one bank: tRC a row, tRAS being longer than tRCD + tRTP.
    single = row_cycle(Kind.RD, 1)
    assert latency_ps(_commands(*single, times=100)) == 100 * 45_000
    # ... from all eight banks: the ACTs of a repetition end at 30 + 18 ns, then come eight READs,
    # then the PREs, the last tRTP after the last READ.
    everywhere = _commands(*single, banks=ALL)
    faw = price([everywhere], G888, replace(BARE, faw=True)).latency_ps
    assert faw == 48_000 + 7 * 5_000 + 7_500 + 10_000
    # A WRITE: CWL, four clocks of data, and tWR before PRE.
    write = row_cycle(Kind.WR, 1)
    assert latency_ps(_commands(*write)) == 10_000 + 10_000 + 5_000 + 15_000 + 10_000


def test_rrd_limits_where_it_is_longer_than_a_quarter_of_faw() -> None:
    tight = replace(G888, timing=replace(G888.timing, t_rrd_s_ps=10_000, t_rrd_l_ps=10_000))
    cost = price([_commands((Kind.AP, 1), banks=ALL)], tight, replace(BARE, faw=True))
    assert cost.latency_ps == 70_000 + 45_000


def test_extra_wordlines_cost_a_share_of_an_activation() -> None:
    counts = CommandCounts(aap=1, extra_wordlines=2)
    elapsed = Elapsed(100_000, held_ps=100_000, open_ps=50_000)
    paper = replace(BARE, extra_wordline_factor=0.22)
    assert charge(counts, elapsed, G888, paper).total_pj == pytest.approx(6290 * 1.44)
    part = replace(PART, extra_wordline_factor=0.22)
    assert charge(counts, elapsed, K111, part).energy_pj["activate_precharge"] == pytest.approx(
        19_245 + 0.44 * 7_560
    )


@pytest.mark.parametrize("refresh", [False, True])
def test_banks_that_hold_nothing_cost_nothing(refresh: bool) -> None:
    hbm2, work = (
        standards.load("hbm2"),
        [_commands((Kind.AAP, 40), banks=ALL), _commands((Kind.AP, 1), banks=(20,))],
    )
    options = ModelOptions(energy="datasheet", refresh=refresh)
    costs = {price(work, hbm2, replace(options, banks=banks)).total_pj for banks in (21, 64, 128)}
    assert len(costs) == 1
    ends = Timeline(hbm2, options)
    for segment in work:
        ends.run(segment)
    (alone,) = costs
    assert ends.now_ps < ends.held_ps < 2 * ends.now_ps  # one of two ranks is done early
    assert alone > price(work[:1], hbm2, replace(options, banks=16)).total_pj


def test_one_act_per_aap_halves_what_faw_costs() -> None:
    once = primitive_cost(_of(4, 0), G888, ModelOptions(refresh=False, acts_per_aap=1))
    twice = primitive_cost(_of(4, 0), G888, ModelOptions(refresh=False))
    assert once.throughput_gb_per_s == pytest.approx(2 * twice.throughput_gb_per_s, rel=1e-4)


def test_commands_on_clock_edges_take_whole_clocks() -> None:
    clocked = primitive_cost(_of(2, 0), G888, replace(BARE, clocked=True))
    assert clocked.latency_ps == 2 * 40 * 1250  # 49 ns are 39.2 clocks


# Laws

cycles = st.one_of(
    st.lists(st.sampled_from([Kind.AAP, Kind.AP]), min_size=1, max_size=8).map(
        lambda kinds: tuple((kind, 1) for kind in kinds)
    ),
    st.builds(row_cycle, st.sampled_from([Kind.RD, Kind.WR]), st.integers(1, 20)),
)
segments = st.builds(
    Segment,
    st.lists(st.builds(Run, cycles, st.integers(1, 60)), min_size=1, max_size=3).map(tuple),
    st.sets(st.integers(0, 7), min_size=1).map(lambda banks: tuple(sorted(banks))),
)
copies = st.builds(
    lambda banks, bursts, times: Segment(
        (Run(row_cycle(Kind.TRANSFER, bursts), times),), tuple(banks[::2]), tuple(banks[1::2])
    ),
    st.permutations(range(8)).flatmap(lambda every: st.sampled_from([every[:2], every[:6]])),
    st.integers(1, 20),
    st.integers(1, 60),
)
segments = segments | copies
streams = st.lists(segments, max_size=4)
settings = st.builds(
    ModelOptions,
    faw=st.booleans(),
    refresh=st.booleans(),
    split_decoder=st.booleans(),
    acts_per_aap=st.sampled_from([1, 2]),
    clocked=st.booleans(),
    energy=st.sampled_from(["ambit-paper", "datasheet"]),
    extra_wordline_factor=st.floats(0, 1),
)
parts = st.sampled_from([G888, K111])


@given(streams, parts, settings)
def test_energy_of_a_stream_is_that_of_its_commands_one_by_one(
    stream: list[Segment], standard: standards.Standard, options: ModelOptions
) -> None:
    timed = replace(standard, timing=effective_timing(standard, options))
    energies = command_energies(options.energy, timed, acts_per_aap=options.acts_per_aap)
    each_pj = {
        Kind.ACT: energies.act_pj,
        Kind.PRE: energies.pre_pj,
        Kind.RD: energies.rd_pj + energies.rd_io_pj,
        Kind.WR: energies.wr_pj + energies.wr_io_pj,
        Kind.AAP: energies.aap_pj,
        Kind.AP: energies.ap_pj,
        Kind.REF: energies.ref_pj,
        Kind.TRANSFER: energies.transfer_pj,
    }
    cost = price(stream, standard, options)
    assert cost.total_pj == pytest.approx(math.fsum(cost.energy_pj.values()))
    issued = [each.kind for each in walk(standard, options, stream)]
    assert issued.count(Kind.REF) == cost.refreshes
    one_by_one_pj = math.fsum(each_pj[kind] for kind in issued)
    assert cost.total_pj - cost.energy_pj.get("background", 0.0) == pytest.approx(one_by_one_pj)


@given(streams, segments, parts, settings)
def test_a_longer_stream_never_costs_less(
    stream: list[Segment], more: Segment, standard: standards.Standard, options: ModelOptions
) -> None:
    less, cost = price(stream, standard, options), price([*stream, more], standard, options)
    assert cost.latency_ps >= less.latency_ps
    assert cost.refreshes >= less.refreshes
    # Standby turns active when a row is opened in time that had passed already.
    assert all(cost.energy_pj[part] >= pj * (1 - 1e-12) for part, pj in less.energy_pj.items())


@given(streams, parts, settings)
def test_obeying_faw_and_refresh_only_ever_lengthens(
    stream: list[Segment], standard: standards.Standard, options: ModelOptions
) -> None:
    def latency_ps(**changed: bool) -> int:
        return price(stream, standard, replace(options, **changed)).latency_ps  # type: ignore[arg-type]

    assert latency_ps(refresh=True) >= latency_ps(refresh=False)
    assert latency_ps(faw=True, refresh=False) >= latency_ps(faw=False, refresh=False)


@given(streams, parts, settings)
def test_no_schedule_beats_the_busiest_bank_the_bus_or_the_rate_of_activations(
    stream: list[Segment], standard: standards.Standard, options: ModelOptions
) -> None:
    timing = standard.timing
    options = replace(options, clocked=False)
    busy_ps = dict.fromkeys(range(8), 0)
    acts = bursts = 0
    for segment in stream:
        for run in segment.runs:
            for kind, times in run.cycle:
                aap_ps = timing.aap_ps(split_decoder=options.split_decoder)
                each_ps = {Kind.AAP: aap_ps, Kind.AP: timing.ap_ps, Kind.ACT: timing.t_rc_ps}
                acts_of = {Kind.AAP: options.acts_per_aap, Kind.AP: 1, Kind.ACT: 1}
                for bank in segment.banks:
                    busy_ps[bank] += run.times * times * each_ps.get(kind, 0)
                acts += len(segment.banks) * run.times * times * acts_of.get(kind, 0)
                if kind in (Kind.RD, Kind.WR):
                    bursts += len(segment.banks) * run.times * times
    latency_ps = price(stream, standard, options).latency_ps
    assert latency_ps >= max(busy_ps.values())
    assert latency_ps >= bursts * standard.burst_ps
    if options.faw:
        assert latency_ps >= (acts // 4 - 1) * timing.t_faw_ps


@given(streams, parts, settings)
def test_energy_modes_have_parts_of_their_own(
    stream: list[Segment], standard: standards.Standard, options: ModelOptions
) -> None:
    paper = price(stream, standard, replace(options, energy="ambit-paper"))
    part = price(stream, standard, replace(options, energy="datasheet"))
    assert paper.latency_ps == part.latency_ps
    assert set(paper.energy_pj) == {"activate_precharge", "read_write"}
    assert set(part.energy_pj) == {
        "activate_precharge", "read_write", "io", "refresh", "background",
    }  # fmt: skip
    with pytest.raises(InputError, match="of one standard and energy mode"):
        _ = paper + part
    twice = part + part
    assert twice.latency_ps == 2 * part.latency_ps
    assert twice.refreshes == 2 * part.refreshes
    assert twice.energy_pj == {name: 2 * pj for name, pj in part.energy_pj.items()}


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"banks": 0}, "`banks` must be a positive integer, not 0"),
        ({"banks": 2.5}, "`banks` must be a positive integer, not 2.5"),
        ({"acts_per_aap": 3}, "`acts_per_aap` must be 1 or 2, not 3"),
        (
            {"energy": "ambit"},
            "`energy` must be one of ambit-paper, datasheet, none, not 'ambit'",
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
        ModelOptions(**changes)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_price_refuses() -> None:
    with pytest.raises(InputError, match=r"^`banks` must be at most 8, the banks of ddr3-.*not 16"):
        price([], G888, ModelOptions(banks=16))
    with pytest.raises(InputError, match=r"^`counts` must hold no REF commands, not 3$"):
        charge(CommandCounts(ref=3), Elapsed(), G888, ModelOptions())
    with pytest.raises(InputError, match=r"^`energy` must be ambit-paper for .*has no currents$"):
        price([], replace(G888, currents=None), PART)
    assert "io" not in price([], replace(G888, interface=None), PART).energy_pj


def test_assumptions_state_every_switch() -> None:
    stated = assumptions(K111, ModelOptions(energy="datasheet", split_decoder=False))
    assert stated["standard"] == "ddr3-1600-11-11-11"
    assert stated["bin"] == "11-11-11"
    assert stated["decoder"] == "shared"
    assert stated["aap_ns"] == 83.75
    for field in fields(ModelOptions):
        assert field.name in stated or field.name == "split_decoder"
    assert stated["read_nj_per_kb"] == pytest.approx((7800 + 1656) * 16 / 1e3)
