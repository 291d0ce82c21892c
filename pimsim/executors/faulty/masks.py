"""Noise that strikes often, as rows of columns: eight candidates of a stream at a time.

The candidates are the same as those of :class:`~pimsim.executors.faulty.strikes.Drawn`. A random
word depends only on its number, so eight words are computed at once; the places of candidates are
sums of gaps. Candidates after the last access of a step are drawn again in the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from pimsim.dram.array.noise_stream import (
    DRAW_BITS,
    ENTRIES,
    ENTRY_BITS,
    GOLDEN,
    LAST_SHIFT,
    SCRAMBLE,
)
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.faulty.strikes import NEXT, NUMBER

_LANES = 8
_FLAGS, _REALS = f"<{_LANES} x i1>", f"<{_LANES} x double>"
_GATHER = f"{VECTOR} @llvm.masked.gather.v8i64.v8p0(<8 x ptr>, i32, {_FLAGS}, {VECTOR})"


class Stream(NamedTuple):
    """Names, in the code, of the stream of a kind of access in a part."""

    at: str
    """Address of its numbers, see :data:`pimsim.executors.faulty.strikes.NEXT`."""
    table: str
    most: str
    """Its largest probability."""


class Masks:
    """Fills rows for the events of a step; needs ``%width``, ``%columns`` and ``%row_bytes``."""

    def __init__(self, code: Emit) -> None:
        self._code = code
        code.declare(_GATHER)
        code.declare("i8 @llvm.ctpop.i8(i8)")
        code.declare("i64 @llvm.cttz.i64(i64, i1)")
        self._following, self._words, self._bits = (code.slot(VECTOR, 64) for _ in range(3))
        self._chosen = code.slot(f"[2 x {VECTOR}]", 64)

    def fill(self, stream: Stream, events: int, rows: Sequence[tuple[str, str]]) -> None:
        """Add that ones are put where a stream strikes in its next events.

        Args:
            stream: the stream, which advances.
            events: number of events.
            rows: for each pattern of cells its probability, and the address of ``events`` rows.

        """
        code = self._code
        limit = code.mul("%width", events)
        most, columns = self._reals(stream.most), code.splat("%columns")
        rates = [self._reals(rate) for rate, _ in rows]
        end = code.put(f"shl i64 {limit}, 1")
        number = code.at("i64", stream.at, NUMBER)
        following = code.at("i64", stream.at, NEXT)

        begun = [code.put(f"load i64, ptr {one}, align 8") for one in (following, number)]
        inside = code.slot("i8", 1)
        code.do(f"store i8 0, ptr {inside}")
        before_end = partial(self._less, end)
        with code.go_on(before_end, begun) as ((start, last), then):
            numbers = self._add(code.splat(last), self._every(2 * GOLDEN))
            gap, behind = self._gap(stream.table, self._add(numbers, _splat(GOLDEN)))
            own = code.splat(code.put(f"and i64 {start}, 1"))
            order = ", ".join(f"i32 {place}" for place in (_LANES, *range(_LANES - 1)))
            kinds = f"<{_LANES} x i32> <{order}>"
            struck = code.put(f"shufflevector {VECTOR} {behind}, {VECTOR} {own}, {kinds}")
            step = self._add(gap, struck)
            first = code.splat(code.put(f"lshr i64 {start}, 1"))
            sums = self._sums(step)
            ends = self._add(first, sums)
            places = self._add(first, code.put(f"sub {VECTOR} {sums}, {step}"))
            after = code.two("or", code.put(f"shl {VECTOR} {ends}, {_splat(1)}"), behind)
            code.store(after, self._following, 0)
            within = code.put(f"icmp slt {VECTOR} {places}, {code.splat(limit)}")
            code.do(f"store i8 {code.put(f'bitcast {_FLAGS} {within} to i8')}, ptr {inside}")
            column, row = self._event(places, events)
            used = code.put(f"icmp slt {VECTOR} {column}, {columns}")
            hit = code.put(f"and {_FLAGS} {within}, {used}")
            some = code.put(f"icmp ne {VECTOR} {struck}, zeroinitializer")
            hit = code.put(f"and {_FLAGS} {hit}, {some}")
            place = self._add(row, code.put(f"lshr {VECTOR} {column}, {_splat(6)}"))
            bit = code.put(f"shl {VECTOR} {_splat(1)}, {code.two('and', column, _splat(63))}")
            code.store(place, self._words, 0)
            code.store(bit, self._bits, 0)
            draw = self._draw(numbers, most)
            for index, (rate, (_, target)) in enumerate(zip(rates, rows, strict=True)):
                below = code.put(f"fcmp olt {_REALS} {draw}, {rate}")
                own = code.put(f"and {_FLAGS} {hit}, {below}")
                if index == 0:
                    self._put_all(own, target)
                else:
                    self._put_some(own, target)
            then.append(code.put(f"extractelement {VECTOR} {after}, i32 {_LANES - 1}"))
            then.append(code.add(last, 2 * _LANES * GOLDEN % 2**64))
        taken = code.put(f"load i8, ptr {inside}")
        taken = code.put(f"zext i8 {code.put(f'call i8 @llvm.ctpop.i8(i8 {taken})')} to i64")
        with code.when(code.put(f"icmp sgt i64 {taken}, 0")):
            back = code.mul(code.add(taken, -_LANES), 2 * GOLDEN % 2**64)
            goes_on = code.get("i64", self._following, code.add(taken, -1), 8)
            left = code.put(f"sub i64 {goes_on}, {end}")
            code.do(f"store i64 {left}, ptr {following}, align 8")
            code.do(f"store i64 {code.add(last, back)}, ptr {number}, align 8")
        with code.when(code.put(f"icmp eq i64 {taken}, 0")):
            left = code.put(f"sub i64 {start}, {end}")
            code.do(f"store i64 {left}, ptr {following}, align 8")

    # -- inside ------------------------------------------------------------------------------

    def _less(self, limit: str, values: list[str]) -> str:
        return self._code.put(f"icmp slt i64 {values[0]}, {limit}")

    def _put_all(self, hit: str, target: str) -> None:
        """Add a one at every hit, in the case that most of the eight are hits.

        Lanes without a hit add nothing, each to a different word, so that none waits for another.
        """
        code = self._code
        words, bits = (code.get(VECTOR, slot, 0, 64) for slot in (self._words, self._bits))
        words = code.put(f"select {_FLAGS} {hit}, {VECTOR} {words}, {VECTOR} {self._every(1)}")
        bits = code.put(f"select {_FLAGS} {hit}, {VECTOR} {bits}, {VECTOR} zeroinitializer")
        code.store(words, self._chosen, 0)
        code.store(bits, self._chosen, 1)
        for lane in range(_LANES):
            self._one(target, self._chosen, lane, code.at("i64", self._chosen, _LANES + lane))

    def _put_some(self, hit: str, target: str) -> None:
        """The same in the case that few are hits."""
        code = self._code
        mask = code.put(f"zext i8 {code.put(f'bitcast {_FLAGS} {hit} to i8')} to i64")
        with code.go_on(lambda held: code.put(f"icmp ne i64 {held[0]}, 0"), [mask]) as (
            (left,),
            then,
        ):
            lane = code.put(f"call i64 @llvm.cttz.i64(i64 {left}, i1 true)")
            self._one(target, self._words, lane, code.at("i64", self._bits, lane))
            then.append(code.put(f"and i64 {left}, {code.add(left, -1)}"))

    def _one(self, target: str, words: str, lane: int | str, bit: str) -> None:
        code = self._code
        word = code.at("i64", target, code.get("i64", words, lane, 8))
        old = code.put(f"load i64, ptr {word}, align 8")
        own = code.put(f"load i64, ptr {bit}, align 8")
        code.do(f"store i64 {code.put(f'or i64 {old}, {own}')}, ptr {word}, align 8")

    def _event(self, places: str, events: int) -> tuple[str, str]:
        """Columns of places within their events, and the first word of the rows of these events."""
        code = self._code
        column, row = places, "zeroinitializer"
        words = code.splat(code.put("lshr i64 %row_bytes, 3"))
        width = code.splat("%width")
        for event in range(1, events):
            limit = code.splat(code.mul("%width", event))
            beyond = code.put(f"icmp sge {VECTOR} {places}, {limit}")
            for_width, for_row = (
                code.put(f"select {_FLAGS} {beyond}, {VECTOR} {one}, {VECTOR} zeroinitializer")
                for one in (width, words)
            )
            column = code.put(f"sub {VECTOR} {column}, {for_width}")
            row = self._add(row, for_row)
        return column, row

    def _gap(self, table: str, numbers: str) -> tuple[str, str]:
        """Gaps after candidates, and 1 if a candidate follows the gap."""
        code = self._code
        word = self._word(numbers)
        entry = code.put(f"lshr {VECTOR} {word}, {_splat(64 - ENTRY_BITS)}")
        sides = []
        for side in range(2):
            base = code.at("i64", table, side)
            about = code.put(f"getelementptr [2 x i64], ptr {base}, {VECTOR} {entry}")
            sides.append(
                code.put(
                    f"call {VECTOR} @llvm.masked.gather.v8i64.v8p0(<8 x ptr> {about}, i32 8, "
                    f"{_FLAGS} splat (i1 true), {VECTOR} poison)"
                )
            )
        rest = code.put(f"shl {VECTOR} {word}, {_splat(ENTRY_BITS)}")
        own = code.put(f"icmp ult {VECTOR} {rest}, {sides[0]}")
        gap = code.put(f"select {_FLAGS} {own}, {VECTOR} {entry}, {VECTOR} {sides[1]}")
        struck = code.put(f"icmp ne {VECTOR} {gap}, {_splat(ENTRIES - 1)}")
        return gap, code.put(f"zext {_FLAGS} {struck} to {VECTOR}")

    def _draw(self, numbers: str, most: str) -> str:
        """Random numbers of candidates, as in :meth:`pimsim.dram.array.faults.Faults.draws`."""
        code = self._code
        word = code.put(f"lshr {VECTOR} {self._word(numbers)}, {_splat(64 - DRAW_BITS)}")
        drawn = code.put(f"uitofp {VECTOR} {word} to {_REALS}")
        share = code.put(f"fmul {_REALS} {drawn}, splat (double {2.0**-DRAW_BITS!r})")
        return code.put(f"fmul {_REALS} {share}, {most}")

    def _word(self, numbers: str) -> str:
        """:func:`pimsim.dram.array.noise_stream.scrambled`."""
        code = self._code
        for shift, factor in SCRAMBLE:
            mixed = self._shifted(numbers, shift)
            numbers = code.put(f"mul {VECTOR} {mixed}, {_splat(factor)}")
        return self._shifted(numbers, LAST_SHIFT)

    def _shifted(self, numbers: str, shift: int) -> str:
        code = self._code
        return code.two("xor", numbers, code.put(f"lshr {VECTOR} {numbers}, {_splat(shift)}"))

    def _sums(self, steps: str) -> str:
        """Running sums: each number plus those before it."""
        code = self._code
        for reach in (1, 2, 4):
            order = ", ".join(
                f"i32 {lane - reach if lane >= reach else _LANES}" for lane in range(_LANES)
            )
            before = code.put(
                f"shufflevector {VECTOR} {steps}, {VECTOR} zeroinitializer, "
                f"<{_LANES} x i32> <{order}>"
            )
            steps = self._add(steps, before)
        return steps

    def _add(self, one: str, other: str) -> str:
        return self._code.put(f"add {VECTOR} {one}, {other}")

    def _every(self, step: int) -> str:
        """0, a step, two steps and so on."""
        return f"<{', '.join(f'i64 {lane * step % 2**64}' for lane in range(_LANES))}>"

    def _reals(self, scalar: str) -> str:
        return self._code.splat(scalar, "double", _LANES)


def _splat(number: int) -> str:
    return f"splat (i64 {number})"
