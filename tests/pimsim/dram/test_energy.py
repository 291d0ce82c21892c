"""Energies of commands: tables worked by hand, and the laws that every standard obeys."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.dram.energy import (
    ENERGY_MODES,
    NO_ENERGY,
    PARTS,
    CommandEnergies,
    command_energies,
)
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard as standards
from pimsim.dram.standard.currents import Currents, Interface, InterfacePerBit
from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden"
G888 = standards.load("ddr3-1600-8-8-8")
K111 = standards.load("ddr3-1600-11-11-11")
BUNDLED = [part for part in map(standards.load, standards.names()) if part.currents is not None]
WITHOUT = [part for part in map(standards.load, standards.names()) if part.currents is None]
CORE = (
    "aap_pj", "ap_pj", "act_pj", "pre_pj", "extra_wordline_pj", "rd_pj", "wr_pj", "ref_pj",
    "transfer_pj",
)  # fmt: skip
IO = ("rd_io_pj", "wr_io_pj")
BACKGROUND = ("active_mw", "open_bank_mw", "standby_mw")

every_standard = pytest.mark.parametrize("standard", BUNDLED, ids=lambda s: s.name)


def _golden(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _values(energies: CommandEnergies) -> dict[str, float]:
    return {key: value for key, value in asdict(energies).items() if key != "parts"}


# Tables


@pytest.mark.parametrize(
    "row", _golden("datasheet_energy.csv"), ids=lambda r: f"{r['standard']}-{r['quantity']}"
)
def test_datasheet_energies_by_hand(row: dict[str, str]) -> None:
    energies = command_energies("datasheet", standards.load(row["standard"]))
    assert getattr(energies, row["quantity"]) == pytest.approx(float(row["value"]), rel=1e-9)


def test_the_table_by_hand_has_every_bundled_standard() -> None:
    by_hand = {row["standard"] for row in _golden("datasheet_energy.csv")}
    assert by_hand == {part.name for part in BUNDLED}


@pytest.mark.parametrize("standard", WITHOUT, ids=lambda s: s.name)
def test_without_currents_no_energy_is_stated_nor_counted_as_nothing(standard: Standard) -> None:
    options = ModelOptions.of(standard)
    assert options.energy == NO_ENERGY
    energies = options.energies(standard)
    assert energies.parts == ()
    assert energies.not_modelled == PARTS
    assert all(math.isnan(value) for value in _values(energies).values())
    with pytest.raises(InputError, match=r"`energy` must be none for .*the standard has no"):
        command_energies("datasheet", standard)


@pytest.mark.parametrize(
    ("reads", "writes", "nj_per_kb"),
    # Of an 8 KB row: 11.685 nJ to open and close it, 128 x 7.8 nJ to read or 128 x 6.48 to write.
    [(1, 0, 126.2606), (0, 1, 105.1406), (1, 1, 231.4013), (2, 1, 357.6619)],
    ids=["read", "write", "not", "and"],
)
def test_datasheet_core_energy_of_a_kilobyte(reads: int, writes: int, nj_per_kb: float) -> None:
    part = command_energies("datasheet", K111)
    rows_pj = (reads + writes) * (part.act_pj + part.pre_pj)
    bursts_pj = K111.bursts_per_row * (reads * part.rd_pj + writes * part.wr_pj)
    assert (rows_pj + bursts_pj) / 8 / 1e3 == pytest.approx(nj_per_kb, abs=1e-4)


@pytest.mark.parametrize("row", _golden("ambit_energy.csv"), ids=lambda r: r["operation"])
def test_published_table_of_ambit(row: dict[str, str]) -> None:
    paper = command_energies("ambit-paper", G888)
    kb = G888.row_bytes / 1024
    ambit = (int(row["aap"]) * paper.aap_pj + int(row["ap"]) * paper.ap_pj) / kb / 1e3
    moved = int(row["ddr3_reads"]) * paper.rd_pj + int(row["ddr3_writes"]) * paper.wr_pj
    ddr3 = moved * G888.bursts_per_row / kb / 1e3
    assert ddr3 == pytest.approx(float(row["ddr3_nj_per_kb"]), rel=1e-6)
    assert ddr3 / ambit == pytest.approx(float(row["published_ratio"]), rel=0.01)
    # Published to two digits: 3.2 and 4.0 are 4 and 5 times a rounded 0.8, not 0.786.
    assert ambit == pytest.approx(float(row["published_nj_per_kb"]), rel=0.02)


# Units


def test_units_by_hand() -> None:
    part = Currents(2000, 30, 10, 20, 50, 60, 70)
    assert part.charge_pj(10, 5_000) == pytest.approx(100)  # 2 V x 10 mA x 5 ns
    assert part.power_mw(10) == pytest.approx(20)  # 2 V x 10 mA
    assert part.power_mw(10) * 5_000 * 1e-3 == pytest.approx(part.charge_pj(10, 5_000))
    assert part.active_standby_ma(8) == (20, 0)
    each = replace(part, open_bank_share=0)
    assert each.active_standby_ma(8) == (10, 1.25)  # 20 mA with all eight open
    assert each.active_standby_ma(8, share=0.5) == (15, 0.625)
    assert each.active_standby_ma(8, share=1) == (20, 0)
    one_open = replace(each, idd3n_open_banks=1)
    assert one_open.active_standby_ma(8) == (10, 10)  # 20 mA with one open, 90 with all
    # 80 mA more with all open, of which the first adds 1/2 and 1/16 more: 10 mA above 10
    assert one_open.active_standby_ma(8, share=0.5) == pytest.approx((10 + 80 / 9, 10 / 9))
    pins = Interface(3.0, 10, 5.0, 12, 2.0, 4.0)
    assert pins.read_pj(2_500, ranks=1) == pytest.approx(75)  # 3 mW x 10 x 2.5 ns
    assert pins.write_pj(2_500, ranks=1) == pytest.approx(150)  # 5 mW x 12 x 2.5 ns
    assert pins.read_pj(2_500, ranks=2) == pytest.approx(125)  # (3 + 2) mW
    assert pins.write_pj(2_500, ranks=2) == pytest.approx(270)  # (5 + 4) mW
    per_bit = replace(G888, interface=None, interface_per_bit=InterfacePerBit(2.0, 0.5))
    energies = command_energies("datasheet", per_bit)
    assert (energies.rd_io_pj, energies.wr_io_pj) == (1024, 256)  # 512 bits a burst


@every_standard
def test_the_papers_figures_are_per_kilobyte_of_any_standard(standard: Standard) -> None:
    paper = command_energies("ambit-paper", standard)
    row_kb, burst_kb = standard.row_bytes / 1024, standard.burst_bytes / 1024
    assert paper.aap_pj == paper.ap_pj == pytest.approx(786.25 * row_kb)
    assert paper.rd_pj == pytest.approx(44_200 * burst_kb)
    assert paper.wr_pj == pytest.approx(49_500 * burst_kb)
    assert paper.transfer_pj == pytest.approx(93_700 * burst_kb)
    rest = ("act_pj", "pre_pj", "extra_wordline_pj", "ref_pj", *IO, *BACKGROUND)
    assert {getattr(paper, key) for key in rest} == {0.0}


@every_standard
def test_a_transfer_is_a_read_and_a_write_without_their_interface(standard: Standard) -> None:
    part = command_energies("datasheet", standard)
    assert part.transfer_pj == pytest.approx(part.rd_pj + part.wr_pj, rel=1e-12)
    assert (part.transfer_pj < part.rd_pj + part.rd_io_pj + part.wr_pj + part.wr_io_pj) == (
        "io" in part.parts
    )


def test_energy_of_a_copy_between_banks_beside_the_published_one() -> None:
    """Per KB of 8 KB rows, by hand; RowClone (MICRO 2013, Table 3) has a ratio of 3.2 for 4 KB.

    Two rows opened and closed take 23.37 nJ, 128 bursts read and written 999.2 + 829.4, and their
    interface 1.656 and 8.48 nJ a burst. Ours leaves the pins out and nothing else; RowClone's
    baseline is of a whole memory system.
    """
    part = command_energies("datasheet", K111)
    rows_pj = 2 * (part.act_pj + part.pre_pj)
    copied_pj = rows_pj + K111.bursts_per_row * part.transfer_pj
    over_channel_pj = rows_pj + K111.bursts_per_row * (
        part.rd_pj + part.rd_io_pj + part.wr_pj + part.wr_io_pj
    )
    assert copied_pj / 8 / 1e3 == pytest.approx(231.4013, abs=1e-4)
    assert over_channel_pj / copied_pj == pytest.approx(1.70, abs=0.01)


# What is modelled


@every_standard
def test_what_is_not_modelled_is_named(standard: Standard) -> None:
    paper = command_energies("ambit-paper", standard)
    assert paper.parts == ("activate_precharge", "read_write")
    assert paper.not_modelled == ("io", "refresh", "background")
    part = command_energies("datasheet", standard)
    has_io = standard.interface is not None or standard.interface_per_bit is not None
    assert part.not_modelled == (() if has_io else ("io",))
    assert (*part.parts, *part.not_modelled) == (PARTS if has_io else (*part.parts, "io"))
    assert all(value > 0 for key, value in _values(part).items() if key in CORE[:4])
    assert all((getattr(part, key) > 0) == has_io for key in IO)
    assert 0 < part.standby_mw <= part.active_mw
    assert (part.open_bank_mw > 0) == (standard.open_bank_share < 1)


def test_without_interface_only_the_interface_is_missing() -> None:
    whole = command_energies("datasheet", G888)
    bare = command_energies("datasheet", replace(G888, interface=None))
    assert bare.not_modelled == ("io",)
    assert _values(bare) == _values(replace(whole, rd_io_pj=0.0, wr_io_pj=0.0))


def test_datasheet_needs_currents_and_modes_have_names() -> None:
    with pytest.raises(InputError) as caught:
        command_energies("datasheet", replace(G888, currents=None))
    assert str(caught.value) == (
        "`energy` must be ambit-paper for ddr3-1600-8-8-8, not 'datasheet': "
        "the standard has no currents"
    )
    with pytest.raises(InputError) as caught:
        command_energies("spice", G888)
    assert str(caught.value) == "`energy` must be one of ambit-paper, datasheet, none, not 'spice'"


def test_switches_of_an_aap() -> None:
    twice = command_energies("datasheet", K111, extra_wordline_factor=0.22)
    once = command_energies("datasheet", K111, acts_per_aap=1)
    assert twice.aap_pj == pytest.approx(19_245)
    assert once.aap_pj == pytest.approx(11_685)
    assert twice.extra_wordline_pj == pytest.approx(0.22 * 7_560)
    paper = command_energies("ambit-paper", K111, extra_wordline_factor=0.22)
    assert paper.extra_wordline_pj == pytest.approx(0.22 * 6_290)
    assert once.extra_wordline_pj == 0.0


# Laws

floors = st.floats(0.5, 100)
above = st.floats(0, 400)


@st.composite
def supplies(draw: st.DrawFn, of_banks: int, measured: int | None, share: float) -> Currents:
    idle = draw(floors)
    active = idle + draw(above)
    bare = Currents(2000, 1e3, idle, active, 1e3, 1e3, 1e4, measured, share)
    shared_ma, each_ma = bare.active_standby_ma(of_banks)
    all_open = max(active, shared_ma + of_banks * each_ma)
    return replace(
        bare,
        vdd_mv=draw(st.floats(500, 3000)),
        idd0_ma=(shared_ma + each_ma) * (1 + 1e-12) + draw(above),
        idd4r_ma=active + draw(above),
        idd4w_ma=active + draw(above),
        idd5_ma=all_open * (1 + 1e-12) + draw(above),
    )


@st.composite
def parts_of_any_make(draw: st.DrawFn) -> Standard:
    made = draw(st.sampled_from(BUNDLED))
    if draw(st.booleans()):
        return made
    banks = made.banks
    measured = draw(st.sampled_from([None, 1, banks]))
    share = draw(st.sampled_from([0.0, 1.0]) | st.floats(0, 1))
    second = draw(st.none() | supplies(banks, measured, share))
    if second is not None:  # it has the convention of the first
        second = replace(second, idd3n_open_banks=None, open_bank_share=None)
    return replace(made, currents=draw(supplies(banks, measured, share)), second_supply=second)


@given(parts_of_any_make(), st.integers(2, 5))
def test_chips_multiply_core_refresh_and_background_and_nothing_else(
    standard: Standard, times: int
) -> None:
    # The pins are the channel's: as many however many chips share them.
    one = command_energies("datasheet", standard, extra_wordline_factor=0.22)
    more = replace(standard, chips_per_rank=times * standard.chips_per_rank)
    many = command_energies("datasheet", more, extra_wordline_factor=0.22)
    assert many.parts == one.parts
    scale = dict.fromkeys((*CORE, *BACKGROUND), times) | dict.fromkeys(IO, 1)
    assert scale.keys() == _values(one).keys()
    for key, factor in scale.items():
        assert getattr(many, key) == pytest.approx(factor * getattr(one, key), rel=1e-12), key


@given(parts_of_any_make(), st.integers(2, 4), st.integers(2, 4))
def test_ranks_and_channels_change_only_the_other_ranks_termination(
    standard: Standard, ranks: int, channels: int
) -> None:
    # Energies are of one command and powers of one rank: what doubles with the ranks is the time
    # that they spend and the REFRESHes that they need, which the caller counts.
    one = command_energies("datasheet", standard)
    more = replace(standard, ranks=ranks, channels=channels * standard.channels)
    many = command_energies("datasheet", more)
    assert replace(many, rd_io_pj=one.rd_io_pj, wr_io_pj=one.wr_io_pj) == one
    pins = standard.interface
    if pins is None:
        assert many == one
    else:
        burst_ns = standard.burst_ps / 1e3
        other_pj = (
            pins.other_rank_read_mw * pins.read_pins * burst_ns,
            pins.other_rank_write_mw * pins.write_pins * burst_ns,
        )
        assert many.rd_io_pj == pytest.approx(one.rd_io_pj + other_pj[0])
        assert many.wr_io_pj == pytest.approx(one.wr_io_pj + other_pj[1])


@given(parts_of_any_make())
def test_energies_above_standby_add_up_to_the_measured_loops(standard: Standard) -> None:
    """A datasheet's loop, put together again from commands and background, draws what it says."""
    timing, burst_ps = standard.timing, standard.burst_ps
    drawn = [s for s in (standard.currents, standard.second_supply) if s is not None]

    def loop_pj(key: str, time_ps: int) -> float:
        per_chip = sum(supply.charge_pj(getattr(supply, key), time_ps) for supply in drawn)
        return standard.chips_per_rank * per_chip

    part = command_energies("datasheet", standard)

    def standby_pj(open_banks: int, time_ps: int) -> float:
        return (part.active_mw + open_banks * part.open_bank_mw) * time_ps * 1e-3

    opened_pj = standby_pj(1, timing.t_ras_ps) + part.standby_mw * timing.t_rp_ps * 1e-3
    assert part.act_pj + part.pre_pj + opened_pj == pytest.approx(loop_pj("idd0_ma", timing.ap_ps))
    assert drawn
    measured = drawn[0].idd3n_open_banks or standard.banks
    burst_pj = standby_pj(measured, burst_ps)
    assert part.rd_pj + burst_pj == pytest.approx(loop_pj("idd4r_ma", burst_ps))
    assert part.wr_pj + burst_pj == pytest.approx(loop_pj("idd4w_ma", burst_ps))
    assert standby_pj(measured, 1000) == pytest.approx(loop_pj("idd3n_ma", 1000))
    refreshing_pj = standby_pj(standard.banks, timing.t_rfc_ps)
    assert part.ref_pj + refreshing_pj == pytest.approx(loop_pj("idd5_ma", timing.t_rfc_ps))
    assert part.standby_mw <= part.active_mw * (1 + 1e-12)


@given(parts_of_any_make())
def test_no_energy_is_negative(standard: Standard) -> None:
    for mode in set(ENERGY_MODES) - {NO_ENERGY}:
        values = _values(command_energies(mode, standard, extra_wordline_factor=0.22))
        assert {f.name for f in fields(CommandEnergies)} == {"parts", *values}
        assert all(value >= -1e-9 for value in values.values())


@every_standard
def test_the_largest_share_is_that_at_which_an_activation_takes_nothing(
    standard: Standard,
) -> None:
    most = standard.open_bank_shares[1]
    at_most = command_energies("datasheet", standard, open_bank_share=most)
    assert at_most.act_pj >= -1e-6
    if most == 1:
        return
    assert at_most.act_pj == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match=r"^`open_bank_share` must be from 0 to 0\.\d+ for "):
        command_energies("datasheet", standard, open_bank_share=min(1, most + 0.01))


@every_standard
def test_the_share_moves_energy_from_standby_to_activations_and_adds_none(
    standard: Standard,
) -> None:
    """One bank opened and closed draws IDD0 under every convention."""
    timing = standard.timing
    loops_pj = []
    for share in standard.open_bank_shares:
        part = command_energies("datasheet", standard, open_bank_share=share)
        opened_mw = part.active_mw + part.open_bank_mw
        opened_pj = (opened_mw * timing.t_ras_ps + part.standby_mw * timing.t_rp_ps) * 1e-3
        loops_pj.append(part.act_pj + part.pre_pj + opened_pj)
    assert loops_pj[0] == pytest.approx(loops_pj[1], rel=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"idd0_ma": 50, "open_bank_share": 0},
            "`idd0_ma` must be at least idd3n_ma with one of 8 banks open (50.875), not 50: its "
            "energy would be negative",
        ),
        (
            {"idd3n_open_banks": 1, "idd5_ma": 100, "open_bank_share": 0},
            "`idd5_ma` must be at least idd3n_ma with all 8 banks open (106.0), not 100: its "
            "energy would be negative",
        ),
        ({"open_bank_share": 1.5}, "`open_bank_share` must be a number from 0 to 1, not 1.5"),
    ],
)
def test_conventions_that_give_negative_energies_are_refused(
    changed: dict[str, float], message: str
) -> None:
    assert G888.currents is not None
    with pytest.raises(InputError) as caught:
        replace(G888, currents=replace(G888.currents, **changed))  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_convention_holds_for_all_supplies() -> None:
    ddr4 = standards.load("ddr4-2400")
    assert ddr4.second_supply is not None
    with pytest.raises(InputError) as caught:
        replace(ddr4, second_supply=replace(ddr4.second_supply, open_bank_share=0.5))
    assert str(caught.value) == (
        "`second_supply` must leave open_bank_share to currents: it holds for all supplies"
    )


def test_the_defaults_of_a_run_are_all_banks_and_figures_of_the_part() -> None:
    for standard in BUNDLED:
        name = standard.name
        chosen = ModelOptions.of(standard)
        assert chosen.banks == standard.channels * standard.ranks * standard.banks
        assert chosen.energy == ("ambit-paper" if name.startswith("ddr3") else "datasheet")
        assert ModelOptions.of(standard, banks=1, energy="datasheet").banks == 1
        if name.startswith("ddr3"):
            continue
        with pytest.raises(InputError) as caught:
            ModelOptions.of(standard, energy="ambit-paper")
        assert str(caught.value) == (
            f"`energy` must be datasheet for {name}, not 'ambit-paper': its figures are those of "
            "DDR3"
        )


def test_a_part_without_currents_has_the_figures_of_ddr3_or_none() -> None:
    assert ModelOptions.of(replace(G888, currents=None)).energy == "ambit-paper"
    bare = replace(standards.load("hbm2"), currents=None)
    assert ModelOptions.of(bare).energy == NO_ENERGY
    with pytest.raises(
        InputError, match=r"^`energy` must be none for hbm2, not 'ambit-paper': its"
    ):
        ModelOptions.of(bare, energy="ambit-paper")
