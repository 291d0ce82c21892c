"""Tapes of adders: a long program as an array of numbers.

The programs of an output tree differ from group to group, so they do not fit into a schedule of
many outputs; and there are millions of adders. So programs are stored as *records*: the number of a
*template*, and a row for each of its symbols. A template is a short program; the table of templates
is the same for every tape on an address map. A template may leave a running sum v in the compute
cells for the next one, in plain and complemented form. Which cells hold which is called a
*pattern*.

>>> from pimsim.dram.array.address_map import ambit
>>> table = templates(ambit())
>>> chain = {(one.before, one.after) for one in table}
>>> ("mixed", "equal") in chain, ("equal", None) in chain, (None, None) in chain
(True, True, True)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap, load
from pimsim.dram.array.many_rows import ACTIVATION_ROWS
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.array.translation import translation
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle, Run
from pimsim.errors import InputError
from pimsim.microprogram import accumulation
from pimsim.microprogram.logic import AND, COPY, MAJ3, OR
from pimsim.microprogram.output_tree import deciding, joint
from pimsim.microprogram.program import Program
from pimsim.microprogram.schedule import Step
from pimsim.object_code import Kept

Pattern = tuple[tuple[str, bool] | tuple[str, bool, int], ...]
"""Cells with whether they hold the complement of v; a third item 1 marks a second value v."""

_PATTERNS: Mapping[str, tuple[str, Pattern]] = {
    "mixed": (accumulation.WRITTEN_FOR, (("T0", False), ("DCC0", True))),
    "equal": (accumulation.WRITTEN_FOR, (("T2", True), ("T3", False))),
    "carry": (DEFAULT_MAP.name, (("DCC0", False), ("T1", False), ("T2", False))),
    "carries": (DEFAULT_MAP.name, (("DCC0", False), ("T0", False, 1))),
}
"""Patterns, with the map whose cells these are."""


@cache
def patterns(address_map: AddressMap) -> Mapping[str, Pattern]:
    """Return the patterns in the cells that a map's templates use.

    >>> from pimsim.dram.array.address_map import ambit
    >>> patterns(ambit())["equal"]
    (('T2', True), ('T3', False))
    """
    found = {}
    for name, (written_for, cells) in _PATTERNS.items():
        source = load(written_for)
        lines = translation(source, address_map).cells
        own = [(lines[source.cells.index(cell)], *rest) for cell, *rest in cells]
        found[name] = tuple(
            (address_map.cells[line.cell], line.complement ^ complement, *which)
            for line, complement, *which in own
        )
    return found


class Template(NamedTuple):
    """A program, and the patterns that it begins with and leaves; None: no value is kept."""

    program: Program
    before: str | None
    after: str | None


class Table(NamedTuple):
    """Every template of an address map, and the codes at which each sort begins."""

    templates: tuple[Template, ...]
    ways: Mapping[tuple[str, str], int]
    """Codes of chains' programs, see :mod:`pimsim.microprogram.accumulation`."""
    joints: int
    """First code of joint adders, in the order of :data:`joint.KINDS`."""
    carries: int
    """First code of carries, in the order of :data:`deciding.KINDS` and of what is left."""
    both: int
    """First code of two carries at once: how they begin, then in the order of single carries."""
    gates: int
    """Code of AND; that of OR is the next."""
    vote: int
    """Code of a majority of three rows."""
    copy: int
    """Code of a copy."""


@cache
def table(address_map: AddressMap) -> Table:
    """Return the templates; InputError for a map that has no adders."""
    found: list[Template] = []
    ways: dict[tuple[str, str], int] = {}
    patterns = {"turned": "equal", "end": None, "true": None, "start": None}
    for way, program in accumulation.programs(address_map).items():
        ways[way] = len(found)
        before, after = (patterns.get(name, name) for name in way)
        found.append(Template(program, before, after))
    joints = len(found)
    for kind in joint.KINDS:
        before = "equal" if kind == "chained" else None
        found.append(Template(joint.program(kind, address_map), before, None))
    carries = len(found)
    for kind in deciding.KINDS:
        before = None if kind.startswith("begin") else "carry"
        for last in deciding.LASTS:
            program = deciding.carry_program(kind, address_map, last)
            found.append(Template(program, before, None if last else "carry"))
    both = len(found)
    found.append(Template(deciding.BEGIN_BOTH.on(address_map), None, "carries"))
    for turned in deciding.TURNED:
        for last in deciding.LASTS:
            program = deciding.both_program(turned, address_map, last)
            found.append(Template(program, "carries", None if last else "carries"))
    gates = len(found)
    found += [Template(one.on(address_map), None, None) for one in (AND, OR, MAJ3, COPY)]
    return Table(tuple(found), ways, joints, carries, both, gates, gates + 2, gates + 3)


def templates(address_map: AddressMap) -> tuple[Template, ...]:
    """Return the templates of a map, by their codes."""
    return table(address_map).templates


@cache
def sizes(address_map: AddressMap) -> NDArray[np.int64]:
    """Words of a record, by the code of its template."""
    return np.array([1 + len(one.program.symbols) for one in templates(address_map)], np.int64)


class AdderTape:
    """Records in order; used like a schedule for one output.

    Args:
        words: each record's code, then its rows as places: the constants of the map first, then
            the data rows.
        address_map: of the subarray.

    """

    outputs = 1

    def __init__(self, words: NDArray[np.int32], address_map: AddressMap) -> None:
        self.words, self.address_map = words, address_map
        self._extra: dict[int, NDArray[np.int64]] = {}

    def __bool__(self) -> bool:
        """Whether there is a record."""
        return bool(len(self.words))

    @classmethod
    def total(cls, histogram: NDArray[np.int64], address_map: AddressMap) -> AdderTape:
        """Return a tape that only knows how often each template comes."""
        found = cls(np.zeros(0, np.int32), address_map)
        found.__dict__["histogram"] = histogram
        return found

    @cached_property
    def histogram(self) -> NDArray[np.int64]:
        """``(templates,)`` how often each comes."""
        return counted(self.words, self.address_map)

    @property
    def codes(self) -> NDArray[np.int64]:
        """``(records,)`` the code of each, in order."""
        found = np.empty(int(self.histogram.sum()), np.int64)
        _CODES(self.words, sizes(self.address_map), found)
        return found

    @property
    def steps(self) -> list[Step]:
        """The records as steps of a schedule."""
        return [Step((program,), None, rows) for program, rows in self._records()]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs of row commands, for timing: first AAPs, then templates with APs."""
        return runs(tuple(self.histogram.tolist()), self.address_map)

    def extra_wordlines(self, activation_rows: int = ACTIVATION_ROWS[0]) -> NDArray[np.int64]:
        """``(1,)`` wordlines raised beyond the first of each activation."""
        if activation_rows not in self._extra:
            each = _extra(self.address_map, activation_rows)
            self._extra[activation_rows] = np.array([int(self.histogram @ each)], np.int64)
        return self._extra[activation_rows]

    @property
    def commands(self) -> NDArray[np.int16]:
        """``(commands, 2)`` the addresses that each command senses and drives; -1: drives none.

        >>> from pimsim.dram.array.address_map import ambit
        >>> rows = [2, 3, 4]                     # places: the constants are 0 and 1
        >>> AdderTape(np.array([table(ambit()).gates, *rows], np.int32), ambit()).commands.tolist()
        [[18, 0], [19, 1], [16, 2], [12, 20]]
        """
        starts, slots = _slots(self.address_map)
        found = np.empty((int(self.histogram @ np.diff(starts)), 2), np.int16)
        first = self.address_map.first_constant
        _EXPAND(self.words, sizes(self.address_map), starts, slots, first, found)
        return found

    def addresses(self, output: int) -> Iterator[tuple[int, int | None]]:
        """Source and destination of every command; None for an AP. ``output`` is 0."""
        for source, target in self.commands.tolist():
            yield source, None if target < 0 else target

    def tables(self, outputs: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """``(commands, outputs, 2)`` what :meth:`addresses` has, -1 for None; all are alike."""
        shape = (len(self.commands), len(outputs), 2)
        yield np.broadcast_to(self.commands[:, None, :].astype(np.int64), shape)

    def run(
        self, subarray: Subarray, outputs: NDArray[np.intp], lanes: Lanes | None = None
    ) -> None:
        """Execute the records in the subarray of every lane, or of some."""
        self.check(subarray)
        for program, rows in self._records():
            subarray.run(program.slots, rows, lanes)

    def check(self, subarray: Subarray) -> None:
        """Raise InputError unless the subarray has the tape's address map."""
        if subarray.rows is not self.address_map:
            raise InputError("a tape must run in a subarray with its address map")

    def _records(self) -> Iterator[tuple[Program, tuple[int, ...]]]:
        first, size = self.address_map.first_constant, sizes(self.address_map).tolist()
        programs = [one.program for one in templates(self.address_map)]
        words, at = self.words.tolist(), 0
        while at < len(words):
            code = words[at]
            rows = tuple([first + place for place in words[at + 1 : at + size[code]]])
            yield programs[code], rows
            at += size[code]


def counted(words: NDArray[np.int32], address_map: AddressMap) -> NDArray[np.int64]:
    """Return how often each template comes among records."""
    found: NDArray[np.int64] = counted_each([words], address_map)[0]
    return found


def counted_each(words: Sequence[NDArray[np.int32]], address_map: AddressMap) -> NDArray[np.int64]:
    """Return :func:`counted` of each of several records, ``(n, templates)``."""
    size = sizes(address_map)
    found = np.zeros((len(words), len(size)), np.int64)
    if len(words):
        _COUNT(np.concatenate(words), size, np.cumsum([*map(len, words)]), found)
    return found


def shift_rows(words: NDArray[np.int32], spans: NDArray[np.int64], address_map: AddressMap) -> None:
    """Shift the rows of some records: ``spans`` has (n, 3) first word, end, and shift."""
    _SHIFT(words, sizes(address_map), spans)


def renamed(
    words: NDArray[np.int32], rows: NDArray[np.int64], address_map: AddressMap
) -> NDArray[np.int32]:
    """Return records with other rows: ``rows[place]`` for each place.

    Raises ValueError for something that is no record, or names a place that ``rows`` lacks.
    """
    return renamed_each([words], [rows], address_map)[0]


def renamed_each(
    words: Sequence[NDArray[np.int32]], rows: Sequence[NDArray[np.int64]], address_map: AddressMap
) -> list[NDArray[np.int32]]:
    """Return each of several records with rows of its own, see :func:`renamed`."""
    found, ends = np.concatenate(words), np.cumsum([0, *map(len, words)])
    last = np.cumsum([0, *map(len, rows)])
    spans = np.stack([ends[:-1], ends[1:], last[:-1], last[1:]], axis=1)
    if _RENAME(found, sizes(address_map), np.concatenate(rows), spans):
        raise ValueError("records must be of the table, and their places among those renamed")
    return [found[begin:end] for begin, end in spans[:, :2].tolist()]


def _count(
    words: NDArray[np.int32],
    size: NDArray[np.int64],
    ends: NDArray[np.int64],
    found: NDArray[np.int64],
) -> None:
    at = 0
    for number in range(len(ends)):
        while at < ends[number]:
            found[number, words[at]] += 1
            at += size[words[at]]


def _codes(words: NDArray[np.int32], size: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    at = number = 0
    while at < len(words):
        found[number] = words[at]
        number += 1
        at += size[words[at]]


def _shift_rows(
    words: NDArray[np.int32], size: NDArray[np.int64], spans: NDArray[np.int64]
) -> None:
    for span in range(len(spans)):
        at = spans[span, 0]
        while at < spans[span, 1]:
            until = at + size[words[at]]
            for place in range(at + 1, until):
                words[place] += spans[span, 2]
            at = until


def _rename(
    words: NDArray[np.int32],
    size: NDArray[np.int64],
    rows: NDArray[np.int64],
    spans: NDArray[np.int64],
) -> int:
    for span in range(len(spans)):
        at, end, first = spans[span, 0], spans[span, 1], spans[span, 2]
        known = spans[span, 3] - first
        while at < end:
            if words[at] < 0 or words[at] >= len(size):
                return 1
            until = at + size[words[at]]
            if until > end:
                return 1
            for place in range(at + 1, until):
                if words[place] < 0 or words[place] >= known:
                    return 1
                words[place] = rows[first + words[place]]
            at = until
    return 0


def _expand(
    words: NDArray[np.int32],
    size: NDArray[np.int64],
    starts: NDArray[np.int64],
    slots: NDArray[np.int64],
    first: int,
    found: NDArray[np.int16],
) -> None:
    at = number = 0
    while at < len(words):
        for command in range(starts[words[at]], starts[words[at] + 1]):
            for side in range(2):
                given, origin = slots[command, side]
                found[number, side] = first + words[at + 1 + origin] if given else origin
            number += 1
        at += size[words[at]]


_COUNT, _CODES, _SHIFT, _RENAME, _EXPAND = (
    Kept(function, [Path(__file__)]) for function in (_count, _codes, _shift_rows, _rename, _expand)
)


@cache
def _slots(address_map: AddressMap) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First command of each template; for each command, whether it has a row, and which."""
    own = [one.program.slots for one in templates(address_map)]
    starts = np.cumsum([0, *map(len, own)])
    pairs = [(source, target or (False, -1)) for slots in own for source, target in slots]
    return starts, np.array(pairs, np.int64)


def runs(histogram: tuple[int, ...], address_map: AddressMap) -> tuple[Run, ...]:
    """Runs of the records counted in ``histogram``: first AAPs, then templates with APs."""
    found: dict[RowCycle, int] = {}
    for one, times in zip(templates(address_map), histogram, strict=True):
        if not times:
            continue
        cycle, often = one.program.cycle, times
        if not one.program.ap:
            cycle, often = ((Kind.AAP, 1),), times * one.program.aap
        found[cycle] = found.get(cycle, 0) + often
    return tuple(Run(cycle, times) for cycle, times in sorted(found.items(), key=_size))


def _size(run: tuple[RowCycle, int]) -> int:
    return len(run[0])


@cache
def _extra(address_map: AddressMap, activation_rows: int) -> NDArray[np.int64]:
    each = [one.program.extra_wordlines(activation_rows) for one in templates(address_map)]
    return np.array(each, np.int64)
