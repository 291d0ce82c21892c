"""``pimsim reproduce pluto``: its tables, our programs and LeNet-5, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments import cli
from experiments.pages.__main__ import texts
from experiments.reproduce.table import Table

Found = dict[str, dict[str, Table]]


AAP_NS, AP_NS = 32 + 4 + 14.161, 32 + 14.161
"""DDR4-2400 17-17-17: tRAS, Ambit's 4 ns between the activations of an AAP, and tRP."""


def test_latencies_by_hand(found: Found) -> None:
    table = found["pluto"]["operations"]
    for operation, name, aap, ap in (
        ("not", "not", 2, 0), ("and", "and", 4, 0), ("xor", "xor", 5, 2),
        ("add 4", "add-simdram", 29, 4), ("add 4", "add", 30, 0),
        ("multiply 4", "multiply-simdram", 127, 24), ("multiply 4", "multiply", 142, 0),
        ("popcount 8", "popcount-simdram", 49, 7), ("popcount 8", "popcount", 45, 3),
    ):  # fmt: skip
        latency = table.find("latency", operation, name, "SIMDRAM")
        assert latency == pytest.approx(aap * AAP_NS + ap * AP_NS, abs=1e-6)


def test_what_simdram_computes_follows_from_its_counts_and_bitwise_operations_do_not(
    found: Found,
) -> None:
    each = {row.of[0]: row for row in found["pluto"]["commands"].rows}
    published = {name: row.published.value for name, row in each.items() if row.published}
    assert published["not"] == published["and"] == published["or"] == 67.5
    assert published["xor"] == published["xnor"] == pytest.approx(585 / 7)
    for name in ("add 4", "multiply 4", "popcount 4", "popcount 8"):
        assert published[name] == pytest.approx(48.1, abs=0.08)
        assert each[name].ratio == pytest.approx(1.03, abs=0.01)


def test_no_duration_of_a_row_command_gives_all_of_table_6(found: Found) -> None:
    table = found["pluto"]["conventions"]
    titles = table.distinct(0)
    assert len(titles) == 6
    for title in titles:
        off = [abs(row.ratio - 1) for row in table.rows if row.of[0] == title and row.ratio]
        assert len(off) == 9
        assert max(off) > 0.15
    by_row_cycle = table.find("latency", "tRC, and an AP, too", "46.16", "46.16", "xor")
    assert by_row_cycle == pytest.approx(7 * 46.161)


def test_plutos_formula_by_hand(found: Found) -> None:
    table = found["pluto"]["operations"]
    looked_up = table.find("by its formula", "add 4", "a table of 256", "pLUTo-BSA")
    assert looked_up == pytest.approx(256 * 2 * 14.161 / 4)
    rows = [row for row in table.rows if row.quantity == "by its formula"]
    assert {round(row.ratio or 0, 4) for row in rows} == {round(14.161 / 15, 4)}


def test_lenet5_takes_what_a_run_of_it_takes(
    found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    table = found["pluto"]["network"]
    words = ("--cost-only", "--images", "100", "--standard", "ddr4-2400", "--no-faw")
    assert cli.main(["run", "mnist-lenet5", *words, "--no-refresh", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    for system in ("P100", "pLUTo-BSA"):
        us, mj = (table.find(f"{one} an image", "100", system) for one in ("time", "energy"))
        assert us == pytest.approx(report["latency_ps"] / 1e8)
        assert mj == pytest.approx(report["energy_pj"]["total"] / 1e11)
    macs = table.find("multiply-accumulates an image", "1", "pLUTo-BSA")
    assert macs == 784 * 6 * 25 + 100 * 16 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10
    assert table.find("right", "10000", "pLUTo-BSA") >= 97.4
    times = [table.find("time an image", n, "P100") for n in ("1", "100", "10000")]
    assert times == sorted(times, reverse=True)


def test_the_page_says_what_part_it_is_about_only_if_it_is_that_of_the_paper(
    found: Found, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "It is what table 3 of the paper names" in texts(found)["reproduce-pluto.md"]
    words = ("--no-measure", "--standard", "ddr3-1600-8-8-8", "--out", str(tmp_path / "out"))
    assert cli.main(["reproduce", "pluto", *words]) == 0
    capsys.readouterr()
    page = (tmp_path / "out" / "reproduce-pluto.md").read_text("utf-8")
    assert "table 3 of the paper names" not in page
    assert "Set-up of this page: ddr3-1600-8-8-8; 8 banks" in page
