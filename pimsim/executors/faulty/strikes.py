"""Machine code that finds where noise strikes: candidates are given in a list, or drawn.

Both give the columns of an access that may be wrong (candidates), each with a random number. The
interpreter compares the number with the probability, and flips the bit. Dealt candidates are a list
in the order of commands. Drawn ones come from the streams of :mod:`pimsim.dram.array.noise_stream`:
one stream for every part and kind of access, which advances from access to access.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pimsim.dram.array.noise_stream import (
    DRAW_BITS,
    ENTRIES,
    ENTRY_BITS,
    GOLDEN,
    LAST_SHIFT,
    SCRAMBLE,
)
from pimsim.executors.compiled.codegen.emit import Emit

NEXT, NUMBER = range(2)
"""State of a stream: twice the column, counted from the next access on, at which it continues, plus
1 if there is a candidate; and the number after that of the last random word used."""
NEVER = 1 << 62
"""In place of the first number, for accesses that noise does not strike."""

Strike = Callable[[str, str], None]
"""Adds the code for a candidate, given its column and its random number, a double."""


class Strikes(Protocol):
    """A way to find candidates."""

    arguments: str
    """Arguments of the interpreter for it."""

    def part(self, part: str) -> None:
        """Add what comes before a command of that part."""

    def may(self, slot: int, command: str, kind: str | int) -> str:
        """Add whether noise may strike a command's access of that kind, in that slot."""

    def each(self, kind: str | int, strike: Strike) -> None:
        """Add the code for all candidates of the current access."""


class Dealt:
    """Candidates in the order of commands."""

    arguments = "*keys *runs *columns *draws"

    def __init__(self, code: Emit, slots: int) -> None:
        self._code, self._slots = code, slots
        self._run, self._time = code.slot("i64"), code.slot("i64")
        for counter in (self._run, self._time):
            code.do(f"store i64 0, ptr {counter}")

    def part(self, part: str) -> None:
        """Parts do not differ."""

    def may(self, slot: int, command: str, kind: str | int) -> str:
        """Whether the next candidates in the list are at this place."""
        code = self._code
        run = code.put(f"load i64, ptr {self._run}")
        key = code.get("i64", "%keys", run, 8)
        place = code.add(code.mul(command, self._slots), slot)
        return code.put(f"icmp eq i64 {key}, {place}")

    def each(self, kind: str | int, strike: Strike) -> None:
        """All candidates at the place."""
        code = self._code
        run = code.put(f"load i64, ptr {self._run}")
        start = code.put(f"load i64, ptr {self._time}")
        end = code.add(start, code.get("i64", "%runs", run, 8))
        with code.loop(end, start) as time:
            strike(code.get("i64", "%columns", time, 8), code.get("double", "%draws", time, 8))
        code.do(f"store i64 {end}, ptr {self._time}")
        code.do(f"store i64 {code.add(run, 1)}, ptr {self._run}")


class Drawn:
    """Candidates of streams: per part and kind of access one, and per kind a table of gaps."""

    arguments = "*streams *tables *most width columns"

    def __init__(self, code: Emit, kinds: int) -> None:
        self._code, self._kinds = code, kinds
        self._end = code.put("shl i64 %width, 1")
        self._own = ""

    def part(self, part: str) -> None:
        """Find its streams."""
        self._own = self._code.at(f"[{2 * self._kinds} x i64]", "%streams", part)

    def may(self, slot: int, command: str, kind: str | int) -> str:
        """Whether the stream continues within the columns; if not, the access is skipped."""
        code = self._code
        stream = code.at("[2 x i64]", self._own, kind)
        following = code.get("i64", stream, NEXT, 8)
        behind = code.add(following, code.put(f"sub i64 0, {self._end}"))
        inside = code.put(f"icmp slt i64 {following}, {self._end}")
        kept = code.put(f"select i1 {inside}, i64 {following}, i64 {behind}")
        code.do(f"store i64 {kept}, ptr {stream}, align 8")
        return inside

    def each(self, kind: str | int, strike: Strike) -> None:
        """All candidates of the stream within the columns."""
        code = self._code
        stream = code.at("[2 x i64]", self._own, kind)
        number = code.at("i64", stream, NUMBER)
        table = code.get("ptr", "%tables", kind, 8)
        most = code.get("double", "%most", kind, 8)

        def inside() -> str:
            following = code.put(f"load i64, ptr {stream}, align 8")
            return code.put(f"icmp slt i64 {following}, {self._end}")

        with code.again(inside):
            following = code.put(f"load i64, ptr {stream}, align 8")
            last = code.put(f"load i64, ptr {number}, align 8")
            column = code.put(f"lshr i64 {following}, 1")
            struck = code.put(f"and i64 {following}, 1")
            used = code.put(f"icmp slt i64 {column}, %columns")
            with code.when(code.put(f"and i1 {code.put(f'trunc i64 {struck} to i1')}, {used}")):
                strike(column, self._draw(self._word(last), most))
            gap = self._gap(table, self._word(code.add(last, GOLDEN)))
            start = code.put(f"shl i64 {code.add(column, struck)}, 1")
            code.do(f"store i64 {code.add(start, gap)}, ptr {stream}, align 8")
            after = code.add(last, 2 * GOLDEN % 2**64)
            code.do(f"store i64 {after}, ptr {number}, align 8")
        following = code.put(f"load i64, ptr {stream}, align 8")
        behind = code.put(f"sub i64 {following}, {self._end}")
        code.do(f"store i64 {behind}, ptr {stream}, align 8")

    def _word(self, number: str) -> str:
        """:func:`pimsim.dram.array.noise_stream.scrambled`."""
        code = self._code
        for shift, factor in SCRAMBLE:
            number = code.mul(self._shifted(number, shift), factor)
        return self._shifted(number, LAST_SHIFT)

    def _shifted(self, number: str, shift: int) -> str:
        code = self._code
        return code.put(f"xor i64 {number}, {code.put(f'lshr i64 {number}, {shift}')}")

    def _draw(self, word: str, most: str) -> str:
        """A number below ``most``, as :meth:`pimsim.dram.array.faults.Faults.draws` gives it."""
        code = self._code
        drawn = code.put(f"uitofp i64 {code.put(f'lshr i64 {word}, {64 - DRAW_BITS}')} to double")
        share = code.put(f"fmul double {drawn}, {2.0**-DRAW_BITS!r}")
        return code.put(f"fmul double {share}, {most}")

    def _gap(self, table: str, word: str) -> str:
        """Twice a gap, plus 1 if there is a candidate behind it."""
        code = self._code
        entry = code.put(f"lshr i64 {word}, {64 - ENTRY_BITS}")
        about = code.at("[2 x i64]", table, entry)
        below, other = (code.get("i64", about, side, 8) for side in range(2))
        own = code.put(f"icmp ult i64 {code.put(f'shl i64 {word}, {ENTRY_BITS}')}, {below}")
        gap = code.put(f"select i1 {own}, i64 {entry}, i64 {other}")
        struck = code.put(f"icmp ne i64 {gap}, {ENTRIES - 1}")
        twice = code.put(f"shl i64 {gap}, 1")
        return code.add(twice, code.put(f"zext i1 {struck} to i64"))
