"""The command line: exit codes, one line of error, JSON and nothing else."""

from __future__ import annotations

import argparse
import errno
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments import cli
from experiments.options import dram
from experiments.options.table import STANDARD
from pimsim import __version__
from pimsim.dram.energy import ENERGY_MODES
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard as standards
from pimsim.errors import InputError
from pimsim.microprogram.primitives import PRIMITIVES


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    assert cli.main(argv) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    loaded: dict[str, object] = json.loads(printed.out)
    return loaded


def _refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert cli.main(argv) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.endswith("\n")
    return printed.err[:-1]


# What each command prints


def test_primitives_as_json_keep_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    out = _json(capsys, "primitives", "--json", "--no-faw")
    rows = out["primitives"]
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == list(PRIMITIVES)
    by_name = {row["name"]: row for row in rows}
    for name, aap, ap, latency_ns, nj_per_kb, gb_per_s in (
        # Ambit, MICRO 2017; throughput: 8 banks x 8192 B / latency
        ("not", 2, 0, 98.0, 1.57, 669),
        ("and", 4, 0, 196.0, 3.15, 334),
        ("nand", 5, 0, 245.0, 3.93, 267),
        ("xor", 5, 2, 335.0, 5.50, 196),
    ):
        row = by_name[name]
        assert (row["aap"], row["ap"], row["latency_ns"]) == (aap, ap, latency_ns)
        assert row["energy_nj_per_kb"] == pytest.approx(nj_per_kb, abs=0.005)
        assert row["throughput_gb_per_s"] == pytest.approx(gb_per_s, abs=0.5)
    stated = out["assumptions"]
    assert isinstance(stated, dict)
    assert stated["standard"] == "ddr3-1600-8-8-8"
    assert stated["faw"] is False
    assert stated["refresh"] is False


def test_primitives_options_reach_the_cost_model(capsys: pytest.CaptureFixture[str]) -> None:
    out = _json(
        capsys, "primitives", "--json", "--standard", "ddr3-1600-11-11-11", "--banks", "2",
        "--energy", "datasheet", "--refresh", "--no-split-decoder", "--acts-per-aap", "1",
        "--extra-wordline-factor", "0.22",
    )  # fmt: skip
    stated = out["assumptions"]
    assert isinstance(stated, dict)
    assert {
        key: stated[key]
        for key in ("bin", "banks", "energy", "refresh", "faw", "decoder", "acts_per_aap", "aap_ns")
    } == {
        "bin": "11-11-11", "banks": 2, "energy": "datasheet", "refresh": True, "faw": True,
        "decoder": "shared", "acts_per_aap": 1, "aap_ns": 83.75,
    }  # fmt: skip
    assert stated["extra_wordline_factor"] == 0.22


def test_tables_hold_what_the_json_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["primitives"]) == 0
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name in PRIMITIVES)
    assert "AAP" in out
    assert "bin 8-8-8" in out
    assert "acts_per_aap 2" in out
    assert max(map(len, out.splitlines())) <= 120
    (row,) = (line.split() for line in out.splitlines() if line.startswith(" nand "))
    assert row[:7] == ["nand", "1", "5", "0", "245.00", "3.93", "109.23"]


def test_standards(capsys: pytest.CaptureFixture[str]) -> None:
    out = _json(capsys, "standards", "--json")
    listed = out["standards"]
    assert isinstance(listed, list)
    assert [one["name"] for one in listed] == list(standards.names())
    assert listed[0]["timing"]["t_rp_ps"] == 13_750
    assert listed[0]["aap_ns"] == 52.75
    assert "JESD79-3F" in listed[0]["sources"]["timing.t_rp_ps"]

    assert cli.main(["standards"]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in standards.names())
    (row,) = (line.split() for line in table.splitlines() if line.startswith(" ddr4-3200 "))
    assert row[:6] == ["ddr4-3200", "25.6", "1x1x16", "8", "21.25", "50.25"]

    assert cli.main(["standards", "ddr3-1600-8-8-8"]) == 0
    table = capsys.readouterr().out
    assert "timing.t_refi_ps                7,800,000" in table
    assert "gem5" in table


def test_options_default_to_the_cost_models_own_defaults() -> None:
    parser = argparse.ArgumentParser()
    dram.add_dram(parser)
    standard, options = dram.chosen_dram(parser.parse_args([]))
    assert standard.name == STANDARD.default
    assert options == ModelOptions()
    for mode in ENERGY_MODES:  # spelled out there, so that --help imports nothing
        assert dram.chosen_dram(parser.parse_args(["--energy", mode]))[1].energy == mode


# Bad usage


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--frobnicate"], "pimsim: error: unknown option `--frobnicate` (see pimsim --help)"),
        (["primitivs"], "pimsim: error: `COMMAND` must be one of run, compare, advise, networks, "),
        (
            ["primitives", "--banks", "x"],
            "pimsim primitives: error: `--banks` must be an integer, not 'x' (see pimsim "
            "primitives --help)",
        ),
        (
            ["primitives", "--bank", "4"],
            "pimsim primitives: error: unknown option `--bank`; did you mean `--banks`? (see ",
        ),
        (["primitives", "--banks"], "pimsim primitives: error: `--banks` needs a value (see "),
        (["primitives", "more"], "pimsim primitives: error: unexpected argument 'more' (see "),
        (
            ["primitives", "--banks", "0"],
            "pimsim primitives: error: `--banks` must be an integer from 1 to 1,048,576, not 0 (",
        ),
        (["primitives", "--banks", "9"], "pimsim: error: `banks` must be at most 8, the banks of"),
        (
            ["primitives", "--standard", "ddr9"],
            "pimsim: error: `standard` must be one of ddr3-1600-11-11-11, ddr3-1600-8-8-8, ",
        ),
        (["standards", "absent.toml"], "pimsim: error: `standard` 'absent.toml' cannot be read"),
        (
            ["primitives", "--extra-wordline-factor", "nan"],
            "pimsim primitives: error: `--extra-wordline-factor` must be a finite number, not nan",
        ),
    ],
)
def test_bad_usage_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], argv: Sequence[str], message: str
) -> None:
    assert _refusal(capsys, *argv).startswith(message)


def test_what_a_command_raises_becomes_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(error: BaseException) -> int:
        def run(_: object) -> int:
            raise error

        monkeypatch.setattr("experiments.commands.primitives.run", run)
        return cli.main(["primitives"])

    assert raising(InputError("`x` must be\n  1, not 2")) == 2
    assert capsys.readouterr().err == "pimsim: error: `x` must be 1, not 2\n"
    assert raising(PermissionError(13, "Permission denied", "there")) == 2
    assert capsys.readouterr().err == "pimsim: error: Permission denied: 'there'\n"
    assert raising(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "pimsim: error: interrupted\n"
    assert raising(OSError(errno.ENOMEM, "Cannot allocate memory")) == 2
    assert capsys.readouterr().err.startswith("pimsim: error: not enough memory: ")
    assert raising(MemoryError()) == 2
    assert capsys.readouterr().err == (
        "pimsim: error: not enough memory: none is left; it takes more of it\n"
    )


def test_a_fault_of_ours_is_one_line_and_its_traceback_is_there_for_the_asking(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: object) -> int:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("experiments.commands.primitives.run", run)
    monkeypatch.delenv("PIMSIM_DEBUG", raising=False)
    assert cli.main(["primitives"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("pimsim: error: ZeroDivisionError: by zero (a fault of pimsim, ")
    assert said.count("\n") == 1
    monkeypatch.setenv("PIMSIM_DEBUG", "1")
    assert cli.main(["primitives"]) == 1
    assert capsys.readouterr().err.endswith(said)
    assert cli.main(["primitives"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


# Help that teaches


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"pimsim {__version__}\n"


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: str(command.NAME))
def test_every_command_teaches(capsys: pytest.CaptureFixture[str], command: cli.Command) -> None:
    assert cli.main([command.NAME, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: pimsim {command.NAME} " in text
    assert f"\nexamples:\n  pimsim {command.NAME}" in text
    assert cli.main(["--help"]) == 0
    overview = " ".join(capsys.readouterr().out.split())
    assert f"{command.NAME} {command.HELP}" in overview


def test_a_standard_as_toml_is_one_to_run_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["standards", "ddr4-2400", "--toml"]) == 0
    mine = tmp_path / "mine.toml"
    mine.write_text(capsys.readouterr().out, "utf-8")
    assert cli.main(["standards", str(mine), "--json"]) == 0
    own = capsys.readouterr().out
    assert cli.main(["standards", "ddr4-2400", "--json"]) == 0
    assert own == capsys.readouterr().out
    for argv in (["standards", "--toml"], ["standards", "hbm2", "--toml", "--json"]):
        assert cli.main(argv) == 2
        assert "`--toml` must come with the name of one" in capsys.readouterr().err


# What people type first


@pytest.mark.parametrize("words", [[], ["circuit"], ["reproduce"]], ids=" ".join)
def test_a_command_that_lacks_its_subcommand_says_which_there_are(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    parser = cli.build_parser()
    for word in words:
        (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = group.choices[word]
    (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    assert all(f"\n  {name} " in printed.err for name in group.choices)
    assert " ".join(["pimsim help", *words]) in printed.err


@pytest.mark.parametrize("words", [[], ["run"], ["circuit", "failures"]], ids=" ".join)
def test_help_is_what_the_option_prints(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["help", *words]) == 0
    printed = capsys.readouterr().out
    assert cli.main([*words, "--help"]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_every_command_and_option(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(str(command.NAME) in script for command in cli.COMMANDS)
    assert "fault-layers" in script
