"""Pages of docs: each is listed, and written from what its tables hold."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from experiments import pages
from experiments.output import sheets
from experiments.pages.__main__ import PAGES, main
from experiments.pages.page import Page, Row

DOCS = Path(__file__).parents[3] / "docs"
NO_PAGES = {"__main__", "page", "redraw"}
MODULES = {module.name for module in pkgutil.iter_modules(pages.__path__)} - NO_PAGES
OF_TABLES = {name: import_module(f"experiments.pages.{name}").PAGE for name in sorted(MODULES)}


def test_every_page_is_listed() -> None:
    assert OF_TABLES.keys() <= PAGES.keys()
    for name, page in OF_TABLES.items():
        assert PAGES[name] == page.write


def test_some_pages_are_read_back_from_their_tables() -> None:
    assert {"mappings", "networks", "mitigations"} <= OF_TABLES.keys()


@pytest.mark.parametrize("page", OF_TABLES.values(), ids=OF_TABLES)
def test_a_page_is_that_of_its_tables(page: Page) -> None:
    assert page.text(*page.read(DOCS)) == (DOCS / page.file).read_text("utf-8")
    assert all((DOCS / picture).exists() for picture in page.pictures)


def test_all_that_is_named_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(rows: Sequence[Row], path: Path) -> None:
        path.write_text(rows[0]["a"])

    tiny = Page(
        "tiny.md", {"figures/tiny.csv": lambda: [{"a": "1", "b": "=x"}]},
        lambda rows: f"{rows[0]['a']}\n", {"figures/tiny.png": draw},
    )  # fmt: skip
    monkeypatch.setattr("experiments.pages.__main__.PAGES", {"tiny": tiny.write, "other": None})
    main(["tiny"], tmp_path)
    assert (tmp_path / "tiny.md").read_text() == (tmp_path / "figures/tiny.png").read_text() + "\n"
    assert sheets.read(tmp_path / "figures" / "tiny.csv") == [{"a": "1", "b": "=x"}]
    assert "'=x" in (tmp_path / "figures" / "tiny.csv").read_text()


def test_another_name_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["mappings", "mapping"], tmp_path)
    assert ended.value.code == 2
    assert "`NAME` must be one of mappings, " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
