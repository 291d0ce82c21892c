"""Standards: what the bundled files hold, and what a mistyped one is told."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files
from pathlib import Path

import pytest

from pimsim.dram import standards
from pimsim.dram.currents import Currents
from pimsim.dram.timing import Timing
from pimsim.errors import InputError

GOOD = files("pimsim.dram").joinpath("standards", "ddr3-1600-8-8-8.toml").read_text("utf-8")


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", standards.names())
def test_every_value_of_a_bundled_standard_has_a_source(name: str) -> None:
    standard = standards.load(name)
    assert standard.name == name
    assert standard.currents is not None
    assert standard.interface is not None
    counted = [
        f.name for f in dataclasses.fields(standard) if type(getattr(standard, f.name)) is int
    ]
    expected = {f"geometry.{key}" for key in counted}
    for section in ("timing", "currents", "interface"):
        part = getattr(standard, section)
        expected |= {f"{section}.{f.name}" for f in dataclasses.fields(part)}
    assert set(standard.sources) == expected
    assert all(len(source) > 20 for source in standard.sources.values())
    assert "stated by" not in "".join(standard.sources.values())


def test_geometry_of_ddr3() -> None:
    ddr3 = standards.load("ddr3-1600-11-11-11")
    assert ddr3.columns == 65_536
    assert ddr3.burst_bytes == 64
    assert ddr3.bursts_per_row == 128
    assert ddr3.burst_ps == ddr3.column_ps == 5_000
    capacity_bits = ddr3.columns * ddr3.rows_per_subarray * ddr3.subarrays_per_bank * ddr3.banks
    assert capacity_bits == ddr3.chips_per_rank * 4 * 2**30  # eight 4 Gb chips


def test_bin_matches_the_timings_in_clocks() -> None:
    for name in standards.names():
        standard = standards.load(name)
        _, t_rcd, t_rp = (int(part) for part in standard.bin.split("-"))
        assert t_rcd * standard.timing.t_ck_ps == standard.timing.t_rcd_ps
        assert t_rp * standard.timing.t_ck_ps == standard.timing.t_rp_ps


def test_column_accesses_wait_for_t_ccd_but_bursts_last_half_their_length() -> None:
    timing = dataclasses.replace(
        standards.load("ddr3-1600-8-8-8").timing, t_ccd_s_clocks=6, t_ccd_l_clocks=6
    )
    assert timing.burst_ps(8) == 5_000
    assert timing.column_ps(8) == 7_500
    assert timing.column_ps(16) == 10_000


def test_a_file_of_ones_own_loads_by_path(tmp_path: Path) -> None:
    plain = re.sub(r"\{ value = ([\d_.]+), source = \"[\w-]+\" \}", r"\1", GOOD)
    plain = plain[: plain.index("[sources]")] + plain[plain.index("[geometry]") :]
    mine = standards.load(_write(tmp_path, plain))
    assert mine == standards.load("ddr3-1600-8-8-8")
    assert mine.sources["timing.t_faw_ps"] == "stated by mine.toml"
    assert standards.load(str(tmp_path / "mine.toml")) == mine


def test_currents_and_interface_may_be_missing(tmp_path: Path) -> None:
    bare = standards.load(_write(tmp_path, GOOD[: GOOD.index("[currents]")]))
    assert bare.currents is None
    assert bare.interface is None
    assert bare.timing == standards.load("ddr3-1600-8-8-8").timing


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "t_faw_ps = {",
            "t_fwa_ps = {",
            "mine.toml: [timing] has the unknown key `t_fwa_ps`; did you mean `t_faw_ps`?",
        ),
        (
            "[timing]",
            "[timings]",
            "mine.toml has the unknown key `timings`; did you mean `timing`?",
        ),
        (
            "banks = { value = 8,",
            "banks = { valeu = 8,",
            "mine.toml: [geometry] `banks` has the unknown key `valeu`; did you mean `value`?",
        ),
        (
            'banks = { value = 8, source = "part" }',
            "banks = { value = 8 }",
            "mine.toml: [geometry] `banks` must have `value` and `source`, not {'value': 8}",
        ),
        (
            'banks = { value = 8, source = "part" }',
            'banks = { value = 8, source = "jedec" }',
            "mine.toml: [geometry] `banks` must cite a key of [sources], not 'jedec'",
        ),
        (
            't_rcd_ps = { value = 10_000, source = "bins" }\n',
            "",
            "mine.toml: [timing] must have the key `t_rcd_ps`",
        ),
        (
            "t_rfc_ps = { value = 260_000",
            "t_rfc_ps = { value = -5",
            "mine.toml: [timing] `t_rfc_ps` must be a positive integer, not -5",
        ),
        (
            "t_rrd_s_ps = { value = 6_000",
            "t_rrd_s_ps = { value = 6e3",
            "mine.toml: [timing] `t_rrd_s_ps` must be a positive integer, not 6000.0",
        ),
        (
            "t_ras_ps = { value = 35_000",
            "t_ras_ps = { value = 9_000",
            "mine.toml: [timing] `t_ras_ps` must be at least t_rcd_ps (10000), not 9000",
        ),
        (
            "t_faw_ps = { value = 30_000",
            "t_faw_ps = { value = 3_000",
            "mine.toml: [timing] `t_faw_ps` must be at least t_rrd_s_ps (6000), not 3000",
        ),
        (
            "t_refi_ps = { value = 7_800_000",
            "t_refi_ps = { value = 260_000",
            "mine.toml: [timing] `t_refi_ps` must be more than t_rfc_ps (260000), not 260000",
        ),
        (
            "idd0_ma = { value = 75",
            "idd0_ma = { value = 55",
            "mine.toml: [currents] `idd0_ma` must be at least idd3n_ma (57), not 55: "
            "its energy would be negative",
        ),
        (
            "vdd_mv = { value = 1500",
            "vdd_mv = { value = nan",
            "mine.toml: [currents] `vdd_mv` must be a positive number, not nan",
        ),
        (
            "read_mw = { value = 4.6",
            "read_mw = { value = 0",
            "mine.toml: [interface] `read_mw` must be a positive number, not 0",
        ),
        (
            "row_bytes = { value = 8192",
            "row_bytes = { value = 1000",
            "mine.toml: [geometry] `row_bytes` must be a multiple of a burst (64 bytes), not 1000",
        ),
        (
            "channel_bits = { value = 64",
            "channel_bits = { value = 60",
            "mine.toml: [geometry] `channel_bits` must be a multiple of 8, not 60",
        ),
        (
            "banks = { value = 8,",
            "banks = { value = true,",
            "mine.toml: [geometry] `banks` must be a positive integer, not True",
        ),
        (
            'bin = "8-8-8"',
            "bin = 888",
            "mine.toml: `bin` must be a text, not 888",
        ),
    ],
)
def test_a_wrong_file_is_told_which_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(InputError) as caught:
        standards.load(_write(tmp_path, GOOD.replace(old, new)))
    assert str(caught.value) == message


def test_what_is_no_standard_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.toml is not a TOML file: "):
        standards.load(_write(tmp_path, "name = "))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"binary\.toml' is not a TOML file: not UTF-8$"):
        standards.load(tmp_path / "binary.toml")
    with pytest.raises(InputError, match=r"absent\.toml' cannot be read: No such file"):
        standards.load(tmp_path / "absent.toml")
    with pytest.raises(InputError, match=r"must be one of ddr3-.*, not 'ddr9'$"):
        standards.load("ddr9")
    with pytest.raises(InputError, match=r"mine\.toml: \[timing\] must be a table, not 3"):
        standards.load(_write(tmp_path, "timing = 3\n" + GOOD[: GOOD.index("[timing]")]))


def test_dataclasses_refuse_by_themselves() -> None:
    ddr3 = standards.load("ddr3-1600-8-8-8")
    with pytest.raises(InputError, match=r"^`t_ck_ps` must be a positive integer, not 0$"):
        dataclasses.replace(ddr3.timing, t_ck_ps=0)
    assert isinstance(ddr3.timing, Timing)
    assert isinstance(ddr3.currents, Currents)
    with pytest.raises(InputError, match=r"^`idd4w_ma` must be at least idd3n_ma"):
        dataclasses.replace(ddr3.currents, idd4w_ma=10.0)
    with pytest.raises(InputError, match=r"^`banks` must be a positive integer, not -8$"):
        dataclasses.replace(ddr3, banks=-8)
