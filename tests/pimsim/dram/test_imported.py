"""Parts from files of other tools: what they state comes out, what they lack is asked for."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from pimsim.dram.standard import imported
from pimsim.dram.standard import standard as standards
from pimsim.errors import InputError

LPDDR4 = standards.load("lpddr4-3200")
DDR4 = standards.load("ddr4-3200")


def clocks(ps: int, part: standards.Standard) -> int:
    return -(-ps // part.timing.t_ck_ps)


def specification(part: standards.Standard, *, amperes: bool = True) -> dict[str, Any]:
    """A memory specification of a part with bank groups and VPP, as DRAMPower 6 has them."""
    t, first, second = part.timing, part.currents, part.second_supply
    assert first is not None
    assert second is not None
    scale = 1e-3 if amperes else 1
    names = ("idd0", "idd2n", "idd3n", "idd4r", "idd4w", "idd5B")
    power = {name: getattr(first, f"{name.lower().rstrip('b')}_ma") * scale for name in names}
    power |= {
        name.replace("idd", "ipp"): getattr(second, f"{name.lower().rstrip('b')}_ma") * scale
        for name in names
    }
    return {
        "memspec": {
            "memoryId": "of-this-test",
            "memoryType": "DDR4",
            "memarchitecturespec": {
                "nbrOfChannels": 0, "nbrOfRanks": 1, "nbrOfDevices": part.chips_per_rank,
                "nbrOfBanks": part.banks, "nbrOfBankGroups": part.bank_groups,
                "nbrOfRows": part.subarrays_per_bank * part.rows_per_subarray,
                "nbrOfColumns": 1024, "width": 8, "burstLength": part.burst_length,
            },
            "memtimingspec": {
                "tCK": t.t_ck_ps * 1e-12, "RCD": clocks(t.t_rcd_ps, part),
                "RAS": clocks(t.t_ras_ps, part), "RP": clocks(t.t_rp_ps, part), "RC": 0,
                "RRD_S": clocks(t.t_rrd_s_ps, part), "RRD_L": clocks(t.t_rrd_l_ps, part),
                "FAW": clocks(t.t_faw_ps, part), "RFC1": clocks(t.t_rfc_ps, part),
                "REFI": t.t_refi_ps // t.t_ck_ps, "WR": clocks(t.t_wr_ps, part),
                "RTP": clocks(t.t_rtp_ps, part), "WTR_S": clocks(t.t_wtr_s_ps, part),
                "WTR_L": clocks(t.t_wtr_l_ps, part), "RL": t.cl_clocks, "WL": t.cwl_clocks,
                "CCD_S": t.t_ccd_s_clocks, "CCD_L": t.t_ccd_l_clocks, "RTRS": 1,
            },
            "mempowerspec": {"vdd": first.vdd_mv / 1e3, "vpp": second.vdd_mv / 1e3, **power},
            "bankwisespec": {"factRho": 0.5},
        }
    }  # fmt: skip


@pytest.mark.parametrize("amperes", [True, False])
def test_a_specification_becomes_the_part_that_it_was_made_of(amperes: bool) -> None:
    part = imported.of_document(specification(DDR4, amperes=amperes), "mine.json")
    assert (part.name, part.bin, part.timing) == ("of-this-test", DDR4.bin, DDR4.timing)
    assert (part.row_bytes, part.channel_bits, part.banks) == (8192, 64, 16)
    assert part.open_bank_share == 0.5
    for ours, theirs in zip(part.supplies, DDR4.supplies, strict=True):
        for key in ("vdd_mv", "idd0_ma", "idd3n_ma", "idd4w_ma", "idd5_ma"):
            assert getattr(ours, key) == pytest.approx(getattr(theirs, key)), key
    assert part.sources["timing.t_rc_ps"] == "derived: tRAS + tRP"
    cited = part.sources["currents.idd0_ma"]
    assert cited == "mine.json, mempowerspec, idd0" + (" (in A)" if amperes else "")
    assert "assumed" in part.sources["geometry.rows_per_subarray"]


def test_lpddr_has_numbered_supplies_and_one_open_bank() -> None:
    t = LPDDR4.timing
    assert LPDDR4.currents is not None
    stated = {
        "memarchitecturespec": {
            "nbrOfBanks": 8, "nbrOfRows": 65536, "nbrOfColumns": 1024, "width": 16,
            "burstLength": 16,
        },
        "memoryType": "LPDDR4",
        "memtimingspec": {
            "tCK": 0.625e-9, "RCD": 29, "RAS": 68, "RPpb": 29, "RCpb": 97, "RRD": 16, "FAW": 64,
            "RFCab": 448, "REFI": 6246, "WR": 29, "RTP": 12, "WTR": 16, "RL": 28, "WL": 14,
            "CCD": 8, "RTRS": 1,
        },
        "mempowerspec": {
            "vdd1": 1.8, "idd01": 3.5e-3, "idd2n1": 2e-3, "idd3n1": 2.25e-3, "idd4r1": 2.25e-3,
            "idd4w1": 2.25e-3, "idd51": 10e-3, "vdd2": 1.1, "idd02": 45e-3, "idd2n2": 27e-3,
            "idd3n2": 30e-3, "idd4r2": 275e-3, "idd4w2": 210e-3, "idd52": 90e-3,
        },
    }  # fmt: skip
    part = imported.of_document(stated, "lp.json")
    assert (part.name, part.timing) == ("lp", t)
    assert part.currents is not None
    assert part.currents.idd3n_open_banks == 1
    assert part.currents.idd0_ma == pytest.approx(2 * LPDDR4.currents.idd0_ma)
    assert part.second_supply is not None
    assert part.second_supply.idd5_ma == pytest.approx(10)


def preset() -> dict[str, Any]:
    return {
        "name": "own-ddr5",
        "org": {"dq": 8, "channel_width": 32, "bankgroup": 8, "bank": 4, "row": 65536,
                "column": 1024, "rank": 1},
        "timing": {"tCK_ps": 416, "nBL": 8, "nCL": 40, "nRCD": 39, "nRP": 39, "nRAS": 77,
                   "nRC": 116, "nWR": 72, "nRTP": 18, "nCWL": 38, "nCCDS": 8, "nCCDL": 12,
                   "nCCDL_WR": 48, "nRRDS": 8, "nRRDL": 12, "nWTRS": 6, "nWTRL": 24, "nFAW": 32,
                   "nRFC": 710, "nREFI": 9375, "nCS": 1},
    }  # fmt: skip


def test_a_preset_becomes_a_part_without_currents() -> None:
    part, ddr5 = imported.of_document(preset(), "p.json"), standards.load("ddr5-4800")
    assert (part.name, part.currents) == ("own-ddr5", None)
    for key in ("banks", "bank_groups", "row_bytes", "channel_bits", "burst_length"):
        assert getattr(part, key) == getattr(ddr5, key), key
    assert part.timing.t_ccd_l_wr_clocks == 48
    for key in ("t_rcd_ps", "t_ras_ps", "t_faw_ps", "t_rrd_l_ps", "t_wtr_l_ps"):
        assert getattr(part.timing, key) == getattr(ddr5.timing, key), key


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("timing", "nFAW"), None, "p.json: [timing] must have nFAW, above 0"),
        (("timing", "nRRDS"), 0, "p.json: [timing] must have nRRDS or nRRD, above 0"),
        (("timing", "nCL"), "40", "p.json: [timing] nCL must be a number, not '40'"),
        (("timing", "nCL"), 1e300, "p.json: [timing] nCL must be at most 1e+12, not 1e+300"),
        (("org", "bank"), 2.5, "p.json: [org] bank must be an integer, not 2.5"),
        (("org", "dq"), None, "p.json: [org] must have dq, above 0"),
        (("timing", "nRAS"), 30, "p.json: `t_ras_ps` must be at least t_rcd_ps (16224), not 12480"),
        (("org",), [1], "p.json: org must be an object, not [1]"),
        (("org",), None, "p.json must be a memory specification (a `memspec` with memarchitecture"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_one_line(
    place: tuple[str, ...], value: object, message: str
) -> None:
    document = copy.deepcopy(preset())
    table = document if len(place) == 1 else document[place[0]]
    if value is None:
        del table[place[-1]]
    else:
        table[place[-1]] = value
    with pytest.raises(InputError) as caught:
        imported.of_document(document, "p.json")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_command_writes_a_part_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, mine = tmp_path / "spec.json", tmp_path / "mine.toml"
    file.write_text(json.dumps(specification(DDR4)), "utf-8")
    assert cli.main(["standards", "import", str(file)]) == 0
    mine.write_text(capsys.readouterr().out, "utf-8")
    assert standards.load(mine) == imported.load(file)
    assert cli.main(["primitives", "--standard", str(mine), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["assumptions"]["open_bank_share"] == 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import"], "`import` must come with one FILE.json and nothing else"),
        (["import", "x.json", "--json"], "`import` must come with one FILE.json and nothing else"),
        (["hbm2", "x.json"], "`x.json` must come with import, not with 'hbm2'"),
        (
            ["import", "absent.json"],
            "`FILE` 'absent.json' cannot be read: No such file or directory",
        ),
    ],
)  # fmt: skip
def test_import_is_asked_for_alone(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["standards", *words]) == 2
    assert capsys.readouterr().err == f"pimsim: error: {message}\n"


PRESETS: dict[str, dict[str, Any]] = {
    "lpddr5-6400": {
        "rate": 6400, "nBL_min": 2, "nCL": 17, "nRCD": 15, "nRP": 15, "nRAS": 34, "nRC": 49,
        "nWR": 28, "nRTP": 8, "nCWL": 9, "nCCDS": 2, "nCCDL": 4, "nRRDS": 4, "nRRDL": 4,
        "nWTRS": 5, "nWTRL": 12, "nFAW": 16, "nRFC": 224, "nREFI": 3125, "nCS": 1, "tCK_ps": 1250,
    },
    "hbm3-6400": {
        "rate": 6400, "nBL": 2, "nCL": 20, "nRCDRD": 31, "nRP": 26, "nRAS": 45, "nRC": 72,
        "nWR": 33, "nRTP": 9, "nCWL": 10, "nCCDS": 2, "nCCDL": 4, "nRRDS": 4, "nRRDL": 5,
        "nFAW": 24, "nWTRS": 7, "nWTRL": 10, "nRTW": 20, "nRFC": 416, "nREFI": 6240, "tCK_ps": 625,
    },
    "gddr6-14000": {
        "rate": 14000, "nBL": 2, "nCL": 24, "nRCDRD": 27, "nRP": 27, "nRAS": 53, "nRC": 80,
        "nWR": 27, "nRTP": 4, "nCWL": 6, "nCCDS": 2, "nCCDL": 4, "nRRDS": 8, "nRRDL": 8,
        "nWTRS": 9, "nWTRL": 11, "nFAW": 29, "nRFCab": 211, "nREFI": 3333, "nRTW": 25,
        "tCK_ps": 571,
    },
    "ddr5-6400": {
        "rate": 6400, "nBL": 8, "nCL": 46, "nRCD": 46, "nRP": 46, "nRAS": 103, "nRC": 149,
        "nWR": 96, "nRTP": 24, "nCWL": 44, "nCCDS": 8, "nCCDL": 16, "nCCDL_WR": 64, "nRRDS": 8,
        "nRRDL": 16, "nFAW": 32, "nWTRS": 8, "nWTRL": 32, "nRFC": 946, "nREFI": 12500,
        "tCK_ps": 312,
    },
}  # fmt: skip
"""Clocks of the bundled parts without currents, under Ramulator's names."""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_a_fast_data_clock_is_the_bundled_part(name: str) -> None:
    part = standards.load(name)
    org = {
        "dq": part.channel_bits // part.chips_per_rank, "channel_width": part.channel_bits,
        "channel": part.channels, "bankgroup": part.bank_groups,
        "bank": part.banks // part.bank_groups, "column": part.row_bytes * 8 // part.channel_bits,
        "row": part.subarrays_per_bank * part.rows_per_subarray,
    }  # fmt: skip
    document = {"name": "of-this-test", "org": org, "timing": PRESETS[name]}
    found = imported.of_document(document, "preset.json")
    assert (found.burst_length, found.burst_ps) == (part.burst_length, part.burst_ps)
    assert found.peak_gb_per_s == pytest.approx(part.peak_gb_per_s)
    assert found.row_bytes == part.row_bytes
    assert found.bin == part.bin
    assert found.timing.on_clock() == part.timing.on_clock()


def test_a_specification_of_lpddr5_has_a_data_clock_and_two_supplies() -> None:
    """Keys of DRAMPower 6, tests/tests_drampower/resources/lpddr5.json; numbers made up."""
    power = {"vdd1": 1.8, "vdd2h": 1.05, "vddq": 0.5}
    for name, first, second in (
        ("idd0", 20, 2), ("idd2n", 10, 1), ("idd3n", 15, 1.5), ("idd4r", 150, 2),
        ("idd4w", 120, 2), ("idd5", 90, 5),
    ):  # fmt: skip
        power |= {f"{name}2h": first / 1e3, f"{name}1": second / 1e3, f"{name}2l": 0}
    document: dict[str, Any] = {
        "memspec": {
            "memoryId": "mine", "memoryType": "LPDDR5",
            "memarchitecturespec": {
                "nbrOfColumns": 1024, "nbrOfRows": 65536, "width": 16, "burstLength": 16,
                "dataRate": 2, "nbrOfBankGroups": 4, "nbrOfBanks": 16,
            },
            "memtimingspec": {
                "tCK": 1.25e-9, "WCK2CK": 4, "RCD_S": 15, "RAS": 34, "RPpb": 15, "RRD": 4,
                "FAW": 16, "RFCab": 224, "REFI": 3125, "WR": 28, "RBTP": 8, "WTR_S": 5,
                "WTR_L": 12, "RL": 17, "WL": 9, "BL_n_min_16": 2, "BL_n_max_16": 4,
            },
            "mempowerspec": power,
        }
    }  # fmt: skip
    found = imported.of_document(document, "lpddr5.json")
    bundled = standards.load("lpddr5-6400")
    assert (found.timing.transfers_per_clock, found.burst_ps) == (8, 2500)
    assert (found.bin, found.timing.t_ccd_l_clocks) == (bundled.bin, 4)
    assert found.currents is not None
    assert found.second_supply is not None
    assert (found.currents.vdd_mv, found.currents.idd4r_ma) == (1050, 150)
    assert (found.second_supply.vdd_mv, found.second_supply.idd5_ma) == (1800, 5)
    document["memspec"]["mempowerspec"]["idd02l"] = 0.01
    with pytest.raises(InputError, match=r"idd02l must be 0, not 0\.01: a part has two supplies"):
        imported.of_document(document, "lpddr5.json")
