"""Further address maps, and the naive check of command streams.

What is not special to Ambit must work on the other address maps too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pimsim.dram.array.address_map import AddressMap, load

EIGHT_CELLS = """
name = "eight cells"
source = "made up for the tests"
cells = ["A", "DCC0", "B", "DCC1", "C", "DCC2", "D", "DCC3"]

[constants]
ONES = 1
ZEROS = 0

[addresses]
P0 = ["A"]
P1 = ["B"]
P2 = ["C"]
P3 = ["D"]
P4 = ["DCC0"]
P5 = ["DCC1"]
P6 = ["DCC2"]
P7 = ["DCC3"]
N0 = ["!DCC0"]
N1 = ["!DCC1"]
N2 = ["!DCC2"]
N3 = ["!DCC3"]
PAIR = ["A", "B"]
MIXED = ["!DCC3", "D"]
INVERTED = ["!DCC0", "!DCC1"]
TRIPLE = ["A", "B", "C"]
TRIPLE_N = ["!DCC2", "D", "A"]
TRIPLE_NNN = ["!DCC0", "!DCC1", "!DCC3"]
"""


@pytest.fixture(scope="session")
def eight_cells(tmp_path_factory: pytest.TempPathFactory) -> AddressMap:
    """An address map with eight compute cells, four of them dual-contact, read from a file."""
    path: Path = tmp_path_factory.mktemp("maps") / "eight_cells.toml"
    path.write_text(EIGHT_CELLS, encoding="utf-8")
    return load(path)


@pytest.fixture(scope="session")
def naive(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    """The module ``naive_checker`` in ``dram``: a check that shares nothing with pimsim."""
    return module_at(Path(__file__).parent / "dram" / "naive_checker.py")
