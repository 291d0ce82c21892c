"""The options of faults: what they become, what they say of themselves, and bad ones."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from experiments import cli
from experiments.options import dram
from experiments.options import faults as fault_options
from experiments.options.option import require_effects
from experiments.options.parser import Parser
from experiments.options.table import CELSIUS
from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.failure_tables.table import Estimate, FailureTable, Rate
from pimsim.circuit.model import parameters, variation
from pimsim.dram.array.faults import Access, Faults
from pimsim.errors import InputError

CIRCUIT = parameters.load("rambus55")
AMBIT = variation.load("ambit-like")


def _checked(*words: str) -> Faults | None:
    args = _parsed(*words)
    require_effects(args, (*fault_options.RULES, *CELSIUS.rules))
    return fault_options.chosen_faults(args)


def _parsed(*words: str) -> argparse.Namespace:
    parser = Parser(prog="p")
    fault_options.add_faults(parser)
    dram.add_mitigation(parser)
    return parser.parse_args(words)


def _chosen(*words: str) -> Faults:
    faults = fault_options.chosen_faults(_parsed(*words))
    assert faults is not None
    return faults


def _write(path: Path, *entries: Estimate, **provenance: object) -> str:
    path.write_text(FailureTable(entries, provenance).to_json(), "utf-8")
    return str(path)


def _sense(rows: int, rate: float = 0.01) -> list[Estimate]:
    copies = rows // 3
    return [Estimate(rows, k * copies, 0, rate, 0.0) for k in range(4)] + [
        Estimate(1, ones, 0, 0.0, 0.0) for ones in (0, 1)
    ]


def test_no_option_no_faults() -> None:
    assert fault_options.chosen_faults(_parsed()) is None
    assert fault_options.stated(_parsed(), None) == {"faults": None}
    assert fault_options.faulty_layers(_parsed()) is None


def test_variation_is_the_table_of_the_circuit() -> None:
    faults = _chosen("--variation", "20")
    assert faults.table.entries == of_circuit(CIRCUIT, AMBIT, 20.0).entries
    assert (faults.chip, faults.noise, faults.rows) == (0, 0, 3)
    rates = faults.static_rates(Access("sense", 3))
    assert rates.tolist() == [faults.table.probability(3, ones) for ones in range(4)]
    nothing = _chosen("--variation", "0")
    assert nothing.static_rates(Access("sense", 3)).tolist() == [0.0] * 4


def test_every_majority_of_the_address_map_is_in_the_table() -> None:
    parser = argparse.ArgumentParser()
    fault_options.add_faults(parser)
    dram.add_address_map(parser)
    plain, five = (
        fault_options.chosen_faults(parser.parse_args(["--variation", "10", *more]))
        for more in ([], ["--address-map", "five-row"])
    )
    assert plain is not None
    assert five is not None
    assert five.table.entries[: len(plain.table.entries)] == plain.table.entries
    assert five.static_rates(Access("sense", 5))[2:4].min() > 0
    with pytest.raises(InputError) as caught:
        plain.static_rates(Access("sense", 5))
    assert str(caught.value) == (
        "the failure table has no entry of 5 rows and 0 ones of the kind sense, and the address "
        "map opens as many at once: take a table that has it, such as one of the circuit"
    )


def test_seeds_are_told_apart_and_leave_the_table_alone() -> None:
    noisy = ("--variation", "20", "--noise-mv", "2")
    faults = _chosen(*noisy, "--seed", "5", "--chip", "7")
    assert (faults.noise, faults.chip) == (5, 7)
    assert faults.table == _chosen(*noisy).table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--variation", "20", "--noise-mv", "2", "--effect", "static", "--seed", "5"],
         "`--seed` has no effect: no failure is noise with --effect static"),
        (["--variation", "20", "--effect", "noise", "--chip", "5"],
         "`--chip` has no effect: all failures are noise"),
    ],
)  # fmt: skip
def test_a_seed_of_what_an_effect_does_not_draw_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        fault_options.chosen_faults(_parsed(*words))
    drawn = {"--seed": "--chip", "--chip": "--seed"}
    other = [drawn.get(word, word) for word in words]
    assert fault_options.chosen_faults(_parsed(*other)) is not None


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        (["--variation", "20", "--seed", "5"], ["--seed has no effect: no failure is noise here"]),
        (["--variation", "20", "--noise-mv", "2", "--seed", "5", "--chip", "5"], []),
        (["--variation", "20", "--chip", "5"], []),
        (["--variation", "0", "--chip", "5"], ["--chip has no effect: no column is weak here"]),
        (["--variation", "20", "--effect", "noise", "--seed", "5"], []),
    ],
)
def test_a_seed_that_a_table_has_no_use_for_is_warned_of(
    words: list[str], warned: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fault_options.chosen_faults(_parsed(*words)) is not None
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(warned)
    for line, message in zip(lines, warned, strict=True):
        assert line.startswith(f"pimsim: warning: {message}")


def test_circuit_options_reach_the_table() -> None:
    words = ("--variation", "50", "--process", "ddr4-like", "--preset", "ddr4-like",
             "--set", "cell.capacitance_ff=20", "--wait-ms", "64",
             "--activation-rows", "8")  # fmt: skip
    faults = _chosen(*words)
    provenance = faults.table.provenance
    assert provenance["circuit"] == "ddr4-like"
    assert provenance["process"]["name"] == "ddr4-like"
    assert provenance["parameters"]["cell.capacitance_ff"] == 20.0
    assert provenance["leaked_time_constants"] > 0.0
    hotter = _chosen(*words, "--celsius", "95").table.provenance
    assert hotter["leaked_time_constants"] > 1.5 * provenance["leaked_time_constants"]
    assert faults.rows == 8
    assert [entry.rows for entry in faults.table.entries] == [1, 1, 8, 8, 8, 8]
    said = fault_options.stated(_parsed(*words), faults)
    assert said["faults"] == "50 % variation of ddr4-like"
    assert (said["circuit"], said["circuit_set"]) == ("ddr4-like", "cell.capacitance_ff=20")
    assert (said["wait_ms"], said["celsius"]) == (64.0, 85.0)


def test_noise_makes_faults_of_the_access() -> None:
    words = ("--variation", "0", "--noise-mv", "50")
    faults = _chosen(*words)
    rates = faults.access_rates(Access("sense", 3)).tolist()
    assert rates == pytest.approx([7.7e-8, 0.0402, 0.0402, 7.7e-8], rel=0.1)
    assert fault_options.stated(_parsed(*words), faults)["noise_mv"] == 50.0


def test_a_table_is_read_and_says_what_it_knows(tmp_path: Path) -> None:
    copy = [Estimate(1, ones, 0, 0.0, 0.25, kind="copy") for ones in (0, 1)]
    file = _write(tmp_path / "mine.json", *_sense(4), *copy, model="guessed")
    words = ("--failures", file, "--activation-rows", "4", "--fault-layers", "fc1, fc2,fc1")
    faults = _chosen(*words)
    assert faults.table.rate("copy", 1, 1) == Rate(0.0, 0.25)
    assert fault_options.stated(_parsed(*words), faults) == {
        "faults": "table mine.json",
        "copies_fail": "as the table says",
        "nots_fail": "never",
        "transfers_fail": "never",
        "chip": 0,
        "seed": 0,
        "effect": "table",
        "fault_layers": "fc1,fc2",
        "failure_model": "guessed",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--variation", "5", "--set", "cell"], "`--set` must be FIELD=VALUE, not 'cell'"),
        (["--process", "ddr4-like"], "`--process` needs --variation"),
        (["--noise-mv", "3"], "`--noise-mv` needs --variation"),
        (["--set", "cell.capacitance_ff=20"], "`--set` needs --variation"),
        (["--wait-ms", "64"], "`--wait-ms` needs --variation"),
        (["--failures", "t.json", "--preset", "crow22"], "`--preset` needs --variation"),
        (["--preset", "rambus55"], "`--preset` needs --variation"),
        (["--variation", "5", "--celsius", "95"],
         "`--celsius` needs --wait-ms, the time that cells leak for"),
        (["--seed", "0"], "`--seed` needs --variation or --failures"),
        (["--chip", "1"], "`--chip` needs --variation, --failures or --disturbance-flips"),
        (["--effect", "noise"], "`--effect` needs --variation or --failures"),
        (["--fault-layers", "fc1"],
         "`--fault-layers` needs --variation, --failures or --disturbance-flips"),
        (["--failures", "no/such.json"],
         "'no/such.json' cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        _checked(*words)


def test_variation_and_failures_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        _parsed("--variation", "5", "--failures", "t.json")
    assert stop.value.code == 2
    assert "`--failures` must not be given with --variation" in capsys.readouterr().err


def test_a_table_that_lacks_what_is_needed_is_refused_before_anything_runs(tmp_path: Path) -> None:
    file = _write(tmp_path / "t.json", *_sense(4), *_sense(8)[:4])
    message = (
        "t.json: the failure table has no entry of 3 rows and 0 ones of the kind sense "
        "(`--activation-rows` may be one of 4, 8)"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        _chosen("--failures", file)
    file = _write(tmp_path / "t.json", *_sense(3)[:5])
    message = "t.json: the failure table has no entry of 1 rows and 1 ones of the kind sense"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        _chosen("--failures", file)


def test_empty_names_of_layers_are_refused() -> None:
    message = "`--fault-layers` must be names of layers with commas between, not 'fc1,,fc2'"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        fault_options.faulty_layers(_parsed("--fault-layers", "fc1,,fc2"))


# -- pimsim circuit convert ------------------------------------------------------------------

SIMRA = """\
op,rows_activated,data_pattern,t1_ns,t2_ns,metric,mean
MAJ3,4,random,1.5,3.0,pct_bitlines_always_correct,68
MAJ3,8,random,1.5,3,pct_bitlines_always_correct,85.5
multi-row-copy,4,random,36,3,pct_cells_correct,99.5
"""


def test_measurements_become_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary, out = tmp_path / "simra.csv", tmp_path / "table.json"
    summary.write_text(SIMRA, "utf-8")
    words = ["circuit", "convert", str(summary), "--copies", "36,3", "--out", str(out)]
    assert cli.main(words) == 0
    shown = capsys.readouterr()
    assert "a half of the bitlines that fail" in " ".join(shown.out.split())
    assert shown.err == ""
    faults = _chosen("--failures", str(out), "--activation-rows", "8")
    assert faults.static_rates(Access("sense", 3)).tolist() == [0.0, 0.0725, 0.0725, 0.0]
    assert faults.access_rates(Access("copy", 3)).tolist() == pytest.approx([0.005, 0.005])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["simra.csv", "table.json"]
    assert cli.main([*words[:3], "--rows", "8", "--split", "sixth", "--json"]) == 0
    table = FailureTable.from_json(capsys.readouterr().out)
    assert table.rate("sense", 8, 4).static == pytest.approx(0.145 / 6)
    assert not any(entry.rows == 4 for entry in table.entries)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "2"], "`--rows` must be integers of at least 3 with commas between, not '2'"),
        (["--rows", "4,x"],
         "`--rows` must be integers of at least 3 with commas between, not '4,x'"),
        (["--rows", "16"], "`rows` must be of 4, 8, on which MAJ3 was measured, not 16"),
        (["--copies", "36"],
         "`--copies` must be two delays in ns with a comma between, such as 36,3, not '36'"),
        (["--distance", "close"],
         "`--distance` must be two of close, middle, far with a comma between, not 'close'"),
        (["--out", "no/such/folder.json"],
         "`--out` must be a file that can be written, not 'no/such/folder.json': there is no "
         "folder 'no/such'"),
    ],
)  # fmt: skip
def test_wishes_that_cannot_be_met_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    summary = tmp_path / "simra.csv"
    summary.write_text(SIMRA, "utf-8")
    assert cli.main(["circuit", "convert", str(summary), *words]) == 2
    assert capsys.readouterr().err == f"pimsim: error: {message}\n"
