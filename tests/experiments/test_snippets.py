"""Every example that a user may copy: README blocks and the examples under ``--help``."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CHEAP = ("networks", "primitives", "standards")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def _shell_lines() -> list[list[str]]:
    """Commands of README's shell blocks, as words, comments dropped, ``&&`` split."""
    lines = [part for block in _blocks("sh") for line in block.splitlines()
             for part in line.split("&&")]  # fmt: skip
    split = (shlex.split(line, comments=True) for line in lines)
    return [words[: words.index(">")] if ">" in words else words for words in split if words]


def _help_examples() -> Iterator[list[str]]:
    top = cli.build_parser()
    texts = [top.epilog or ""]
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts += [parser.epilog or "" for parser in action.choices.values()]
    for line in "\n".join(texts).splitlines():
        command = re.split(r"\s{3,}| > ", line.strip())[0]  # a remark follows, or a file
        if command.startswith("pimsim "):
            yield shlex.split(command)


PIMSIM_LINES = [w for w in _shell_lines() if w[0] == "pimsim"] + list(_help_examples())


def test_there_are_examples() -> None:
    assert len(_shell_lines()) > 8
    assert len(PIMSIM_LINES) > 15
    assert len(_blocks("python")) >= 1


@pytest.mark.parametrize("words", PIMSIM_LINES, ids=" ".join)
def test_pimsim_examples_are_understood(words: list[str]) -> None:
    if "--help" in words:
        assert cli.main(words[1:]) == 0
    else:
        cli.build_parser().parse_args(words[1:])  # SystemExit if it is not


@pytest.mark.parametrize(
    "words", [w for w in PIMSIM_LINES if w[1] in CHEAP and "FILE" not in str(w)], ids=" ".join
)
def test_cheap_examples_run(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words[1:]) == 0
    assert capsys.readouterr().err == ""


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [words[1] for words in _shell_lines() if words[0] == "make"]
    assert {"run", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_other_shell_lines_are_of_a_known_kind() -> None:
    kinds = {words[0] for words in _shell_lines()}
    assert kinds <= {"pimsim", "make", "pip", "python3", "."}
    extras = [w for words in _shell_lines() if words[0] == "pip" for w in words if "[" in w]
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    for extra in extras:
        name = re.search(r"\[(\w+)\]", extra)
        assert name
        assert re.search(rf"^{name[1]} = \[", pyproject, flags=re.MULTILINE)


@pytest.mark.parametrize("code", _blocks("python"))
def test_python_blocks_of_the_readme_run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
