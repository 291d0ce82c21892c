"""``pimsim reproduce ambit``: throughput, averages, energy, tFAW and refresh, by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from experiments.reproduce.table import Table

Found = dict[str, dict[str, Table]]
Golden = Callable[[str], list[dict[str, str]]]


def test_throughput_of_seven_operations(found: Found) -> None:
    table = found["ambit"]["throughput"]
    for name, gb_per_s in (("not", 669), ("and", 334), ("or", 334), ("nand", 267), ("nor", 267),
                           ("xor", 196), ("xnor", 196)):  # fmt: skip
        ambit = table.find("throughput", "Ambit", name)
        assert round(ambit) == gb_per_s
        assert table.find("throughput", "Ambit-3D", name) == pytest.approx(4 * ambit, rel=1e-3)
        moved = 2 if name == "not" else 3
        assert table.find("throughput", "HMC 2.0", name) == pytest.approx(320 / moved)
        skylake = table.find("throughput", "Skylake", name)
        assert skylake == pytest.approx(0.549 * 34.1333 / moved, rel=1e-4)


@pytest.mark.parametrize(
    ("timing", "average", "ratio"),
    [
        # By hand, each operation's ratio being 65.536 n / (t 320) with n operands and t in us:
        # NOT 2, 0.098; AND and OR 3, 0.196; NAND and NOR 3, 0.245; XOR and XNOR 3, 0.335.
        ("8-8-8", "arithmetic", 2.733),
        ("8-8-8", "geometric", 2.629),
        ("8-8-8", "harmonic", 2.531),
        ("8-8-8", "mean rates", 2.830),
        ("8-8-8", "total times", 2.482),
        # The same with 52.75 ns and 48.75 ns for 49 and 45; and with 50 and 45.
        ("11-11-11", "geometric", 2.441),
        ("8-8-8, clocked", "total times", 2.438),
    ],
)
def test_averages_by_hand(found: Found, timing: str, average: str, ratio: float) -> None:
    table = found["ambit"]["averages"]
    for system, times in (("Ambit", 1), ("Ambit-3D", 4)):
        pair = f"{system} / HMC 2.0"
        simulated = table.find("throughput ratio", pair, timing, "peak", average)
        assert simulated == pytest.approx(times * ratio, rel=1e-3)


def test_stated_efficiencies_meet_the_averages_that_they_come_from(found: Found) -> None:
    table = found["ambit"]["averages"]
    for pair, published_ratio in (("Ambit / Skylake", 44.9), ("Ambit / GTX 745", 32.0)):
        simulated = table.find("throughput ratio", pair, "8-8-8", "stated", "geometric")
        assert simulated == pytest.approx(published_ratio, rel=1e-3)


def test_published_averages(found: Found) -> None:
    printed = {
        "Ambit / Skylake": 44.9, "Ambit / GTX 745": 32.0, "Ambit / HMC 2.0": 2.4,
        "Ambit-3D / HMC 2.0": 9.7,
    }  # fmt: skip
    for row in found["ambit"]["averages"].rows:
        assert row.published is not None
        assert row.published.value == printed[row.of[0]]


def test_energy_table(found: Found, golden: Golden) -> None:
    table = found["ambit"]["energy"]
    for row in golden("ambit_energy.csv"):
        (words,) = {key[1] for key in (r.of for r in table.rows) if key[1].split()[0] ==
                    row["operation"]}  # fmt: skip
        ratio = table.find("energy ratio", "ambit-paper", words)
        assert ratio == pytest.approx(float(row["published_ratio"]), rel=0.01)
        streamed = table.find("over the channel", "ambit-paper", words)
        assert streamed == pytest.approx(float(row["ddr3_nj_per_kb"]), abs=0.05)
    mean = table.find("energy ratio", "ambit-paper", "harmonic mean")
    assert mean == pytest.approx(35.2, rel=0.01)


def test_energy_models_are_not_mixed(found: Found) -> None:
    for row in found["ambit"]["energy"].rows:
        model, other = row.of[0], {"ambit-paper", "datasheet"} - {row.of[0]}
        assert f"energy {model}" in row.options
        assert other.pop() not in row.options
        assert (row.published is None) == (model == "datasheet")


def test_datasheet_energy_by_hand(found: Found) -> None:
    # 8 chips, 1.5 V, 75/50/57/187/165 mA; tRAS 35 ns, tRP 10 ns (8-8-8); 128 bursts of 5 ns.
    act, pre = 8 * 1.5 * 18 * 35, 8 * 1.5 * 25 * 10
    read = (act + pre + 128 * (8 * 1.5 * 130 * 5 + 4.6 * 72 * 5)) / 8 / 1e3  # nJ/KB
    written = (act + pre + 128 * (8 * 1.5 * 108 * 5 + 21.2 * 80 * 5)) / 8 / 1e3
    table = found["ambit"]["energy"]
    streamed = table.find("over the channel", "datasheet", "not")
    assert streamed == pytest.approx(read + written, rel=1e-6)
    streamed = table.find("over the channel", "datasheet", "and or")
    assert streamed == pytest.approx(2 * read + written, rel=1e-6)
    in_dram = table.find("in DRAM", "datasheet", "and or")
    assert in_dram == pytest.approx(4 * (2 * act + pre) / 8 / 1e3, rel=1e-6)


def test_faw_table(found: Found) -> None:
    table = found["ambit"]["faw"]
    assert round(table.find("throughput", "and", "30", "2", "split")) == 137
    assert round(table.find("throughput", "and", "40", "2", "split")) == 102
    for name in ("not", "and", "nand", "xor"):
        for decoder in ("split", "shared"):
            off = table.find("throughput", name, "off", "any", decoder)
            for acts in "12":
                thirty, forty = (
                    table.find("throughput", name, window, acts, decoder) for window in ("30", "40")
                )
                assert off >= thirty >= forty
            one, two = (table.find("throughput", name, "40", acts, decoder) for acts in "12")
            assert one >= two
    shared = table.find("throughput", "and", "off", "any", "shared")
    assert shared == pytest.approx(8 * 8192 / (4 * 80), rel=1e-3)


def test_refresh_takes_its_share(found: Found) -> None:
    table = found["ambit"]["refresh"]
    for name in ("not", "xor"):
        off, on = (table.find("throughput", name, state) for state in ("off", "on"))
        assert on / off == pytest.approx(1 - 260 / 7800, rel=1e-3)
