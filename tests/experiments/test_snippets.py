"""Every example that a user may copy: in README, on the pages of docs, and under ``--help``.

Python runs; a line of a shell that begins with ``pimsim`` is understood by the real parser.
"""

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
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
CHEAP = ("networks", "primitives", "standards")


def _blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def _shell_lines(text: str) -> list[list[str]]:
    """Commands of the shell blocks of a page, as words, comments dropped, ``&&`` split."""
    lines = [part for block in _blocks("sh", text) for line in block.splitlines()
             for part in line.split("&&")]  # fmt: skip
    split = (shlex.split(line, comments=True) for line in lines)
    return [words[: words.index(">")] if ">" in words else words for words in split if words]


def _indented_lines(text: str) -> Iterator[list[str]]:
    """Commands of indented blocks, each with a remark behind it."""
    for line in re.findall(r"^    (pimsim .*)", text, flags=re.MULTILINE):
        yield shlex.split(re.split(r"\s{3,}| > ", line)[0])


def _pimsim_lines(text: str) -> list[list[str]]:
    return [words for words in (*_shell_lines(text), *_indented_lines(text))
            if words[0] == "pimsim"]  # fmt: skip


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


PIMSIM_LINES = _pimsim_lines(README) + list(_help_examples())
OTHER_LINES = sorted({
    shlex.join(words) for name, text in PAGES.items() if name != "README.md"
    for words in _pimsim_lines(text) if words not in PIMSIM_LINES
})  # fmt: skip
PYTHON = [
    pytest.param(code, id=f"{name}-{number}")
    for name, text in PAGES.items()
    if name != "docs/python.md"  # tests/experiments/api runs these
    for number, code in enumerate(_blocks("python", text))
]


def test_there_are_examples() -> None:
    assert len(_shell_lines(README)) > 8
    assert len(PIMSIM_LINES) > 15
    assert len(OTHER_LINES) > 45
    assert len(PYTHON) > 2


@pytest.mark.parametrize("words", PIMSIM_LINES, ids=" ".join)
def test_pimsim_examples_are_understood(words: list[str]) -> None:
    if "--help" in words:
        assert cli.main(words[1:]) == 0
    else:
        cli.build_parser().parse_args(words[1:])  # SystemExit if it is not


@pytest.mark.parametrize("line", OTHER_LINES)
def test_lines_of_the_pages_are_understood(line: str) -> None:
    words = shlex.split(line)
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


@pytest.mark.parametrize("name", PAGES)
def test_make_targets_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {words[1] for words in _shell_lines(PAGES[name]) if words[0] == "make"}
    assert name != "README.md" or {"run", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_other_shell_lines_are_of_a_known_kind(name: str) -> None:
    lines = _shell_lines(PAGES[name])
    kinds = {words[0] for words in lines}
    if name == "CONTRIBUTING.md":
        kinds -= {".ci/run", "git", "python"}
    assert kinds <= {"pimsim", "make", "pip", "python3", "."}
    extras = [w for words in lines if words[0] == "pip" for w in words if "[" in w]
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    for extra in extras:
        found = re.search(r"\[(\w+)\]", extra)
        assert found
        assert re.search(rf"^{found[1]} = \[", pyproject, flags=re.MULTILINE)


@pytest.mark.parametrize("code", PYTHON)
def test_python_blocks_run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
