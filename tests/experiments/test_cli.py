"""The command line: exit codes, one line of error, JSON and nothing else, and start-up time."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import subprocess
import sys
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


# The process


def _python(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    before = os.environ.get("PYTHONPATH", "")
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] += os.pathsep + before
    return subprocess.run(
        [sys.executable, *argv],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_help_imports_nothing_but_this_and_what_python_has() -> None:
    """That is what lets it start at once."""
    code = """
import contextlib, io, sys
before = set(sys.modules)  # what the installation loads for every program
from experiments import cli
with contextlib.redirect_stdout(io.StringIO()):
    for words in [], *([command.NAME] for command in cli.COMMANDS), ["circuit", "failures"]:
        assert cli.main([*words, "--help"]) == 0
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(roots - sys.stdlib_module_names))
"""
    done = _python("-c", code)
    assert done.stdout == "['experiments', 'pimsim']\n", done.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    pipe = subprocess.Popen(
        [sys.executable, "-m", "experiments", "primitives"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert pipe.stdout is not None
    assert pipe.stderr is not None
    pipe.stdout.close()
    assert pipe.stderr.read() == b""
    pipe.stderr.close()
    assert pipe.wait(60) == 0


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


def test_the_package_is_the_command() -> None:
    done = _python("-m", "pimsim", "-V")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pimsim {__version__}\n", "")


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 0, ""),
        ("2>&- >&- <&-", 0, ""),
        (">/dev/full", 2, "pimsim: error: No space left on device\n"),
    ],
)
def test_streams_that_are_closed_or_full(redirection: str, code: int, said: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m experiments standards {redirection}', sys.executable],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


@pytest.mark.parametrize("module", ["experiments", "pimsim"])
def test_an_interruption_is_one_line_from_the_first_import_on(module: str, tmp_path: Path) -> None:
    """Ctrl-C while something is imported; a shell's background would ignore it."""
    (tmp_path / "sitecustomize.py").write_text(
        """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "experiments.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
""",
        "utf-8",
    )
    done = _python("-m", module, "standards", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (
        130, "", "pimsim: error: interrupted\n",
    )  # fmt: skip


def test_a_second_interruption_does_not_disturb_the_end(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        """
import atexit, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), signal.SIGINT)
from pimsim.dram.standard import standard as standards
standards.names = lambda: os.kill(os.getpid(), signal.SIGINT)
""",
        "utf-8",
    )
    done = _python("-m", "experiments", "standards", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (
        130, "", "pimsim: error: interrupted\n",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whatever_ends_a_run_leaves_nothing_half_made(name: str, tmp_path: Path) -> None:
    """Ctrl-C, `kill` and a batch system, a terminal that is closed."""
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
for one in (signal.SIGTERM, signal.SIGHUP):  # the tests themselves may run under nohup
    signal.signal(one, signal.SIG_DFL)
from experiments.report import simulated
simulated.simulate = lambda *_: os.kill(os.getpid(), signal.{name})
""",
        "utf-8",
    )
    out = tmp_path / "new"
    done = _python(
        "-m", "experiments", "run", "digits-mlp", "--out", str(out), PYTHONPATH=str(tmp_path)
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        130, "", "pimsim: error: interrupted\n",
    )  # fmt: skip
    assert not out.exists()


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        """
import atexit, os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
atexit.register(os.kill, os.getpid(), signal.SIGHUP)
""",
        "utf-8",
    )
    done = _python("-m", "experiments", "standards", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_imports_nothing_that_it_does_not_use() -> None:
    """Each run pays for what is imported, and for collecting where thresholds are lowered again."""
    code = """if True:
        import gc, sys
        from experiments import __main__ as program
        sys.argv = ["pimsim", "run", "digits-mlp", "--limit", "1", "--no-check"]
        assert program.main() == 0
        unused = (
            "pimsim.executors.faulty.program bnn.backends.faulty bnn.backends.noise "
            "pimsim.circuit pimsim.dram.array.injection bnn.system.activations "
            "pimsim.dram.traces bnn.tables.graph bnn.training.card bnn.run.audit "
            "bnn.run.estimate bnn.backends.reference importlib.metadata"
        ).split()
        print([name for name in unused if name in sys.modules], file=sys.stderr)
        print(gc.get_threshold() == program.COLLECTED_AFTER, file=sys.stderr)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-2:] == ["[]", "True"]


@pytest.mark.parametrize("own", [None, "20"])
def test_idle_threads_of_products_sleep_unless_the_user_says_otherwise(own: str | None) -> None:
    """OpenBLAS reads how long they wait when numpy is imported: it must be said before."""
    code = """if True:
        import os, sys
        from experiments import __main__ as program
        before = "numpy" in sys.modules
        sys.argv = ["pimsim", "--version"]
        assert program.main() == 0
        print(before, os.environ["OPENBLAS_THREAD_TIMEOUT"])
    """
    environment = {name: each for name, each in os.environ.items() if "OPENBLAS" not in name}
    environment |= {} if own is None else {"OPENBLAS_THREAD_TIMEOUT": own}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == f"False {own or 4}"


# Memory


LITTLE = (
    "standards",
    "networks",
    "address-maps",
    "primitives",
    "circuit preset",
    "chips program maj3",
)
"""Commands that load NumPy alone."""
LOADED = """
import contextlib, io, sys
from experiments import cli
for command in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main(command.split()) == 0, command
    print(sorted({"scipy", "llvmlite", "numba"} & {*sys.modules}))
"""


def test_commands_that_say_so_load_little() -> None:
    parser, limits = cli.build_parser(), set()
    for command in LITTLE:
        limits.add(parser.parse_args(command.split()).libraries)
    assert limits == {"numpy"}
    words = [sys.executable, "-c", LOADED, *LITTLE]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n" * len(LITTLE)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize(("limit_mib", "command"), [(60, "standards"), (400, "run digits-mlp")])
def test_an_address_space_that_is_too_small_is_refused_in_one_line(
    limit_mib: int, command: str
) -> None:
    """Where libraries would end the process, or wait for ever."""
    shell = f'ulimit -v {limit_mib << 10}; exec "$0" -m experiments {command}'
    done = subprocess.run(
        ["bash", "-c", shell, sys.executable],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    said = r"pimsim: error: the libraries of pimsim need \S+ .iB of address space, but .*\n"
    assert re.fullmatch(said, done.stderr)
