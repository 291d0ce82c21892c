"""``pimsim circuit failures``, ``margin`` and ``fit``: contracts, files, refusals."""

from __future__ import annotations

import csv
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.commands import files
from pimsim.circuit.failure_tables.table import FailureTable


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["circuit", *words, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    loaded: dict[str, object] = json.loads(printed.out)
    return loaded


def test_failures_as_json_keep_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    result = _json(capsys, "failures", "--samples", "20000", "--variation", "0,15,25")
    rows = result["rows"]
    assert isinstance(rows, list)
    assert [row["variation_percent"] for row in rows] == [0, 15, 25]
    for row in rows:
        assert row["samples"] == 20_000
        assert row["low_percent"] <= row["failure_percent"] <= row["high_percent"]
        assert row["failure_percent"] <= sum(row["patterns_percent"].values())
    assert [row["published_percent"] for row in rows] == [0.0, 6.01, 26.19]
    assert abs(rows[1]["failure_percent"] - 6.01) < 1.5
    stated = result["assumptions"]
    assert isinstance(stated, dict)
    assert {"preset", "set", "process", "criterion", "inputs", "rows", "seed", "interval"} <= set(
        stated
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--preset", "crow22"],
        ["--set", "cell.capacitance_ff=20"],
        ["--process", "ddr4-like"],
        ["--criterion", "110"],
        ["--wait-ms", "64"],
    ],
    ids=" ".join,
)
def test_published_percentages_stand_beside_their_own_circuit_alone(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--samples", "1000", "--variation", "5,15"]
    rows = _json(capsys, "failures", *given, *words)["rows"]
    assert isinstance(rows, list)
    assert [row["published_percent"] for row in rows] == [None, None]
    assert main(["circuit", "failures", *given, *words]) == 0
    assert "Ambit %" not in capsys.readouterr().out


def test_options_reach_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    def percent(*words: str) -> float:
        result = _json(capsys, "failures", "--samples", "20000", "--variation", "15", *words)
        rows = result["rows"]
        assert isinstance(rows, list)
        return float(rows[0]["failure_percent"])

    usual = percent()
    assert percent() == usual
    assert percent("--seed", "2") != usual
    assert percent("--criterion", "110") < usual < percent("--criterion", "all")
    assert percent("--set", "cell.capacitance_ff=40") < usual
    assert percent("--preset", "crow22") > usual
    assert percent("--rows", "32") < usual
    assert percent("--inputs", "5") > usual
    assert percent("--process", "ddr4-like") < usual
    assert percent("--method", "importance") == pytest.approx(usual, rel=0.1)


def test_rare_failures_have_intervals_and_impossible_ones_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--method", "importance", "--variation", "3,6.2", "--samples", "20000")
    rows = _json(capsys, "failures", *words)["rows"]
    assert isinstance(rows, list)
    never, rare = rows
    assert (never["failure_percent"], never["high_percent"]) == (0.0, None)
    assert 1e-8 < rare["low_percent"] < rare["high_percent"] < 2 * rare["low_percent"] < 1e-6


def test_failures_write_figure_and_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["circuit", "failures", "--variation", "10,20", "--samples", "3000"]
    assert main([*words, "--inputs", "5", "--rows", "8", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "failure_table_10.json",
        "failure_table_20.json",
        "failures.csv",
        "failures.png",
        "report.html",
    ]
    table = FailureTable.read(out / "failure_table_20.json")
    assert [(entry.rows, entry.ones) for entry in table.entries] == [
        (1, 0), (1, 1), *((8, ones) for ones in range(6)),
    ]  # fmt: skip
    assert table.provenance["variation_percent"] == 20.0
    with (out / "failures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["variation_percent"] for row in rows] == ["10.0", "20.0"]
    shown = capsys.readouterr().out
    assert "Ambit" not in shown  # its points are of triple-row activations
    assert f"{float(rows[1]['failure_percent']):.2f}" in shown


def test_margins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = _json(capsys, "margin", "--out", str(tmp_path / "m"))
    assert result["margin_mv"] == pytest.approx(87.42, abs=0.01)
    maps = {one["name"]: one for one in result["maps"]}  # type: ignore[attr-defined]
    assert sorted(maps) == ["rows", "temperature", "vdd"]
    by_rows = maps["rows"]
    at = by_rows["margin_mv"][by_rows["y"].index(4.0)][by_rows["x"].index(4)]
    assert at == pytest.approx(22 * 1200 / (2 * (4 * 22 + 88)))
    cold = maps["temperature"]["margin_mv"][0]
    assert cold == pytest.approx([87.4172] * len(cold), abs=1e-3)  # no time has passed
    for line in maps["vdd"]["margin_mv"]:
        assert line == sorted(line)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "margin.png", "margin_rows.csv", "margin_temperature.csv", "margin_vdd.csv",
        "report.html",
    ]  # fmt: skip
    worst = ("--preset", "worst-cell")
    weak = _json(capsys, "margin", *worst, "--restore-ns", "1", "--wait-ms", "64")
    assert weak["assumptions"]["one_mv"] == pytest.approx(0.8 * 1181.3, abs=1.0)  # type: ignore[index]
    assert weak["margin_mv"] < 17.5  # type: ignore[operator]
    warm = maps["temperature"]  # of the weakest cell of a gigabit
    window = warm["margin_mv"][warm["y"].index(64.0)]
    assert window == sorted(window, reverse=True)
    assert window[0] > 70.0 > 0.0 > window[-1]
    logic = _json(capsys, "margin", "--operation", "or", "--inputs", "16")
    assert logic["margin_mv"] == pytest.approx(22 * 600 / (16 * 22 + 85))


def test_fit_prints_what_is_left_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = _json(capsys, "fit", "ddr4-like", "--no-refit", "--samples", "2000")
    points = result["points"]
    assert isinstance(points, list)
    assert len(points) == 12
    assert points[0]["label"] == "MAJ3, 4 rows"
    for point in points:
        residual = point["model_percent"] - point["published_percent"]
        assert point["residual_points"] == pytest.approx(residual)
    assert result["amounts"][0] == {  # type: ignore[index]
        "quantity": "latch.offset", "bundled": 44.0, "fitted": 44.0,
    }  # fmt: skip
    out = tmp_path / "fit"
    assert main(["circuit", "fit", "ambit-like", "--samples", "2000", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["fit.csv", "fit.png", "report.html"]
    assert "15 %" in capsys.readouterr().out


def test_fit_of_retention_has_every_module(capsys: pytest.CaptureFixture[str]) -> None:
    result = _json(capsys, "fit", "retention", "--samples", "50000")
    modules = {one["module"]: one for one in result["modules"]}  # type: ignore[attr-defined]
    assert len(modules) == 11
    assert sum(one["pooled"] for one in modules.values()) == 9
    assert all(one["worst_ratio"] < 2.1 for one in modules.values() if one["pooled"])
    assert min(one["log_scale"] for one in modules.values() if one["pooled"]) > 3.3
    for point in result["points"]:  # type: ignore[attr-defined]
        low, high = re.findall(r"[\d.]+", point["label"])[1:]
        assert 0.9 * float(low) < point["model_percent"] < 1.1 * float(high)
    assert main(["circuit", "fit", "retention", "--no-refit", "--samples", "1000"]) == 0
    shown = capsys.readouterr().out
    assert "Micron 8 Gb E" in shown
    assert "nan" not in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["failures", "--variation", "101"], "`variation` must be from 0 to 100 %, not 101.0"),
        (["failures", "--variation", "-1"], "`variation` must be from 0 to 100 %, not -1.0"),
        (["failures", "--variation", "5;10"],
         "`--variation` must be numbers from 0 to 100 with commas between, not '5;10'"),
        (["failures", "--rows", "513"],
         "`rows` must be at most 512, the cells of a bitline, not 513"),
        (["failures", "--set", "cell.capacitance_ff=-1"],
         "[cell] `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not -1.0"),
        (["margin", "--set", "bitline.capacitance_ff=0"],
         "[bitline] `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not 0.0"),
        (["failures", "--set", "timeline.sense_ns=1"],
         "[timeline] `sense_ns` must be after `word_line_ns` (2), not 1"),
        (["failures", "--set", "cell.capacitance=1"],
         "unknown circuit parameter `cell.capacitance`; did you mean `cell.capacitance_ff`?"),
        (["failures", "--set", "cell.capacitance_ff"],
         "`--set` must be FIELD=VALUE, not 'cell.capacitance_ff'"),
        (["failures", "--preset", "ddr9"],
         "`preset` must be one of crow22, ddr4-like, dramspec58, rambus55, worst-cell or "
         "the path of a .toml file, not 'ddr9'"),
        (["failures", "--process", "ambit"],
         "`process` must be one of ambit-like, ddr4-like or the path of a .toml file, "
         "not 'ambit'; did you mean 'ambit-like'?"),
        (["failures", "--criterion", "both"],
         "`criterion` must be either, all or a pattern such as 110, not 'both'"),
        (["failures", "--method", "importance", "--path", "transient"],
         "`--path` must be decision with importance sampling, not transient"),
        (["failures", "--accesses", "2", "--method", "importance"],
         "`--accesses` must be 1 with importance sampling, not 2"),
        (["margin", "--operation", "and", "--rows", "2"],
         "`--rows` must be 3, the inputs, for and and or, not 2"),
        (["fit", "ambit"],
         "`process` must be one of ambit-like, ddr4-like, retention, not 'ambit'; "
         "did you mean 'ambit-like'?"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["circuit", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"pimsim: error: {message}\n"


def test_a_low_word_line_is_warned_of_and_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuit", "margin", "--set", "supply.vpp_mv=1800"]) == 0
    printed = capsys.readouterr()
    assert printed.err == (
        "pimsim: warning: `supply.vpp_mv` 1800 is too low to pass vdd (1200 + access Vt 850): "
        "a one is stored at 950 mV\n"
    )
    assert "margin_mv 14.57" in printed.out


@pytest.mark.parametrize("part", ["failures", "margin", "fit"])
def test_parts_teach(capsys: pytest.CaptureFixture[str], part: str) -> None:
    assert main(["circuit", part, "--help"]) == 0
    assert f"pimsim circuit {part}" in capsys.readouterr().out.split("examples:")[1]


@pytest.mark.parametrize("part", files.OF_CIRCUIT, ids=lambda part: str(part.NAME))
def test_a_bundled_file_as_toml_is_one_to_edit(
    part: files.FileCommand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["circuit", part.NAME]) == 0
    listed = capsys.readouterr().out
    module = import_module(part.module)
    for name in module.names():
        assert f" {name} " in listed
        assert main(["circuit", part.NAME, name, "--toml"]) == 0
        mine = tmp_path / "mine.toml"
        mine.write_text(capsys.readouterr().out, "utf-8")
        words = ["circuit", part.NAME, "--json"]
        assert main([*words, str(mine)]) == 0
        own = json.loads(capsys.readouterr().out)
        assert main([*words, name]) == 0
        assert own == json.loads(capsys.readouterr().out)
    assert main(["circuit", part.NAME, name]) == 0
    shown = capsys.readouterr().out
    quantities = [next(iter(value.values())) for value in part.sourced(module.load(name))]
    assert all(f" {one} " in shown for one in quantities)


def test_variations_that_are_hardly_apart_have_tables_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("10", "10.0000001", "10.0000002")
    words = ["failures", "--samples", "1000", "--variation", ",".join(given)]
    _json(capsys, *words, "--out", str(tmp_path))
    names = {path.name for path in tmp_path.glob("failure_table_*.json")}
    assert names == {f"failure_table_{percent}.json" for percent in given}
    assert main(["circuit", *words]) == 0
    printed = capsys.readouterr().out.split()
    assert all(percent in printed for percent in given)
