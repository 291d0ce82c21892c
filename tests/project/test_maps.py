"""Maps and pages for people name what there is: files, functions in them, and every package."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("pimsim", "bnn", "experiments")
MAPS = [
    *(path for path in sorted(ROOT.glob("*.md")) if path.name != "CHANGELOG.md"),  # of what was
    *sorted((ROOT / "docs").glob("*.md")),
]
PACKAGES = sorted(path.parent for floor in FLOORS for path in (ROOT / floor).rglob("__init__.py"))

_PATH = re.compile(r"(?:\.?[\w-]+/)*[\w.-]*[\w-]/?")
_FUNCTION = re.compile(r"((?:[\w.-]+/)*[\w-]+\.py):([A-Za-z_][\w.]*)")
_CITED = re.compile(r"\[(`[^\]\n]*`)\](?!\()")
"""Files in brackets, as pages name the code behind what they say."""
_MODULE = re.compile(r":mod:`~?([a-z_.0-9]+)`")


@cache
def _names(path: Path) -> frozenset[str]:
    """What a module has at its top level, and what its classes have: ``name``, ``Class.name``."""
    found: set[str] = set()

    def note(body: list[ast.stmt], before: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.add(before + node.name)
            if isinstance(node, ast.ClassDef):
                note(node.body, f"{before}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            found.update(before + each.id for each in targets if isinstance(each, ast.Name))

    note(ast.parse(path.read_text("utf-8")).body, "")
    return frozenset(found)


def _wrong(text: str, *, to_be_added: bool = False) -> list[str]:
    """What of the names in a text is not there; of files ``to_be_added``, the folder is enough."""
    wrong = []
    for path, name in _FUNCTION.findall(text):
        module = ROOT / path
        if not module.is_file() or name not in _names(module):
            wrong.append(f"{path}:{name}")
    for word in re.findall(r"`([^`\n]+)`", text):
        inside = word.startswith(tuple(f"{floor}/" for floor in (*FLOORS, "tests", "docs")))
        wanted = (ROOT / word).parent if to_be_added else ROOT / word
        if inside and _PATH.fullmatch(word) and not wanted.exists():
            wrong.append(word)
    cited = [word for some in _CITED.findall(text) for word in re.findall(r"`([^`]+)`", some)]
    return [*wrong, *(word for word in cited if word not in wrong and not (ROOT / word).exists())]


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.name)
def test_what_a_map_names_is_there(path: Path) -> None:
    assert _wrong(path.read_text("utf-8"), to_be_added=path.name == "CONTRIBUTING.md") == []


def test_what_is_not_there_is_found() -> None:
    text = (
        "`bnn/run/plan.py:walk`, `bnn/run/plan.py:crawl`, `bnn/run/fly.py:fly`, `bnn/run/`,\n"
        "`bnn/flight`, `bnn/run/plan.py:LayerRun.where`, `bnn/run/plan.py:LayerRun.why`\n"
        "[`bnn/run/plan.py`, `run/plan.py`], [`and` links](walk.py)"
    )
    assert _wrong(text) == [
        "bnn/run/plan.py:crawl", "bnn/run/fly.py:fly", "bnn/run/plan.py:LayerRun.why", "bnn/flight",
        "run/plan.py",
    ]  # fmt: skip


def test_the_architecture_shows_every_package_and_takes_five_journeys() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    shown = {
        name
        for row in text.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    }
    inside = {str(path.relative_to(ROOT)) for path in PACKAGES} - set(FLOORS)
    assert sorted(inside - shown) == []
    journeys = re.split(r"^## \d\. ", text, flags=re.MULTILINE)[1:]
    assert len(journeys) == 5
    for journey in journeys:
        steps = re.split(r"^\d+\. ", journey, flags=re.MULTILINE)[1:]
        assert len(steps) > 5
        nowhere = [step for step in steps if not _FUNCTION.search(step)]
        assert nowhere == [], "a step names no function"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_says_how_to_read_it(package: Path) -> None:
    said = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    first, *further = said.split("\n\n")
    assert "\n" not in first, "the first line stands alone: it is what lists of areas show"
    assert any(not each.startswith(">>>") for each in further), "what it holds, in which order, ..."
    for name in _MODULE.findall(said):
        module = ROOT / name.replace(".", "/")
        assert module.is_dir() or module.with_suffix(".py").is_file(), name
