"""``pimsim run`` end to end: what its tables and figures say, whatever names they hold."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from experiments import cli
from experiments.figures import run
from experiments.output.words import more_energy, quantity, slower
from experiments.report import tables
from experiments.report.tables import _short

from .one_run import KINDS, Parse, Run

SHOWN = ("AAP", "AP", "ACT", "RD", "WR", "REF")  # as many PREs as ACTs, and no TRANSFERs


# The table


@pytest.mark.usefixtures("undrawn")
def test_the_terminal_shows_the_answer_and_what_it_rests_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, parse: Parse
) -> None:
    options = ["--limit", "50", "--mapping", "weight-stationary", "--out", str(tmp_path)]
    assert cli.main(["run", "digits-mlp", *options]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    report = parse((tmp_path / "report.json").read_text("utf-8"))
    facts = {line[:12].strip(): line[12:] for line in lines}
    assert facts["accuracy"] == f"{report['accuracy']:.2%}"
    assert facts["bit exact"] == f"yes ({50 * 522:,} sums compared)"
    for kind, count in report["commands"].items():
        assert (f"{count:,} {kind}" in facts["commands"]) == (count > 0)
    assert facts["the batch"].endswith("for 50 together")
    assert f"{report['throughput_images_per_s']:,.0f} images/s" in facts["an image"]
    assert facts["an image"].startswith(quantity(report["latency_ps_per_image"], "ps"))
    assert facts["weights"].startswith("loaded once: ")
    for name, baseline in report["baselines"].items():
        told = slower(baseline["speedup"]), more_energy(baseline["energy_ratio"])
        assert any(name in line and all(text in line for text in told) for line in lines)
    for layer in report["layers"]:
        where = [layer["name"], layer["mapping"] or "host", f"{layer['macs']:,}"]
        counts = [layer["name"], *(_short(layer["commands"][k] / 50) for k in SHOWN)]
        assert any(line.split()[:3] == where for line in lines)
        assert any(line.split() == counts for line in lines)
    assert "bin 8-8-8" in printed.out
    assert "faw on" in printed.out
    assert "mapping weight-stationary" in " ".join(printed.out.split())
    assert lines[-1].startswith(f"written to {tmp_path}: report.json, logits.npy")


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_no_digit_is_cut_however_narrow_the_terminal(
    columns: int, digits: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    report = {**digits.report, "layers": [dict(layer) for layer in digits.report["layers"]]}
    dense1, *_, tail = report["layers"]
    dense1["commands"] = dict.fromkeys(KINDS, 123_456_789 * report["images"])
    dense1["macs"] = 987_654_321_000
    tail["name"] = "batch_normalization_12+max_pooling2d_7+flatten+dense_3+batch_normalization_13"
    tables.show(report)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out
    assert "123.5 M" in out
    assert "987,654,321,000" in out
    for layer in report["layers"]:
        time = quantity(layer["latency_ps"] / report["images"], "ps")
        assert time in " ".join(out.split()) or not layer["latency_ps"]
    assert {"max_pooling2d_7", "flatten", "dense_3"} <= set(out.split())  # wrapped, not cut off


def test_the_report_says_what_other_mappings_would_have_cost(
    digits: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.show(digits.report)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    for layer in digits.report["layers"]:
        names = [other["mapping"] for other in layer["alternatives"]]
        assert len({*names, layer["mapping"]}) == len(names) + 1 >= 1 + (layer["where"] == "dram")
        for other in layer["alternatives"]:
            if other["refused"]:
                assert other["mapping"] == "output-tree"
                assert any(line[:2] == [layer["name"], other["mapping"]] for line in shown)
                assert "would lose to weight-stationary even with 1/8" in other["refused"]
                continue
            told = slower(layer["latency_ps"] / other["latency_ps"]).split()
            assert any(line[:4] == [layer["name"], other["mapping"], *told[:1], f"{told[1]},"]
                       for line in shown)  # fmt: skip
    assert digits.report["assumptions"]["mapping"] == "auto"


EVIL = "a\x1b]0;evil\x07\x1b[2J\u202eb\r\n"
NAMES = (EVIL, "=cmd|x", "@SUM(A1)", "$\\frac{", "[red]x[/red]", "-2+3", "$\\x$")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_obeyed_by_a_terminal(
    name: str, digits: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    report = {**digits.report, "network": name, "data": name}
    report["layers"] = [{**layer, "name": name} for layer in report["layers"]]
    report["assumptions"] = {**report["assumptions"], "standard": name}
    tables.show(report)
    out = capsys.readouterr().out
    assert all(char.isprintable() for line in out.split("\n") for char in line)
    assert repr(name)[1:-1].replace("\\\\", "\\") in out.replace("\n", "")


def test_no_name_is_obeyed_by_a_figure_or_by_a_spreadsheet(digits: Run, tmp_path: Path) -> None:
    layer, every = digits.report["layers"][0], " ".join(NAMES)
    report = {**digits.report, "network": every, "data": every}
    report["layers"] = [{**layer, "name": name} for name in NAMES]
    report["assumptions"] = {**report["assumptions"], "standard": every}
    run.draw(report, tmp_path)
    with (tmp_path / "layers.csv").open(newline="", encoding="utf-8") as file:
        assert len([*csv.DictReader(file)]) == len(NAMES)
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert all(map(str.isprintable, cell)), cell
                    assert not cell.startswith(("=", "+", "-", "@")), cell
