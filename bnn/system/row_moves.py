"""Moving rows from one subarray to another: over the channel, or from bank to bank inside the rank.

RowClone's pipelined serial mode (PSM) copies between banks. Between subarrays of one bank it takes
two copies, through a third subarray in another bank. So rows that will be moved are put into
another bank from the beginning. A part of a fan-in is counted some banks away from where the counts
are added up, and one copy moves each row there.

>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.options import ModelOptions
>>> from bnn.system.system import System
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions(), moves="psm")
>>> part_banks(system, 0, [0, 1, 7]), part_banks(system, 2, [0, 1, 7])
([0, 1, 7], [2, 3, 1])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.system.targets import Place
from pimsim.dram.commands import Kind
from pimsim.errors import InputError


def part_banks(system: System, part: int, banks: Sequence[int], repetition: int = 0) -> list[int]:
    """Banks in which a part of the fan-in is counted, whose counts are added up in ``banks``.

    The first part is counted where counts are added up; so are the others if rows go through the
    host. Otherwise part i is counted i banks further in the rank. The bank just before the first is
    left out, because chains copy through it and back. A set of parts that computes the same once
    more is moved further as a whole.

    Raises InputError if rows are to go from bank to bank where a rank computes in one only.
    """
    if system.moves == "host":
        return list(banks)
    if repetition:
        banks = [further(system, bank, _repeated(system, repetition, bank)) for bank in banks]
    if not part:
        return list(banks)
    return [further(system, bank, _shift(system, part, bank)) for bank in banks]


def further(system: System, bank: int, shift: int) -> int:
    """The bank that comes so much later among those of the rank that compute, round and round."""
    first, count = _of_rank(system, bank)
    return first + (bank - first + shift) % count


def _of_rank(system: System, bank: int) -> tuple[int, int]:
    """First bank of the rank, and how many of its banks compute."""
    first = bank // system.standard.banks * system.standard.banks
    return first, min(system.standard.banks, system.banks - first)


def _shift(system: System, part: int, bank: int) -> int:
    return 1 + (part - 1) % max(_several(system, bank) - 2, 1)


def _repeated(system: System, repetition: int, bank: int) -> int:
    """Banks between a set of parts and another: never the same bank, as results are moved on."""
    if _several(system, bank) <= repetition:
        raise InputError(
            "`tmr` must not be banks with `moves` psm where fewer than 4 banks of a rank compute"
        )
    return repetition


def _several(system: System, bank: int) -> int:
    """Banks of a rank that compute; InputError if there is but one."""
    _, count = _of_rank(system, bank)
    if count < 2:
        raise InputError("`moves` must be host where one bank of a rank computes, not 'psm'")
    return count


def move_rows(
    ledger: CommandLedger,
    rows: Sequence[tuple[int, int]],
    columns: int,
    sources: tuple[Sequence[int], int],
    targets: tuple[Sequence[int], int],
) -> None:
    """Book moving data rows from subarrays to others.

    Args:
        ledger: whose books.
        rows: each with the row that it goes to.
        columns: of each row.
        sources: banks, and which subarray of each.
        targets: the same for where the rows go.

    """
    for row, arrival in rows:
        if ledger.system.moves == "host":
            ledger.access(Kind.RD, [row], columns, *sources)
            ledger.access(Kind.WR, [arrival], columns, *targets)
            continue
        moves = [
            (Place(source, sources[1], row), Place(bank, targets[1], arrival))
            for source, bank in zip(sources[0], targets[0], strict=True)
        ]
        for together in rounds(moves):
            ledger.copy(together, columns)


def move_each(
    ledger: CommandLedger,
    counts: Sequence[int],
    columns: int,
    sources: tuple[Sequence[int], int],
    targets: tuple[Sequence[int], int],
) -> None:
    """Book moving so many data rows of each bank, all of which are there before one is moved.

    Arguments are those of :func:`move_rows`; the host reads rows of all banks before it writes.
    Banks with few rows to move wait for the others.
    """
    done = 0
    for until in sorted(set(counts)):
        some = [place for place, count in enumerate(counts) if count >= until]
        ends = [([banks[place] for place in some], number) for banks, number in (sources, targets)]
        if ledger.system.moves == "host":
            ledger.access(Kind.RD, [0] * (until - done), columns, *ends[0])
            ledger.access(Kind.WR, [0] * (until - done), columns, *ends[1])
        else:
            times = np.zeros((until - done, len(some)), np.intp)
            ledger.repeat(times, partial(_move_one, ledger, columns, ends[0], ends[1]))
        done = until


def _move_one(
    ledger: CommandLedger,
    columns: int,
    sources: tuple[Sequence[int], int],
    targets: tuple[Sequence[int], int],
    _: NDArray[np.intp],
) -> None:
    """Book a row of each bank; which it is does not matter."""
    move_rows(ledger, [(0, 0)], columns, sources, targets)


def rounds(moves: Iterable[tuple[Place, Place]]) -> list[list[tuple[Place, Place]]]:
    """Put copies together that no bank has to take part in twice, which can then go on at once.

    >>> place = [Place(bank, 0, 0) for bank in range(4)]
    >>> ring = [(place[i], place[(i + 1) % 4]) for i in range(4)]
    >>> [[(one.bank, two.bank) for one, two in some] for some in rounds(ring)]
    [[(0, 1), (2, 3)], [(1, 2), (3, 0)]]
    """
    found: list[tuple[set[int], list[tuple[Place, Place]]]] = []
    for source, destination in _along(list(moves)):
        ends = {source.bank, destination.bank}
        for busy, together in found:
            if not busy & ends:
                busy |= ends
                together.append((source, destination))
                break
        else:
            found.append((ends, [(source, destination)]))
    return [together for _, together in found]


def _along(moves: list[tuple[Place, Place]]) -> Iterable[tuple[Place, Place]]:
    """Each followed by one from where it ends, if there is one: every other can go at once."""
    while moves:
        at = 0
        while at < len(moves):
            one = moves.pop(at)
            yield one
            starts = (n for n, (source, _) in enumerate(moves) if source.bank == one[1].bank)
            at = next(starts, len(moves))
