"""``pimsim reproduce simdram``: counts, widths and banks, by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from experiments.reproduce.table import Table

Found = dict[str, dict[str, Table]]
Golden = Callable[[str], list[dict[str, str]]]


def test_command_counts_are_those_of_the_golden_table(found: Found, golden: Golden) -> None:
    table = found["simdram"]["commands"]
    ours = {row.of[:2]: (row.simulated, row.of[2]) for row in table.rows}
    compared = 0
    for row in golden("command_counts.csv"):
        if row["primitive"] in ("add", "subtract", "popcount"):  # ours; the published are named so
            continue
        key = row["primitive"].removesuffix("-simdram"), row["width"]
        if key in ours:
            assert ours[key] == (int(row["aap"]) + int(row["ap"]), row["ap"])
            compared += 1
    assert compared >= 22


def test_width_by_hand(found: Found) -> None:
    table = found["simdram"]["width"]
    # 7 XNORs of 335 ns and a count of 7 in four adders of 7 AAPs and an AP, 388 ns.
    assert table.find("latency", "xnor + popcount", "7") == pytest.approx(7 * 0.335 + 4 * 0.388)
    # 81 commands of 6290 pJ over 65,536 columns and 7 rows.
    joules = table.find("energy a bit, ambit-paper", "xnor + popcount", "7")
    assert joules == pytest.approx(81 * 6290 / 65536 / 7)
    # 8 banks x 65,536 columns x 7 bits every 3.897 us.
    rate = table.find("bits a second, tFAW off", "xnor + popcount", "7")
    assert rate == pytest.approx(8 * 65536 * 7 / 3897, rel=1e-3)
    # An XNOR takes 335 ns whatever the width; 7 of them 2.345 us.
    for width in ("7", "1023"):
        rate = table.find("bits a second, tFAW off", "xnor", width)
        assert rate == pytest.approx(8 * 65536 / 335, rel=1e-3)
    assert table.find("latency", "xnor", "7") == pytest.approx(2.345)
    # 7 x 12 + 4 x 15 ACTs in each of eight banks, four every 30 ns.
    rate = table.find("bits a second, tFAW on", "xnor + popcount", "7")
    assert rate == pytest.approx(8 * 65536 * 7 / (8 * 144 * 7.5), rel=0.01)
    # Far out, eight commands a bit, and seven more for a product.
    assert table.find("row commands a bit", "popcount", "1023") == pytest.approx(8, rel=0.01)
    assert table.find("row commands a bit", "xnor + popcount", "1023") == pytest.approx(
        15, rel=0.01
    )


def test_banks(found: Found) -> None:
    table = found["simdram"]["banks"]
    for standard in ("ddr3-1600-8-8-8", "ddr4-2400"):
        for operation in ("and", "add 32"):
            for banks in (1, 2, 4, 8, 16):
                free, held = (
                    table.find("times one bank", standard, operation, faw, str(banks))
                    for faw in ("off", "on")
                )
                assert free == pytest.approx(banks, rel=1e-3)
                assert held <= free
    held = table.find("times one bank", "ddr3-1600-8-8-8", "and", "on", "8")
    assert held == pytest.approx(8 * 196 / 480, rel=1e-2)  # 64 ACTs, four every 30 ns
    ranks = {row.of[3]: "2 ranks" in row.options for row in table.rows if "ddr3" in row.of[0]}
    assert ranks == {"1": False, "2": False, "4": False, "8": False, "16": True}
