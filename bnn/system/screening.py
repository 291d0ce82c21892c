"""Finding columns that are weak for good: test patterns, before a subarray is used.

Every access of the programs is tried with every pattern of constants: majorities of three, reads,
complements, copies into several cells at once. The host reads the results, knows what they must be,
and leaves out every column that was wrong in any round. A column that noise makes wrong just once
is left out as well. Subarrays that share a fan-in exchange whole rows, so a column must be good in
all of them.

>>> len(TESTS), sum(len(test.program) for test in TESTS)
(40, 142)
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import part_banks
from bnn.system.system import System
from pimsim.bits import unpack
from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.array.faults import Faults, Job, Site, block_width
from pimsim.dram.commands import Kind
from pimsim.errors import InputError
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.microprogram.program import Program
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

STAGE = 2**32 - 1
"""What tests are called where noise is named after stages."""


_KEPT = 64
"""Subarrays whose columns are remembered: several ways to lay a stage out are priced on the same.
"""


class Trial(NamedTuple):
    """A program that reads nothing but constants, and what its rows must hold then."""

    program: Program
    expected: tuple[int, ...]


def _trials() -> list[Trial]:
    found = []
    cells = {"B12": ("B0", "B1", "B2"), "B14": ("B4", "B1", "B2"), "B15": ("B6", "B0", "B3")}
    for address, own in cells.items():
        for bits in product((0, 1), repeat=3):
            copies = "".join(f"(C{bit},{cell})" for bit, cell in zip(bits, own, strict=True))
            found.append(_trial(f"{copies}({address},x0)", int(sum(bits) > 1)))
    for bit in (0, 1):
        found.append(_trial(f"(C{bit},x0)(x0,x1)", bit, bit))
        found.append(_trial(f"(C{bit},B5)(B4,x0)", 1 - bit))
        found.append(_trial(f"(C{bit},B7)(B6,x0)", 1 - bit))
        found.append(_trial(f"(C{bit},B8)(B0,x0)(B4,x1)", bit, 1 - bit))
        found.append(_trial(f"(C{bit},B9)(B1,x0)(B6,x1)", bit, 1 - bit))
        found.append(_trial(f"(C{bit},B10)(B2,x0)(B3,x1)", bit, bit))
        found.append(_trial(f"(C{bit},B12)(B0,x0)(B1,x1)(B2,x2)", bit, bit, bit))
        found.append(_trial(f"(C{bit},B14)(B4,x0)(B1,x1)(B2,x2)", bit, bit, bit))
    return found


def _trial(text: str, *expected: int) -> Trial:
    names = tuple(f"x{number}" for number in range(len(expected)))
    return Trial(Program.parse("test", text, inputs=(), outputs=names), expected)


TESTS = _trials()
"""What a round consists of."""


@cache
def _schedules(rows: AddressMap) -> list[Schedule]:
    """The programs, with results in data rows from the first on."""
    schedules = [Schedule(1, rows) for _ in TESTS]
    for test, schedule in zip(TESTS, schedules, strict=True):
        places = {name: rows.first_data + row for row, name in enumerate(test.program.outputs)}
        schedule.append((test.program,), None, **places)
    return schedules


def book_tests(ledger: CommandLedger, first: int, count: int) -> None:
    """Book the tests of ``count`` subarrays from ``first`` on, in every bank that computes."""
    banks = range(ledger.system.banks)
    schedules = _schedules(ledger.system.address_map)
    if ledger.system.mitigation.screening:
        ledger.enter("weights")
    for _ in range(ledger.system.mitigation.screening):
        for number in range(first, first + count):
            for test, schedule in zip(TESTS, schedules, strict=True):
                ledger.run(schedule, [0] * len(banks), banks, number)
                rows = range(len(test.expected))
                ledger.access(Kind.RD, rows, ledger.system.columns, banks, number)


def usable(parts: int, set_size: int, system: System, first: int) -> NDArray[np.intp] | None:
    """Return ``(banks, n)`` columns that passed, as many in every bank; None if all may be used.

    Args:
        parts: subarrays that hand whole rows on.
        set_size: how many of them make a set, whose counts are added up in its first.
        system: the banks, and what goes wrong in them.
        first: subarray of each bank that holds the first part.

    Raises InputError if some bank has no column left.
    """
    if not system.mitigation.screening or system.faults is None:
        return None
    passed = [_passed(system, system.faults, first + part) for part in range(parts)]
    good = []
    for bank in range(system.banks):
        where = []
        for part, columns in enumerate(passed):
            repetition, own = divmod(part, set_size)
            where.append(columns[part_banks(system, own, [bank], repetition)[0]])
        good.append(np.flatnonzero(np.logical_and.reduce(where)))
        if not len(good[-1]):
            raise InputError(
                f"`screening` must leave columns to compute in, not none of bank {bank}: every one "
                "failed a test"
            )
    capacity = min(map(len, good))
    return np.array([columns[:capacity] for columns in good])


@lru_cache(maxsize=_KEPT)
def _passed(system: System, faults: Faults, number: int) -> NDArray[np.bool_]:
    """``(banks, columns)`` that passed all tests of a subarray of every bank."""
    from pimsim.dram.array.injection import Injector, Span

    banks, columns = system.banks, system.columns
    schedules = _schedules(system.address_map)
    subarray = system.subarrays(columns, banks)
    injector = Injector(faults, [Site(bank, number) for bank in range(banks)], columns)
    subarray.inject(injector)
    recipe = RowProgram(1)
    for schedule in schedules:
        recipe.run(schedule)
    layout = Layout(system.subarray_rows, address_map=system.address_map)
    from pimsim.executors.faulty.command_tape import Tape

    events = Tape(recipe, layout).events(0, 0)
    passed = np.ones((banks, columns), np.bool_)
    for attempt in range(system.mitigation.screening):
        spans = [
            [Span(Job(STAGE, bank, number, attempt), 0, 0, columns, block_width(1))]
            for bank in range(banks)
        ]
        injector.begin(range(banks), spans, events)
        for test, schedule in zip(TESTS, schedules, strict=True):
            schedule.run(subarray, np.zeros(banks, np.intp))
            for row, bit in enumerate(test.expected):
                passed &= unpack(subarray.read(row), columns) == bit
    return passed
