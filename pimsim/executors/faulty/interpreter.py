"""Machine code that carries out a tape on the rows of a tile, with faults.

For every command, the interpreter does what a subarray does. It senses into a row buffer; if three
cells are open, it takes the majority. Columns that are always wrong get the opposite bit, and so do
single columns in which noise strikes (its probability depends on the open cells). The result is
restored to the open rows, and driven into the rows of the second address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from pimsim.dram.array.faults import Access, patterns
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.faulty.command_tape import MOVE
from pimsim.executors.faulty.gates import Gates
from pimsim.executors.faulty.strikes import Dealt, Drawn, Strikes


@dataclass(frozen=True)
class Kinds:
    """Kinds of accesses and patterns, if an address raises at most so many wordlines.

    >>> kinds = Kinds(3)
    >>> kinds.first_pattern, kinds.patterns, kinds.slots
    ((0, 2, 6, 8, 10, 12, 14, 16), 18, 4)
    """

    most: int

    @cached_property
    def majorities(self) -> tuple[int, ...]:
        """Numbers of rows that are sensed together."""
        return tuple(range(3, self.most + 1, 2))

    @cached_property
    def accesses(self) -> tuple[Access, ...]:
        """Kinds of accesses."""
        driven = (Access(k, n) for k in ("copy", "not") for n in range(1, self.most + 1))
        return (*(Access("sense", rows) for rows in (1, *self.majorities)), *driven)

    @cached_property
    def first_pattern(self) -> tuple[int, ...]:
        """Number of the first pattern of each kind."""
        sizes = [len(patterns(access)) for access in self.accesses]
        return tuple(sum(sizes[:kind]) for kind in range(len(sizes)))

    @cached_property
    def patterns(self) -> int:
        """Patterns of all kinds; see :func:`pimsim.dram.array.faults.patterns`."""
        return sum(len(patterns(access)) for access in self.accesses)

    @property
    def slots(self) -> int:
        """Places of a command where noise strikes: sensing, and driving each of its lines."""
        return 1 + self.most


ARGUMENTS = (
    "*tile vectors row_bytes *commands *parts count *others *lines opened stride *masks *flags "
    "*rates *buffer *results slot_bytes *flips"
)


@cache
def interpret(most: int, *, drawn: bool) -> Callable[..., None]:
    """The interpreter of addresses that raise at most so many lines, of numbers and addresses.

    The tile; vectors of 64 bytes of a row that are used, and bytes from row to row; commands of an
    output, parts, how many; moves and reads; wordlines of the B-group; first address beyond it;
    rows of a part; per part and pattern the address of a row of columns that are always wrong, and
    per part and kind of access whether there are any; probabilities of noise by pattern; a row of
    memory; rows that are read out, and bytes from one to the next; a number that flips are added
    to. Then, if noise is ``drawn``: per part and kind of access a stream (:data:`.strikes.NEXT`);
    per kind its table of gaps, and its largest probability; columns that are drawn for, and those
    that are used. Else places where it may strike in order (:attr:`Kinds.slots` times the command,
    plus the slot; then the largest number), how often at each, column and draw of each time.
    """
    return _Interpreter(Kinds(most), drawn).code.function()


class _Interpreter:
    def __init__(self, kinds: Kinds, drawn: bool) -> None:
        self._kinds = kinds
        way = Drawn if drawn else Dealt
        name = f"pimsim_interpret_{kinds.most}_{way.__name__.lower()}"
        self.code = code = Emit(name, f"{ARGUMENTS} {way.arguments}")
        self._gates = Gates(code)
        self._noise: Strikes = (
            Drawn(code, len(kinds.accesses)) if drawn else Dealt(code, kinds.slots)
        )
        with code.loop("%count") as command:
            part = code.put(f"sext i32 {code.get('i32', '%parts', command)} to i64")
            with code.when(code.put(f"icmp slt i64 {part}, 0")):
                self._other(code.put(f"sub i64 -1, {part}"))
            with code.when(code.put(f"icmp sge i64 {part}, 0")):
                self._command(command, part)

    # -- moves and reads ---------------------------------------------------------------------

    def _other(self, number: str) -> None:
        code = self.code
        about = code.at("[3 x i64]", "%others", number)
        kind, place, to = (code.get("i64", about, i) for i in range(3))
        source = code.at("i8", "%tile", code.mul(place, "%row_bytes"))
        moved = code.put(f"icmp eq i64 {kind}, {MOVE}")
        inside = code.at("i8", "%tile", code.mul(to, "%row_bytes"))
        outside = code.at("i8", "%results", code.mul(to, "%slot_bytes"))
        target = code.put(f"select i1 {moved}, ptr {inside}, ptr {outside}")
        with code.loop("%vectors") as v:
            code.store(code.get(VECTOR, source, v, 64), target, v)

    # -- commands ----------------------------------------------------------------------------

    def _command(self, command: str, part: str) -> None:
        code = self.code
        base = code.at("i8", "%tile", code.mul(code.mul(part, "%stride"), "%row_bytes"))
        kinds = self._kinds
        self._masks = code.at(f"[{kinds.patterns} x ptr]", "%masks", part)
        self._flags = code.at(f"[{len(kinds.accesses)} x i64]", "%flags", part)
        pair = code.at("[2 x i16]", "%commands", command)
        first, second = (code.put(f"sext i16 {code.get('i16', pair, i)} to i64") for i in range(2))
        self._number = command
        self._noise.part(part)
        count, lines = self._lines(first, base)
        with code.when(code.put(f"icmp eq i64 {count}, 1")):
            self._sense_one(lines[0])
        for rows in kinds.majorities:
            with code.when(code.put(f"icmp eq i64 {count}, {rows}")):
                self._sense_many(lines[:rows])
        with code.when(code.put(f"icmp sge i64 {second}, 0")):
            count, lines = self._lines(second, base)
            for index in range(kinds.most):
                with code.when(code.put(f"icmp sgt i64 {count}, {index}")):
                    self._drive(index, count, lines[index])

    def _lines(self, address: str, base: str) -> tuple[str, list[tuple[str, str, str]]]:
        """Number of wordlines; row, bit and vector of the complement of as many as there can be."""
        code = self.code
        alone = code.put(f"icmp sge i64 {address}, %opened")
        entry = code.put(f"select i1 {alone}, i64 0, i64 {address}")
        about = code.at(f"[{1 + self._kinds.most} x i64]", "%lines", entry)
        own = code.put(f"shl i64 {code.put(f'sub i64 {address}, %opened')}, 1")
        count = code.put(f"select i1 {alone}, i64 1, i64 {code.get('i64', about, 0)}")
        found = []
        for index in range(self._kinds.most):
            line = code.get("i64", about, 1 + index)
            if index == 0:
                line = code.put(f"select i1 {alone}, i64 {own}, i64 {line}")
            place = code.put(f"lshr i64 {line}, 1")
            row = code.at("i8", base, code.mul(place, "%row_bytes"))
            bit = code.put(f"and i64 {line}, 1")
            found.append((row, bit, self.code.splat(code.put(f"sub i64 0, {bit}"))))
        return count, found

    def _sense_one(self, line: tuple[str, str, str]) -> None:
        code = self.code
        row, _, complement = line
        flag = code.put(f"icmp ne i64 {code.get('i64', self._flags, 0)}, 0")
        with code.loop("%vectors") as v:
            value = code.put(f"xor {VECTOR} {code.get(VECTOR, row, v, 64)}, {complement}")
            code.store(value, "%buffer", v)
        with code.when(flag):
            self._always_wrong(0, "%buffer", "%buffer")
        struck = self._noise.may(0, self._number, 0)
        with code.when(struck):
            self._strike([line], 0, 0)
        with code.when(code.put(f"or i1 {flag}, {struck}")):
            self._restore(line)

    def _sense_many(self, lines: list[tuple[str, str, str]]) -> None:
        code = self.code
        kind = self._kinds.accesses.index(Access("sense", len(lines)))
        flag = code.put(f"icmp ne i64 {code.get('i64', self._flags, kind)}, 0")
        with code.when(code.put(f"xor i1 {flag}, true")), code.loop("%vectors") as v:
            planes = self._gates.count(self._levels(lines, v))
            code.store(self._gates.most(planes, len(lines)), "%buffer", v)
        first = self._kinds.first_pattern[kind]
        with code.when(flag):
            numbers = range(len(lines) + 1)
            masks = [code.get("ptr", self._masks, first + ones, 8) for ones in numbers]
            with code.loop("%vectors") as v:
                planes = self._gates.count(self._levels(lines, v))
                most = self._gates.most(planes, len(lines))
                wrong = self._gates.at(planes, [code.get(VECTOR, mask, v, 64) for mask in masks])
                code.store(self.code.two("xor", most, wrong), "%buffer", v)
        with code.when(self._noise.may(0, self._number, kind)):
            self._strike(lines, kind, first)
        for line in lines:
            self._restore(line)

    def _restore(self, line: tuple[str, str, str]) -> None:
        code = self.code
        row, _, complement = line
        with code.loop("%vectors") as v:
            value = self.code.two("xor", code.get(VECTOR, "%buffer", v, 64), complement)
            code.store(value, row, v)

    def _drive(self, index: int, count: str, line: tuple[str, str, str]) -> None:
        code = self.code
        row, bit, _ = line
        self._restore(line)
        # Which kind of access this is: ``copy`` or ``not``, of so many rows.
        kinds = self._kinds
        sensing = 1 + len(kinds.majorities)
        kind = code.add(code.add(code.mul(bit, kinds.most), count), sensing - 1)
        pattern = code.mul(code.add(kind, -sensing), 2)
        pattern = code.add(pattern, kinds.first_pattern[sensing])
        flag = code.put(f"icmp ne i64 {code.get('i64', self._flags, kind)}, 0")
        with code.when(flag):
            self._always_wrong(pattern, "%buffer", row, flip_only=True)
        with code.when(self._noise.may(1 + index, self._number, kind)):
            self._strike_cell(line, kind, pattern)

    def _always_wrong(
        self, pattern: int | str, source: str, target: str, *, flip_only: bool = False
    ) -> None:
        """Flip the columns of ``target`` that get a zero or a one of ``source`` always wrong."""
        code = self.code
        zero = code.get("ptr", self._masks, pattern, 8)
        one = code.get("ptr", self._masks, code.add(pattern, 1), 8)
        with code.loop("%vectors") as v:
            value = code.get(VECTOR, source, v, 64)
            held = code.get(VECTOR, target, v, 64) if flip_only else value
            masks = [code.get(VECTOR, mask, v, 64) for mask in (one, zero)]
            wrong = self._gates.choose(value, *masks)
            code.store(self.code.two("xor", held, wrong), target, v)

    # -- noise -------------------------------------------------------------------------------

    def _strike(self, lines: list[tuple[str, str, str]], kind: int, pattern: int) -> None:
        """Flip what the buffer holds where a draw is below the probability, if it was right."""
        code = self.code

        def candidate(word: str, bit: str) -> tuple[str, str, str, str]:
            levels = [
                code.put(f"xor i64 {self._bit(row, word, bit)}, {complement}")
                for row, complement, _ in lines
            ]
            ones = levels[0]
            for level in levels[1:]:
                ones = code.add(ones, level)
            high = code.put(f"icmp sgt i64 {code.add(ones, ones)}, {len(lines)}")
            right = code.put(f"zext i1 {high} to i64")
            return ones, right, self._bit("%buffer", word, bit), "%buffer"

        self._each_candidate(kind, lambda ones: code.add(ones, pattern), candidate)

    def _strike_cell(self, line: tuple[str, str, str], kind: str, pattern: str) -> None:
        """The same for a driven cell, by its kind of access."""
        code = self.code
        row, complement, _ = line

        def candidate(word: str, bit: str) -> tuple[str, str, str, str]:
            driven = self._bit("%buffer", word, bit)
            held = code.put(f"xor i64 {self._bit(row, word, bit)}, {complement}")
            return driven, driven, held, row

        self._each_candidate(kind, lambda driven: code.add(pattern, driven), candidate)

    def _each_candidate(
        self,
        kind: str | int,
        pattern: Callable[[str], str],
        candidate: Callable[[str, str], tuple[str, str, str, str]],
    ) -> None:
        code = self.code

        def strike(column: str, draw: str) -> None:
            word = code.put(f"lshr i64 {column}, 6")
            bit = code.put(f"and i64 {column}, 63")
            ones, right, now, row = candidate(word, bit)
            rate = code.get("double", "%rates", pattern(ones), 8)
            below = code.put(f"fcmp olt double {draw}, {rate}")
            still = code.put(f"icmp eq i64 {right}, {now}")
            hit = code.put(f"zext i1 {code.put(f'and i1 {below}, {still}')} to i64")
            place = code.at("i64", row, word)
            old = code.put(f"load i64, ptr {place}, align 8")
            flipped = code.put(f"xor i64 {old}, {code.put(f'shl i64 {hit}, {bit}')}")
            code.do(f"store i64 {flipped}, ptr {place}, align 8")
            total = code.add(code.put("load i64, ptr %flips"), hit)
            code.do(f"store i64 {total}, ptr %flips")

        self._noise.each(kind, strike)

    def _bit(self, row: str, word: str, bit: str) -> str:
        code = self.code
        shifted = code.put(f"lshr i64 {code.get('i64', row, word, 8)}, {bit}")
        return code.put(f"and i64 {shifted}, 1")

    # -- vectors -----------------------------------------------------------------------------

    def _levels(self, lines: list[tuple[str, str, str]], v: str) -> list[str]:
        code = self.code
        return [
            self.code.two("xor", code.get(VECTOR, row, v, 64), complement)
            for row, _, complement in lines
        ]
