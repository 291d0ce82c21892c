"""Further address maps, and the naive check of command streams.

What is not special to Ambit must work on the other address maps too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

from pimsim.dram import array
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap, load, parse

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
def reordered() -> AddressMap:
    """Ambit's addresses under other numbers, beside a compute cell and two addresses more."""
    table = tomllib.loads(resources.files(array).joinpath("ambit.toml").read_text("utf-8"))
    addresses = {"E0": ["T4"], **dict(reversed(table["addresses"].items())), "E1": ["T4", "T0"]}
    constants = dict(reversed(table["constants"].items()))
    cells = ["T4", *reversed(table["cells"])]
    return parse({**table, "cells": cells, "addresses": addresses, "constants": constants}, "test")


@pytest.fixture(scope="session", params=["default", "reordered"])
def address_map(request: pytest.FixtureRequest, reordered: AddressMap) -> AddressMap:
    """Every map that the microprograms run on."""
    return DEFAULT_MAP if request.param == "default" else reordered


@pytest.fixture(scope="session")
def naive(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    """The module ``naive_checker`` in ``dram``: a check that shares nothing with pimsim."""
    return module_at(Path(__file__).parent / "dram" / "naive_checker.py")
