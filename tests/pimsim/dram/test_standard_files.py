"""Files of parts: what one may state, take from a base, and is told if it is wrong."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files
from pathlib import Path

import pytest

from pimsim.dram.standard import standard as standards
from pimsim.dram.standard.command_bus import CommandBus
from pimsim.errors import InputError

GOOD = files("pimsim.dram").joinpath("standards", "ddr3-1600-8-8-8.toml").read_text("utf-8")


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", standards.names())
def test_a_standard_reads_back_from_its_toml(name: str, tmp_path: Path) -> None:
    standard = standards.load(name)
    again = standards.load(_write(tmp_path, standards.toml(standard)))
    assert again == standard
    assert again.sources == standard.sources


def test_a_file_states_only_what_differs_from_its_base(tmp_path: Path) -> None:
    base = standards.load("ddr4-2400")
    mine = standards.load(
        _write(tmp_path, 'base = "ddr4-2400"\n[timing]\nt_faw_ps = 16_000\n[geometry]\nranks = 2\n')
    )
    assert mine.name == "mine"
    assert mine.description == f"{base.description}, changed by mine.toml"
    assert mine.bin == base.bin
    assert mine.timing == dataclasses.replace(base.timing, t_faw_ps=16_000)
    assert (mine.ranks, mine.banks, mine.currents) == (2, base.banks, base.currents)
    assert mine.sources["timing.t_faw_ps"] == "stated by mine.toml"
    cited = base.sources["timing.t_rfc_ps"]
    assert mine.sources["timing.t_rfc_ps"] == f"assumed, as in ddr4-2400 ({cited})"
    assert set(mine.sources) == set(base.sources)
    (tmp_path / "more").mkdir()
    further = tmp_path / "more" / "further.toml"
    further.write_text('base = "../mine.toml"\nname = "f"\n[timing]\nt_faw_ps = 17_000\n', "utf-8")
    found = standards.load(further)
    assert (found.name, found.ranks, found.timing.t_faw_ps) == ("f", 2, 17_000)
    assert found.sources["geometry.ranks"] == "assumed, as in mine (stated by mine.toml)"
    again = standards.load(_write(tmp_path, standards.toml(found)))
    assert (again, again.sources) == (found, found.sources)


def test_one_model_of_the_interface_takes_the_place_of_the_other(tmp_path: Path) -> None:
    text = 'base = "ddr4-2400"\n[interface_per_bit]\nread_pj_per_bit = 1\nwrite_pj_per_bit = 2\n'
    mine = standards.load(_write(tmp_path, text))
    assert mine.interface is None
    assert mine.interface_per_bit is not None
    assert not any(path.startswith("interface.") for path in mine.sources)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("ddr4-2401", "or the path of a .toml file, not 'ddr4-2401'; did you mean 'ddr4-2400'?"),
        ("mine.toml", "`base` 'mine.toml' must not lead back to a file above it"),
        ("other.toml", "other.toml: `base` 'mine.toml' must not lead back to a file above it"),
        ("none.toml", "none.toml' cannot be read: No such file or directory"),
        ("no\\u0000ne.toml", "`base` must be one of"),
        ("wrong.toml", "wrong.toml: [timing] has the unknown key `t_fow_ps`; did you mean"),
    ],
)
def test_a_wrong_base_is_one_line(base: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('base = "mine.toml"', "utf-8")
    (tmp_path / "wrong.toml").write_text('base = "hbm2"\n[timing]\nt_fow_ps = 1', "utf-8")
    with pytest.raises(InputError) as caught:
        standards.load(_write(tmp_path, f'base = "{base}"\n'))
    assert str(caught.value).startswith(("mine.toml: ", "wrong.toml: "))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_of_a_file_are_in_one_message(tmp_path: Path) -> None:
    text = (
        'base = "ddr4-2400"\ncolour = "red"\n[timing]\nt_rsa_ps = 3\nt_rp_ps = 1e6\n'
        '[geometry]\nbanks = { value = 8, source = "me" }\nrows_per_subarray = 1000000007\n'
        '[currents]\nvdd_mv = "1.2"\n'
    )
    with pytest.raises(InputError) as caught:
        standards.load(_write(tmp_path, text))
    assert str(caught.value) == (
        "mine.toml has 6 mistakes: (1) unknown key `colour` (known: name, description, base, "
        "sources, bin, geometry, timing, currents, second_supply, interface, interface_per_bit, "
        "command_bus); "
        "(2) [geometry] `banks` must cite a key of [sources], not 'me'; "
        "(3) [geometry] `rows_per_subarray` must be an integer from 1 to 65,536, not 1000000007; "
        "(4) [timing] has the unknown key `t_rsa_ps`; did you mean `t_ras_ps`?; "
        "(5) [timing] `t_rp_ps` must be an integer from 1,000 to 1,000,000 ps, not 1000000.0; "
        "(6) [currents] `vdd_mv` must be a number from 1 to 100,000 mV, not '1.2'"
    )
    text = 'base = "ddr4-2400"\n[timing]\nt_ras_ps = 9000\nt_faw_ps = 1000\nt_refi_ps = 7800\n'
    with pytest.raises(InputError, match=r"\(1\) .*`t_ras_ps`.*`t_faw_ps`.*room for"):
        standards.load(_write(tmp_path, text))


def test_an_edited_copy_does_not_pass_as_the_bundled_part(tmp_path: Path) -> None:
    bundled = standards.load("ddr4-2400")
    path = tmp_path / "mine.toml"
    path.write_text(standards.toml(bundled), "utf-8")
    assert standards.load(path) == bundled
    slower = dataclasses.replace(
        bundled, timing=dataclasses.replace(bundled.timing, t_wr_ps=60_000)
    )
    path.write_text(standards.toml(slower), "utf-8")
    found = standards.load(path)
    assert found.name == "ddr4-2400 (mine.toml)"
    assert dataclasses.replace(found, name=bundled.name) == slower


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
    assert bare.second_supply is None
    assert bare.interface is None
    assert bare.interface_per_bit is None
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
            "mine.toml: unknown key `timings`; did you mean `timing`?",
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
            "mine.toml: [timing] `t_rfc_ps` must be an integer from 1,000 to 10,000,000 ps, not -5",
        ),
        (
            "t_rrd_s_ps = { value = 6_000",
            "t_rrd_s_ps = { value = 6e3",
            "mine.toml: [timing] `t_rrd_s_ps` must be an integer from 1 to 200,000 ps, not 6000.0",
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
            "ranks = { value = 1,",
            "ranks = { value = 30,",
            "mine.toml: [timing] `t_refi_ps` must leave room for a row cycle: at least "
            "7,845,000 ps (t_rfc_ps of 30 ranks and t_rc_ps), not 7,800,000",
        ),
        (
            "t_rc_ps = { value = 45_000",
            "t_rc_ps = { value = 34_999",
            "mine.toml: [timing] `t_rc_ps` must be at least t_ras_ps (35000), not 34999",
        ),
        (
            "t_ck_ps = { value = 1_250",
            "t_ck_ps = { value = 0",
            "mine.toml: [timing] `t_ck_ps` must be an integer from 10 to 100,000 ps, not 0",
        ),
        (
            "t_rrd_l_ps = { value = 6_000",
            "t_rrd_l_ps = { value = 5_999",
            "mine.toml: [timing] `t_rrd_l_ps` must be at least t_rrd_s_ps (6000), not 5999",
        ),
        (
            "cl_clocks = { value = 8",
            "cl_clocks = { value = 8.0",
            "mine.toml: [timing] `cl_clocks` must be an integer from 1 to 1,000 clocks, not 8.0",
        ),
        (
            "t_refi_ps = { value = 7_800_000",
            "t_refi_ps = { value = 260_000",
            "mine.toml: [timing] `t_refi_ps` must leave room for a row cycle: at least 305,000 ps "
            "(t_rfc_ps and t_rc_ps), not 260,000",
        ),
        (
            "t_refi_ps = { value = 7_800_000",
            "t_refi_ps = { value = 7_800",
            "mine.toml: [timing] `t_refi_ps` must leave room for a row cycle: at least 305,000 ps "
            "(t_rfc_ps and t_rc_ps), not 7,800; 7.8 us are 7_800_000",
        ),
        (
            "idd0_ma = { value = 75",
            "idd0_ma = { value = 55",
            "mine.toml: [currents] `idd0_ma` must be at least idd3n_ma (57), not 55: "
            "its energy would be negative",
        ),
        (
            "idd4w_ma = { value = 165",
            "idd4w_ma = { value = 56",
            "mine.toml: [currents] `idd4w_ma` must be at least idd3n_ma (57), not 56: "
            "its energy would be negative",
        ),
        (
            "idd3n_ma = { value = 57",
            "idd3n_ma = { value = 49",
            "mine.toml: [currents] `idd3n_ma` must be at least idd2n_ma (50), not 49: "
            "its energy would be negative",
        ),
        (
            'open_bank_share = { value = 1, source = "tn-41-01" }',
            "open_bank_share = -0.5",
            "mine.toml: [currents] `open_bank_share` must be a number from 0 to 1, not -0.5",
        ),
        (
            "idd4r_ma = { value = 187",
            "idd3n_open_banks = 8\nidd4r_ma = { value = 56",
            "mine.toml: [currents] `idd4r_ma` must be at least idd3n_ma (57), not 56: "
            "its energy would be negative",
        ),
        (
            "idd0_ma = { value = 75",
            "idd3n_open_banks = 0\nidd0_ma = { value = 75",
            "mine.toml: [currents] `idd3n_open_banks` must be an integer from 1 to 1,024, not 0",
        ),
        (
            'idd5_ma = { value = 220, source = "idd" }\n',
            "",
            "mine.toml: [currents] must have the key `idd5_ma`",
        ),
        (
            "idd5_ma = {",
            "idd5b_ma = {",
            "mine.toml: [currents] has the unknown key `idd5b_ma`; did you mean `idd5_ma`?",
        ),
        (
            "[currents]",
            "[second_supply]",
            "mine.toml: `second_supply` must come with currents, those of the first supply",
        ),
        (
            "[interface]",
            "[interface_per_bit]\nread_pj_per_bit = 1.0\nwrite_pj_per_bit = 1.0\n[interface]",
            "mine.toml: `interface_per_bit` must not come with interface: one model of I/O",
        ),
        (
            "[interface]",
            "[interface_per_bit]\nread_pj_per_bit = -1.0\nwrite_pj_per_bit = 1.0\n[interface]",
            "mine.toml: [interface_per_bit] `read_pj_per_bit` must be a number from "
            "1e-06 to 100,000 pJ a bit, not -1.0",
        ),
        (
            "[timing]",
            "[timing]\nt_rcd = 3",
            "mine.toml: [timing] has the unknown key `t_rcd`; did you mean `t_rcd_ps`?",
        ),
        (
            "bank_groups = { value = 1,",
            "bank_groups = { value = 3,",
            "mine.toml: [geometry] `banks` must be a multiple of bank_groups (3), not 8",
        ),
        (
            "vdd_mv = { value = 1500",
            "vdd_mv = { value = nan",
            "mine.toml: `currents.vdd_mv.value` must be a finite number, not nan",
        ),
        (
            "read_mw = { value = 4.6",
            "read_mw = { value = 0",
            "mine.toml: [interface] `read_mw` must be a number from 1e-06 to 100,000 mW, not 0",
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
            "mine.toml: [geometry] `banks` must be an integer from 1 to 1,024, not True",
        ),
        (
            'bin = "8-8-8"',
            "bin = 888",
            "mine.toml: `bin` must be a text of one line, not 888",
        ),
    ],
)
def test_a_wrong_file_is_told_which_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(InputError) as caught:
        standards.load(_write(tmp_path, GOOD.replace(old, new)))
    assert str(caught.value) == message


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    text = GOOD.replace("[timing]", "[currents]", 1)[: GOOD.index("[timing]")]
    with pytest.raises(InputError, match=r"^mine\.toml: there must be the table \[timing\]$"):
        standards.load(_write(tmp_path, text))


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


def test_the_example_of_the_documentation_is_a_part(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "own-part.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    mine = standards.load(_write(tmp_path, example))
    assert (mine.timing.t_faw_ps, mine.timing.t_rfc_ps, mine.ranks) == (16_000, 260_000, 2)
    assert mine.sources["timing.t_rfc_ps"] == "datasheet of my part, table 7"


@pytest.mark.parametrize(
    ("section", "text", "message"),
    [
        (
            "timing",
            "transfers_per_clock = 3",
            "`transfers_per_clock` must be a multiple of 2, not 3",
        ),
        ("timing", "transfers_per_clock = 0", "must be an integer from 2 to 64, not 0"),
        ("timing", "transfers_per_clock = 6", "`burst_length` must be a multiple of 6, not 8"),
        ("timing", "t_rtw_clocks = 0", "`t_rtw_clocks` must be an integer from 1 to 1,000"),
        ("command_bus", "act_clocks = 2", "[command_bus] must have the key `column_clocks`"),
        (
            "command_bus",
            "act_clocks = 2\ncolumn_clocks = 1\nother_clocks = 1\nact_counts_from = 3",
            "[command_bus] `act_counts_from` must be at most act_clocks (2), not 3",
        ),
    ],
)
def test_what_no_part_can_have_is_one_line(
    section: str, text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        standards.load(_write(tmp_path, f'base = "ddr4-2400"\n[{section}]\n{text}\n'))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_base_lends_its_command_bus(tmp_path: Path) -> None:
    mine = standards.load(_write(tmp_path, 'base = "lpddr5-6400"\n[command_bus]\nact_clocks = 4\n'))
    assert mine.command_bus == CommandBus(4, 1, 1, act_counts_from=1)
