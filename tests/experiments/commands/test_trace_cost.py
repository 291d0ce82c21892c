"""``pimsim trace cost``: what a run exports costs what the report says; anybody's file, judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import cli


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert cli.main(["trace", "cost", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("form", "model"),
    [
        ("perfetto", ["--energy", "datasheet"]),
        ("perfetto", ["--standard", "hbm2"]),
        ("drampower", ["--energy", "datasheet", "--clocked", "--banks", "1"]),
        ("ramulator", ["--energy", "datasheet", "--clocked", "--banks", "1", "--no-faw"]),
    ],
)
@pytest.mark.slow
def test_a_run_read_back_costs_what_its_report_says(
    form: str, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is loaded once; in clocks, too, where nothing waits for the command bus."""
    trace, out = tmp_path / "run.trace.gz", tmp_path / "out"
    words = ["digits-mlp", "--limit", "4", "--mapping", "weight-stationary", *model]
    assert cli.main(["run", *words, "--trace", f"{form}:{trace}", "--out", str(out)]) == 0
    capsys.readouterr()
    report = json.loads((out / "report.json").read_text())
    once = report["weights_once"]
    found = told(capsys, *map(str, tmp_path.glob("run.trace*")), *model)
    assert found["legal"]
    assert found["format"] == form
    assert found["latency_ps"] == report["latency_ps"] + once["latency_ps"]
    for part, pj in once["energy_parts_pj"].items():
        wanted_pj = report["energy_pj"][part] + pj
        assert found["energy_pj"][part] == pytest.approx(wanted_pj, rel=1e-12)


def test_a_stream_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("0 AAP 0 5 1008\n48000 AP 0 1006\n")
    found = told(capsys, str(mine))
    assert not found["legal"]
    assert found["violations"] == {"tRC": 1, "tRP": 1}
    assert found["first_violations"][0] == {
        "file": str(mine), "line": 2, "command": "ACT", "bank": 0, "constraint": "tRC",
        "short_ps": 1_000, "short_clocks": 0.8,
    }  # fmt: skip
    assert found["commands"] == {
        "aap": 1, "ap": 1, "act": 0, "pre": 0, "rd": 0, "wr": 0, "transfer": 0, "ref": 0,
    }  # fmt: skip
    assert found["energy_pj"]["total"] == 2 * 6290
    assert cli.main(["trace", "cost", str(mine)]) == 0
    shown = capsys.readouterr().out
    assert "legal       no: 2 violations (1 tRC, 1 tRP); the first:" in shown
    assert "1,000 ps (0.8 clocks)" in shown


def test_what_is_on_clock_edges_takes_energy_for_whole_clocks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_bus, plain = tmp_path / "t.csv", tmp_path / "mine.txt"
    on_bus.write_text("0,ACT,0,0,0,1,0\n40,PRE,0,0,0,0,0\n")
    plain.write_text("0 AP 0 1\n")
    model = "--standard", "ddr4-2400", "--energy", "datasheet"
    row_pj = [
        told(capsys, str(file), *model, *more)["energy_pj"]["activate_precharge"]
        for file, more in ((on_bus, ()), (on_bus, ("--clocked",)), (plain, ("--clocked",)))
    ]
    assert row_pj[0] == row_pj[1] == row_pj[2]
    assert row_pj[0] > told(capsys, str(plain), *model)["energy_pj"]["activate_precharge"]


def test_files_of_channels_are_added_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / f"t.csv.ch{channel}" for channel in range(2)]
    for channel, file in enumerate(files):
        file.write_text(f"0,ACT,0,0,0,1,0\n{40 + channel},PRE,0,0,0,0,0\n")
    one, both = (told(capsys, *map(str, some), "--standard", "hbm2") for some in (files[1:], files))
    assert both["commands"]["ap"] == 2
    assert both["latency_ps"] == one["latency_ps"] == (41 + 14) * 1000


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("0 AAP 0 5 1008\n48000 FOO 0\n")
    assert cli.main(["trace", "cost", str(mine)]) == 2
    assert capsys.readouterr().err == (
        "pimsim: error: mine.txt, line 2: unknown command 'FOO' (known: ACT, PRE, RD, WR, REF, "
        "AAP, AP, TRANSFER)\n"
    )
    assert cli.main(["trace", "cost", str(mine), "--standard", "ddr9"]) == 2
    assert cli.main(["trace"]) == 2
