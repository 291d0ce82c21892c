"""What the tests of reproductions share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.pages.__main__ import reproduced
from experiments.reproduce.table import Table

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="session")
def found() -> dict[str, dict[str, Table]]:
    """Tables of every experiment, by its name and theirs."""
    return reproduced()


@pytest.fixture(scope="session")
def golden() -> Callable[[str], list[dict[str, str]]]:
    """Read a golden table: its rows by column."""

    def rows(name: str) -> list[dict[str, str]]:
        lines = (GOLDEN / name).read_text("utf-8").splitlines()
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))

    return rows
