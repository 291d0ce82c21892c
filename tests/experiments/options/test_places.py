"""Nothing that a command reads, or has just written, is written over."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from bnn import zoo
from experiments import cli


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(zoo.locate("digits-mlp"), "net.keras")
    np.savez("x.npz", x=np.zeros((1, 64), np.float32))
    Path("t.json").write_text("{}")
    Path("p.toml").write_text("")
    Path("link").symlink_to("net.keras")
    os.link("x.npz", "hard")
    Path("out").mkdir()
    Path("out/report.json").write_text("old")


RUN = ("run", "net.keras", "--data", "x.npz")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (f"--trace perfetto:{path}", f"`--trace` must not be written over the file of `{what}`, "
         f"which is read: {path!r}")
        for path, what in (
            ("net.keras", "network"), ("out/../net.keras", "network"), ("link", "network"),
            ("x.npz", "--data"), ("hard", "--data"),
        )
    ] + [
        ("--variation 5 --process p.toml --trace perfetto:p.toml", "the file of `--process`"),
        ("--variation 5 --preset p.toml --trace perfetto:p.toml", "the file of `--preset`"),
        ("--standard p.toml --trace perfetto:p.toml", "the file of `--standard`"),
        ("--address-map p.toml --trace perfetto:p.toml", "the file of `--address-map`"),
        ("--failures t.json --trace perfetto:t.json", "the file of `--failures`"),
        ("--trace perfetto:a --trace drampower:./a", "must name a file of its own, not that of "
         "`--trace` again: 'a'"),
        ("--trace perfetto:a --trace perfetto:a", "must name a file of its own"),
        ("--trace perfetto:out/report.json --out out", "`--out` must be another folder than 'out'"
         ": a result is written to report.json there, which `--trace` names"),
        ("--trace perfetto:new/layers.csv --out new", "written to layers.csv there"),
        ("--failures out/report.json --out out", "which `--failures` reads"),
        ("--trace perfetto:out", "must be a file that can be written, not the folder 'out'"),
        ("--trace perfetto:no/x", "not 'no/x': there is no folder 'no'"),
        ("--trace perfetto:/dev/null", "not '/dev/null', which is a device or a pipe"),
        ("--trace perfetto:t.json/x", "must be a file that can be written, not 't.json/x'"),
        ("--out t.json", "`--out` must be a folder that can be written, not 't.json'"),
    ],
)  # fmt: skip
def test_a_run_replaces_nothing_of_its_own(
    argv: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert cli.main([*RUN, *argv.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("circuit convert t.json --out t.json", "`--out` must not be written over the file of "
         "`files`, which is read: 't.json'"),
        ("circuit convert t.json --out /dev/null", "which is a device or a pipe"),
        ("circuit tra --csv p.toml --preset p.toml", "over the file of `--preset`"),
        ("circuit tra --csv out/tra.csv --out out", "written to tra.csv there"),
        ("circuit tra --csv out", "not the folder 'out'"),
        ("circuit failures --process out/failures.csv --out out", "which `--process` reads"),
        ("train digits-mlp --out no/x.h5", "there is no folder 'no'"),
        ("study variation --out t.json", "`--out` must be a folder that can be written"),
        ("sweep tra-failure --out t.json/x", "'t.json' is not a folder"),
    ],
)  # fmt: skip
def test_other_commands_replace_nothing_of_their_own(
    argv: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out/failures.csv").write_text("")
    assert cli.main(argv.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert message in printed.err


def test_data_sets_and_bundled_networks_are_spared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIMSIM_DATA", str(Path("out").absolute()))
    bundled = zoo.locate("digits-mlp")
    before = bundled.read_bytes()
    for path in ("out/report.json", str(bundled)):
        assert cli.main([*RUN, "--trace", f"perfetto:{path}"]) == 2
        assert "holds what is read" in capsys.readouterr().err
    argv = ["run", "digits-mlp", "--trace", f"perfetto:{bundled}"]
    assert cli.main(argv) == 2
    assert bundled.read_bytes() == before


def test_what_else_stands_there_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*RUN, "--trace", "drampower:t.json", "--out", "out"]) == 0
    assert "END" in Path("t.json").read_text()
    assert Path("out/report.json").read_text() != "old"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        ("run pipe", "network"),
        ("run net.keras --data pipe.npz", "--data"),
        ("run net.keras --data x.npz --labels pipe", "--labels"),
        ("run net.keras --data x.npz --failures pipe", "--failures"),
        ("run net.keras --data x.npz --variation 5 --preset pipe.toml", "--preset"),
        ("run net.keras --data x.npz --variation 5 --process pipe.toml", "--process"),
        ("primitives --standard pipe.toml", "--standard"),
        ("standards pipe.toml", "standard"),
        ("sweep pipe.toml", "spec"),
        ("circuit preset pipe.toml", "file"),
        ("circuit convert pipe", "files"),
    ],
)
def test_a_pipe_that_nobody_may_write_to_is_not_waited_for(
    words: str, argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe")
    for ending in ("npz", "toml"):
        Path(f"pipe.{ending}").symlink_to("pipe")
    assert cli.main(words.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pimsim: error: `{argument}` must be a file, not the pipe 'pipe")


def test_what_a_shell_makes_of_a_command_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a,b\n")
    os.close(writing)
    assert cli.main(["circuit", "convert", f"/dev/fd/{reading}"]) == 2
    os.close(reading)
    assert "must have the columns op" in capsys.readouterr().err
