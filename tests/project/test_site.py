"""The documentation as a site: built without a warning, complete, and fetching nothing."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
SHAPES = ("h1", "h2", "h3", "li", "table", "pre", "img", "blockquote")
"""What must be as often on a page of the site as where the file is read as it is."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    pytest.importorskip("mkdocs", reason="needs the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=600,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


class _Article(HTMLParser):
    """Counts what stands in the article of a page, and notes what a page fetches by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shapes: Counter[str] = Counter()
        self.fetched: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside |= tag == "article"
        if self._inside and tag in SHAPES:
            self.shapes[tag] += 1
        if tag in ("img", "script", "iframe", "source", "audio", "video"):
            self.fetched.append(given.get("src") or "")
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.fetched.append(given.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "article"


@pytest.mark.slow
def test_pages_look_as_where_they_are_read_as_they_are(site: Path) -> None:
    plain = MarkdownIt("commonmark").enable("table")
    for page in PAGES:
        shapes = Counter(re.findall(rf"<({'|'.join(SHAPES)})\b", plain.render(page.read_text())))
        made = _Article((site / f"{page.stem}.html").read_text("utf-8"))
        assert made.shapes == shapes, page.name


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        text = page.read_text("utf-8")
        away = [link for link in _Article(text).fetched if re.match(r"(?:https?:)?//", link)]
        assert away == [], page.name
        assert "fonts.googleapis" not in text


@pytest.mark.slow
def test_all_packages_recipes_and_pages_have_their_place(site: Path) -> None:
    for package in ("pimsim", "bnn", "experiments"):
        for path in (ROOT / package).rglob("__init__.py"):
            name = ".".join(path.parent.relative_to(ROOT).parts)
            assert (site / "reference" / f"{name}.html").is_file(), name
    recipes = re.findall(
        r"^## (.*)", (ROOT / "CONTRIBUTING.md").read_text().partition("# Recipes")[2], re.M
    )
    assert len(recipes) > 5
    assert len(list((site / "add").glob("*.html"))) == len(recipes)
    front = (site / "index.html").read_text("utf-8")
    for page in PAGES:
        assert f'href="{page.stem}.html"' in front, f"{page.name} is not in the navigation"
    for notebook in (ROOT / "notebooks").glob("[0-9]*.py"):
        assert (site / "notebooks" / f"{notebook.stem}.html").is_file()
    reference = (site / "reference" / "pimsim.dram.array.html").read_text("utf-8")
    assert ":mod:`" not in reference
    assert "&gt;&gt;&gt; " not in re.sub(r"<pre>.*?</pre>", "", reference, flags=re.DOTALL)


@pytest.mark.parametrize("name", ["hooks", "docstrings"])
def test_examples_of_what_makes_the_site_run(
    name: str, module_at: Callable[[Path], ModuleType]
) -> None:
    pytest.importorskip("mkdocstrings_handlers.python", reason="needs the extra `docs`")
    done = doctest.testmod(module_at(ROOT / "docs" / "site" / f"{name}.py"))
    assert done.attempted > 0
    assert done.failed == 0


NOTEBOOK = """\
# %%
# This installs pimsim.

# %% [markdown]
# # A cell
# One bit of charge.

# %%
print(1 + 1)

# %% tags=["solution"]
print(2)
"""


def test_a_notebook_is_a_page_that_hides_its_solutions(
    tmp_path: Path, module_at: Callable[[Path], ModuleType]
) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra `docs`")
    pytest.importorskip("jupytext", reason="needs the extra `docs`")
    (tmp_path / "cell.py").write_text(NOTEBOOK)
    page = module_at(ROOT / "docs" / "site" / "hooks.py").notebook(tmp_path / "cell.py")
    first, installs, code, *_ = page.split("\n\n")
    assert first == "# A cell\nOne bit of charge."
    assert installs == "```python\n# This installs pimsim.\n```"
    assert code == "```python\nprint(1 + 1)\n```"
    assert page.rstrip().endswith("```python\nprint(2)\n```\n\n</details>")
    assert page.count("<details markdown") == 1


def test_formulas_are_drawn_and_not_shown_as_their_source(
    tmp_path: Path, module_at: Callable[[Path], ModuleType]
) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra `docs`")
    pytest.importorskip("jupytext", reason="needs the extra `docs`")
    notebook = module_at(ROOT / "docs" / "site" / "hooks.py").notebook
    (tmp_path / "cell.py").write_text(NOTEBOOK.replace("One bit", "$$\\frac{a}{b}$$\n#\n# One bit"))
    page = notebook(tmp_path / "cell.py")
    assert "latex" not in page
    assert "$" not in page
    assert page.count("<svg role") == page.count('fill="currentColor"') == 1
    shown = [notebook(path) for path in sorted((ROOT / "notebooks").glob("[0-9]*.py"))]
    assert sum(page.count("<svg role") for page in shown) >= 4
    assert not any("$$" in page or "```latex" in page for page in shown)


def _glossary() -> dict[str, str]:
    """The module by term."""
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!term |-)(.*?) \| .* \| (.*?) \|$", text, re.MULTILINE)
    return {term.strip(" `"): module for terms, module in rows for term in terms.split(", ")}


def test_every_term_of_the_glossary_names_the_module_behind_it() -> None:
    glossary = _glossary()
    assert len(glossary) > 100
    for term, modules in glossary.items():
        paths = re.findall(r"`([^`]+)`", modules)
        assert paths, term
        for path in paths:
            assert (ROOT / path).is_file(), f"{term}: {path}"


EVERYDAY = {
    "HTML", "SVG",
    "LeNet", "MobileNet", "ResNet", "TensorFlow", "BatchNorm", "CPU",
    "VGG",
    "CIFAR", "CSV", "GB", "HDF5", "JPEG", "JSON", "LLVM", "MNIST", "PDF", "PNG", "TOML",
    "AND", "OR", "NOT", "NAND", "NOR", "XOR", "XNOR", "AVX", "FPGA",
    "DRAMPower", "DRAMsim3", "README", "ARCHITECTURE", "CONTRIBUTING", "CITATION", "PIMSIM_DATA",
    "MICRO", "DSN", "HPCA", "ASPLOS", "VTS",
}  # fmt: skip
"""Abbreviations of the readme that are no words of this field, or names of what it links to."""


def test_every_abbreviation_of_the_readme_is_in_the_glossary() -> None:
    text = re.sub(
        r"```.*?```|`[^`]*`", "", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL
    )
    used = set(re.findall(r"\b[A-Za-z]*[A-Z][A-Za-z]*[A-Z]+[A-Za-z0-9_]*\b|\bt[A-Z]+\b", text))
    known = {word for term in _glossary() for word in re.split(r"[\s,()]+", term)}
    used -= {word for word in used if re.fullmatch(r"(?:LP|G)?DDR\dL?|HBM\dE?", word)}  # parts
    missing = {
        word for word in used - EVERYDAY if word not in known and word.rstrip("s") not in known
    }
    assert missing == set(), "to docs/glossary.md add: " + ", ".join(sorted(missing))
