"""Every notebook runs from top to bottom, solutions too, and becomes a page that loads nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*-*.py"))
TOOLS = ("jupytext", "nbclient", "nbconvert", "ipykernel")
_MISSING = [name for name in TOOLS if importlib.util.find_spec(name) is None]


def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _case(path: Path) -> object:
    marks = [pytest.mark.slow]
    if re.search(r"^import (larq|tf_keras|tensorflow)", _text(path), re.MULTILINE):
        marks.append(pytest.mark.larq)
    return pytest.param(path, marks=marks, id=path.stem)


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebooks that this session is about: one process runs them all."""
    ours = [item for item in request.session.items if item.path == request.path]
    called = [getattr(item, "callspec", None) for item in ours]
    paths = [one.params["notebook"] for one in called if one and "notebook" in one.params]
    folder = tmp_path_factory.mktemp("notebooks")
    command = [sys.executable, "notebooks/build.py", "--out", str(folder), "--solutions"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "agg",
        "PIMSIM_CACHE": str(folder / "plans"),  # as for those who read them
    }
    done = subprocess.run(
        [*command, *map(str, paths)], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")
@pytest.mark.parametrize("notebook", [_case(path) for path in NOTEBOOKS])
def test_a_notebook_runs(notebook: Path, built: Path) -> None:
    assert json.loads((built / f"{notebook.stem}.ipynb").read_text("utf-8"))["nbformat"] == 4
    page = (built / f"{notebook.stem}.html").read_text("utf-8")
    assert "<script" not in page
    loaded = r"""<(?:link|img|iframe)[^>]*(?:src|href)=["']https?:|@import|url\(["']?https?:"""
    assert not re.search(loaded, page), "a page loads nothing; links are for those who click"
    assert ("<img" in page) == ("plt.show()" in _text(notebook))
    hidden = re.findall(r"<details><summary>Solutions</summary>(.*?)</details>", page, re.DOTALL)
    assert len(hidden) == 1
    assert "<pre>" in hidden[0]
    assert "hidden-" not in page
    assert "Traceback" not in page


def test_the_course_is_whole() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == [
        f"{n:02}" for n in range(1, len(NOTEBOOKS) + 1)
    ]
    assert len(NOTEBOOKS) >= 9


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_made_like_the_others(path: Path) -> None:
    """An install cell that does nothing here, a numbered title, exercises with hidden solutions."""
    cells = re.split(r"^# %%", _text(path), flags=re.MULTILINE)
    assert cells[1].startswith(' tags=["install"]')
    assert 'importlib.util.find_spec("pimsim") is None' in cells[1]
    assert cells[2].startswith(f" [markdown]\n# # {int(path.stem[:2])} ")
    assert "\n# ## Exercises\n" in cells[-1]
    head, _, hidden = cells[-1].partition("<details><summary>Solutions</summary>")
    assert re.search(r"^# 1\. ", head, re.MULTILINE)
    assert "```python" in hidden
    assert "</details>" in hidden


def _commands() -> list[tuple[str, str]]:
    texts = "\n".join(map(_text, NOTEBOOKS))
    return sorted(set(re.findall(r"`pimsim ([^`\n]+)`|^# *# pimsim (.+)$", texts, re.MULTILINE)))


@pytest.mark.parametrize("found", _commands(), ids=" ".join)
def test_a_command_that_is_named_is_understood(found: tuple[str, str]) -> None:
    cli.build_parser().parse_args(shlex.split("".join(found)))  # SystemExit if it is not


WORDS = (
    "1T1C", "2T1C", "charge sharing", "triple-row activation", "AND", "OR", "NOT", "XNOR",
    "popcount",
    "32x", "35x", "separated) **decoder", "split", "weight-stationary", "output-stationary",
    "output tree", "AAP", "AP", "TRA", "dual-contact", "dataflow", "tFAW", "process variation",
    "straight-through", "binarized", "screening",
)  # fmt: skip
"""What a course on accelerators names, to be found by a search."""


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_course_is_found(word: str) -> None:
    assert any(word in _text(path) for path in NOTEBOOKS)
