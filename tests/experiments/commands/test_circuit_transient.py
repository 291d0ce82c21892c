"""``pimsim circuit read|tra|not|copy|majority|and|or``: output, files, exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from experiments.cli import main
from experiments.commands.circuit import transient
from experiments.report import waveforms


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["circuit", *words, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    report = json.loads(captured.out)
    assert isinstance(report, dict)
    return report


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["read"], 1), (["read", "--pattern", "0"], 0), (["tra"], 1),
        (["tra", "--pattern", "100", "--copy-out"], 0), (["not"], 0), (["copy"], 1),
        (["majority", "--pattern", "11000", "--rows", "8"], 0), (["and"], 1), (["or"], 1),
    ],
)  # fmt: skip
def test_json_says_what_came_out(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: int
) -> None:
    report = _json(capsys, *words)
    assert {"dv_at_sense_mv", "latch_ns", "restored_mv", "energy_fj", "value"} <= report.keys()
    assert report["value"] == report["expected"] == expected
    assert report["correct"] is True


def test_numbers_are_those_of_the_reference_circuit(capsys: pytest.CaptureFixture[str]) -> None:
    report = _json(capsys, "tra", "--pattern", "110")
    assert report["dv_at_sense_mv"] == pytest.approx(87.42, abs=0.01)
    assert report["latch_ns"] == pytest.approx(2.09, abs=0.01)
    assert report["energy_fj"] == pytest.approx(100.0, abs=0.1)
    assert report["assumptions"]["preset"] == "rambus55"  # type: ignore[index]


def test_a_parameter_can_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    report = _json(capsys, "read", "--set", "cell.capacitance_ff=44")
    assert report["dv_at_sense_mv"] == pytest.approx(44 * 600 / (44 + 85), rel=1e-3)


def test_a_wrong_answer_is_not_called_right(capsys: pytest.CaptureFixture[str]) -> None:
    # A word line this low does not open the cell: nothing is shared, and the latch is undecided.
    report = _json(
        capsys, "tra", "--pattern", "110", "--set", "timeline.word_line_ns=5.99",
        "--set", "timeline.sense_ns=6",
    )  # fmt: skip
    assert report["dv_at_sense_mv"] == pytest.approx(0, abs=0.01)


def test_csv_has_time_and_one_column_a_node(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "waves.csv"
    report = _json(capsys, "tra", "--csv", str(path))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "time_ns", "bl_mv", "blb_mv", "cell0_mv", "cell1_mv", "cell2_mv", "san_mv", "sap_mv",
        "eq_mv", "set_n_mv", "set_p_mv", "wl_mv",
    ]  # fmt: skip
    at_sense = next(row for row in rows if float(row["time_ns"]) == 6.0)
    dv_mv = float(at_sense["bl_mv"]) - float(at_sense["blb_mv"])
    assert dv_mv == pytest.approx(report["dv_at_sense_mv"], abs=2e-3)
    assert float(rows[-1]["time_ns"]) == 53.5
    assert list(waveforms.read(path)) == list(rows[0])


def test_out_receives_figure_table_and_netlist(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _json(capsys, "not", "--pattern", "0", "--out", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "not-0.cir", "not-0.csv", "not-0.png", "report.html"
    ]  # fmt: skip
    assert imread(tmp_path / "out" / "not-0.png").shape[1] > 1500


def test_the_same_scenario_gives_the_same_bytes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("once", "again"):
        _json(capsys, "or", "--pattern", "10", "--out", str(tmp_path / name))
    for file in (tmp_path / "once").iterdir():
        again = (tmp_path / "again" / file.name).read_bytes()
        # A page has the command, which names the folder.
        assert file.read_bytes() == again.replace(b"/again", b"/once")


@pytest.mark.ngspice
def test_check_ngspice_shows_the_differences(capsys: pytest.CaptureFixture[str]) -> None:
    report = _json(capsys, "copy", "--check-ngspice")
    assert report["ngspice"]["failures"] == []  # type: ignore[index]
    assert main(["circuit", "copy", "--check-ngspice"]) == 0
    shown = capsys.readouterr().out
    assert "against ngspice" in shown
    assert "0.5 mV" in shown


@pytest.mark.ngspice
def test_a_difference_beyond_its_limit_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pimsim.circuit.transient.ngspice_check.RMS_MV", 1e-6)
    assert main(["circuit", "copy", "--check-ngspice"]) == 1
    assert "beyond its limit: waveform" in " ".join(capsys.readouterr().out.split())


def test_table_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuit", "read", "--pattern", "0"]) == 0
    shown = capsys.readouterr().out
    for text in ("read of 0", "-123.36 mV", "68.4 fJ", "preset rambus55"):
        assert text in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tra", "--pattern", "12"], "`pattern` must be 3 of the digits 0 and 1, not '12'"),
        (["read", "--step", "500", "--csv", "absent.csv"],
         "`waveform_step_ps` must be from 0.01 to 100 to "
         "resolve this circuit, not 500"),
        (["read", "--set", "timeline.sense_ns=1"],
         "[timeline] `sense_ns` must be after `word_line_ns` (2), not 1"),
        (["read", "--set", "cell.capacitance_ff=-1"],
         "[cell] `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not -1.0"),
        (["majority", "--pattern", "110", "--rows", "600"],
         "`rows` must be at most 512, the cells of a bitline, not 600"),
        (["majority", "--pattern", "110", "--rows", "2"],
         "`rows` must be at least the 3 operands, not 2"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["circuit", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"pimsim: error: {message}\n"


def test_missing_ngspice_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["circuit", "read", "--check-ngspice"]) == 2
    assert capsys.readouterr().err == (
        "pimsim: error: ngspice is not installed (apt-get install ngspice)\n"
    )


@pytest.mark.parametrize("part", transient.PARTS, ids=lambda part: part.NAME)
def test_every_part_has_help_with_examples(
    capsys: pytest.CaptureFixture[str], part: transient.TransientPart
) -> None:
    assert main(["circuit", part.NAME, "--help"]) == 0
    assert f"pimsim circuit {part.NAME}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["tra"], "report.html, tra-110.cir, tra-110.csv, tra-110.png"),
        (["margin"],
         "margin.png, margin_rows.csv, margin_temperature.csv, margin_vdd.csv, report.html"),
        (["failures", "--samples", "500", "--variation", "10"],
         "failure_table_10.json, failures.csv, failures.png, report.html"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)  # fmt: skip
def test_what_is_written_is_said(
    words: list[str], names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "older").write_text("", "utf-8")
    assert main(["circuit", *words, "--out", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.endswith(f"written to {tmp_path}: {names}")
    assert main(["circuit", *words]) == 0
    assert "written to" not in capsys.readouterr().out


def test_each_quantity_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuit", "tra"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for meaning in ("swing: how far apart both bitlines are", "bit that it decides on",
                    "charge that the integration lost or made"):  # fmt: skip
        assert meaning in printed


def test_waveforms_that_do_not_fit_leave_the_file_that_was_there(tmp_path: Path) -> None:
    """A limit on the size of files is met as a full disk is: in the middle of a write."""
    there = tmp_path / "waves.csv"
    there.write_text("old")
    shell = 'ulimit -f 2; exec "$0" -m experiments circuit tra --csv "$1"'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, str(there)],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # which would not fit either
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2, f"pimsim: error: `--csv` must be a file that can be written, not {str(there)!r}: "
        "File too large\n",
    )  # fmt: skip
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("waves.csv", "old")]


def test_waveforms_go_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "waves.csv")
    assert main(["circuit", "tra", "--csv", str(link)]) == 0
    assert capsys.readouterr().err == ""
    assert link.is_symlink()
    assert (tmp_path / "waves.csv").read_text().startswith("time_ns,bl_mv,")
