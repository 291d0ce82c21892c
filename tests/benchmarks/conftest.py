"""Benchmarks print their tables, and write them into a page if ``PIMSIM_SPEED_PAGE`` names one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

collect_ignore_glob = ["bench_*.py"]
"""They are measured when they are asked for by name; to look for tests need not import them."""

_INTRODUCTION = """\
# How fast pimsim runs

`make bench` measures and writes this page: two virtual processors with AVX-512, everything in one
table measured in one run, the contenders taking turns. Compare ratios, not rates: the machine is a
shared one, and its two processors do not always give twice the speed of one.
"""


class Page:
    """Tables in the order in which they were measured."""

    def __init__(self) -> None:
        self.sections = [_INTRODUCTION]

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table and keep it for the page."""
        lines = [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
        section = "\n".join([f"## {title}", "", *lines, ""])
        print("\n" + section)
        self.sections.append(section)


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    """Tables of this run."""
    found = Page()
    yield found
    path = os.environ.get("PIMSIM_SPEED_PAGE")
    if path:
        Path(path).write_text("\n".join(found.sections), encoding="utf-8")
