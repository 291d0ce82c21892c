"""Templates that tapes of the tests are made of."""

from __future__ import annotations

from typing import NamedTuple

from pimsim.dram.array.address_map import AddressMap, load
from pimsim.microprogram.logic import AND, MAJ3, NOT, XOR
from pimsim.microprogram.program import Program
from pimsim.microprogram.tape import patterns, templates

MAPS = ("ambit", "three-dcc")
DATA_ROWS = 9
PATTERNS = patterns(load("ambit"))


class One(NamedTuple):
    """A template of the tests."""

    program: Program
    before: str | None = None
    after: str | None = None


Table = tuple[One, ...]


def table_of(address_map: AddressMap) -> Table:
    """The templates that there are, and some programs that keep nothing."""
    found = [One(*one) for one in templates(address_map)]
    others = [One(program.on(address_map)) for program in (NOT, AND, XOR, MAJ3)]
    return (*found, *others)


TABLES = {name: table_of(load(name)) for name in MAPS}
