"""Benchmarks print their tables, and put them into a page if ``PIMSIM_SPEED_PAGE`` names one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from . import history

collect_ignore_glob = ["bench_*.py"]
"""They are measured when they are asked for by name; to look for tests need not import them."""


class Page:
    """Tables, each of which replaces the one of its title."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, and put it into the page."""
        lines = [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
        section = "\n".join(lines)
        print(f"\n## {title}\n\n{section}\n")
        if self._path:
            history.put(Path(self._path), title, section)


@pytest.fixture(scope="session")
def page() -> Page:
    """The page of this run."""
    return Page(os.environ.get("PIMSIM_SPEED_PAGE"))
