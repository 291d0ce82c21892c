"""Standards: what the bundled files hold, against what is published."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from pimsim.dram.commands import Kind
from pimsim.dram.standard import standard as standards
from pimsim.dram.standard.command_bus import ONE_CLOCK
from pimsim.dram.standard.currents import Currents
from pimsim.dram.standard.timing import Timing
from pimsim.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden" / "standards.csv"
SECTIONS = (
    "timing", "currents", "second_supply", "interface", "interface_per_bit", "command_bus",
)  # fmt: skip


def _clocks(standard: standards.Standard, time_ps: int) -> int:
    return -(-time_ps // standard.timing.t_ck_ps)


@pytest.mark.parametrize("name", standards.names())
def test_every_value_of_a_bundled_standard_has_a_source(name: str) -> None:
    standard = standards.load(name)
    assert standard.name == name
    assert (standard.currents is None) == ("currents" in standard.description)
    counted = [
        f.name for f in dataclasses.fields(standard) if type(getattr(standard, f.name)) is int
    ]
    expected, usual = {f"geometry.{key}" for key in counted}, set[str]()
    for section in SECTIONS:
        part = getattr(standard, section)
        if part not in (None, ONE_CLOCK):
            for key in dataclasses.fields(part):
                if getattr(part, key.name) != key.default:
                    expected.add(f"{section}.{key.name}")
                elif key.default is not dataclasses.MISSING:
                    usual.add(f"{section}.{key.name}")
    assert expected <= set(standard.sources) <= expected | usual
    assert all(len(source) > 18 for source in standard.sources.values())
    assert "stated by" not in "".join(standard.sources.values())


@pytest.mark.parametrize("name", standards.names())
def test_derived_figures_are_the_published_ones(name: str) -> None:
    with GOLDEN.open(newline="", encoding="utf-8") as file:
        (published,) = (row for row in csv.DictReader(file) if row["standard"] == name)
    standard = standards.load(name)
    timing = standard.timing
    assert standard.peak_gb_per_s == pytest.approx(float(published["peak_gb_per_s"]), rel=0.002)
    moved_gb_per_s = standard.channels * standard.burst_bytes / standard.burst_ps * 1e3
    assert moved_gb_per_s == pytest.approx(standard.peak_gb_per_s)
    assert standard.chip_bits == int(published["chip_gbit"]) * 2**30
    assert standard.channel_bits % standard.chips_per_rank == 0
    page_bytes = standard.row_bytes // standard.chips_per_rank
    assert page_bytes == int(published["page_bytes"])
    assert _clocks(standard, timing.t_rc_ps) == int(published["t_rc_clocks"])
    assert 0 <= timing.t_rc_ps - timing.ap_ps <= timing.t_ck_ps  # each is rounded to clocks
    assert timing.t_rfc_ps == round(float(published["t_rfc_ns"]) * 1000)
    # Every row is refreshed in 8192 REFRESHes within the refresh window, GDDR6's in 16384.
    window_ms = timing.t_refi_ps * (16384 if "GDDR6" in standard.description else 8192) * 1e-9
    assert window_ms == pytest.approx(float(published["refresh_window_ms"]), rel=0.003)


@pytest.mark.parametrize("name", standards.names())
def test_bin_matches_the_timings_in_clocks(name: str) -> None:
    standard = standards.load(name)
    timing = standard.timing
    bin_clocks = tuple(int(part) for part in standard.bin.split("-"))
    in_clocks = (_clocks(standard, timing.t_rcd_ps), _clocks(standard, timing.t_rp_ps))
    assert (timing.cl_clocks, *in_clocks) == bin_clocks


@pytest.mark.parametrize("name", standards.names())
def test_without_bank_groups_any_two_banks_are_alike(name: str) -> None:
    standard = standards.load(name)
    timing = standard.timing
    pairs = (
        (timing.t_rrd_s_ps, timing.t_rrd_l_ps),
        (timing.t_wtr_s_ps, timing.t_wtr_l_ps),
        (timing.t_ccd_s_clocks, timing.t_ccd_l_clocks),
    )
    assert all(short == long for short, long in pairs) == (standard.bank_groups == 1)


def test_geometry_of_ddr3() -> None:
    ddr3 = standards.load("ddr3-1600-11-11-11")
    assert ddr3.columns == 65_536
    assert ddr3.burst_bytes == 64
    assert ddr3.bursts_per_row == 128
    assert ddr3.burst_ps == 5_000
    assert ddr3.chip_bits == 4 * 2**30
    assert ddr3.peak_gb_per_s == pytest.approx(12.8)
    assert dataclasses.replace(ddr3, channels=2, ranks=4).all_banks == 64


def test_dataclasses_refuse_by_themselves() -> None:
    ddr3 = standards.load("ddr3-1600-8-8-8")
    with pytest.raises(InputError, match=r"^`t_ck_ps` must be .* 10 to 100,000 ps, not 0$"):
        dataclasses.replace(ddr3.timing, t_ck_ps=0)
    assert isinstance(ddr3.timing, Timing)
    assert isinstance(ddr3.currents, Currents)
    with pytest.raises(InputError, match=r"^`idd4w_ma` must be at least idd3n_ma"):
        dataclasses.replace(ddr3.currents, idd4w_ma=10.0)
    with pytest.raises(InputError, match=r"^`banks` must be an integer from 1 to 1,024, not -8$"):
        dataclasses.replace(ddr3, banks=-8)


@pytest.mark.parametrize(
    ("name", "kind", "before", "after"),
    [
        ("ddr4-3200", "ACT", 0, 0),
        ("ddr5-4800", "ACT", 1, 0),
        ("ddr5-4800", "WR", 1, 0),
        ("ddr5-4800", "PRE", 0, 0),
        ("hbm2", "ACT", 1, 0),
        ("hbm2", "RD", 0, 0),
        ("lpddr4-3200", "ACT", 3, 0),
        ("lpddr4-3200", "RD", 3, 0),
        ("lpddr4-3200", "REF", 1, 0),
        ("lpddr5-6400", "ACT", 0, 1),
        ("lpddr5-6400", "RD", 0, 0),
        ("gddr6-14000", "ACT", 0, 0),
    ],
)
def test_commands_take_the_bus_as_long_as_the_standards_say(
    name: str, kind: str, before: int, after: int
) -> None:
    """Truth tables of JESD79-4, -5, JESD235, JESD209-4, -5 and JESD250."""
    assert standards.load(name).command_bus.taken(Kind[kind]) == (before, after)
