"""Puts digits in rows together to numbers, for :mod:`bnn.reference.row_kernel`.

Eight rows of 512 columns are turned into a byte of each column: words of eight rows change places
with rows of eight words, and then 8 x 8 bits are transposed in each word, by one instruction where
the processor has it.
"""

from __future__ import annotations

from bnn.reference.kernel_part import BLOCKS, BYTES, COLUMNS, LANES, PLANES, Part
from pimsim.executors.compiled.codegen.emit import VECTOR, compiler

_SWAPS = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))
"""How far bits go that change places with others, and which do, to turn 8 x 8 bits."""
_AFFINE = "@llvm.x86.vgf2p8affineqb.512"


class Digits(Part):
    """The part that makes numbers of rows, and strings of bits."""

    def read(self, line: str, asked: str) -> None:
        """Put the digits of both numbers together, those of all columns: bytes, by eights."""
        code, groups = self.code, self.kind.groups
        first = code.mul(asked, 2 * groups * PLANES)
        for eight in range(2 * groups):
            digits = code.at("i64", "%digits", code.add(first, eight * PLANES))
            rows = [code.at("i8", line, code.get("i64", digits, one, 8)) for one in range(PLANES)]
            self.turn(rows, code.at("i8", "%numbers", eight * COLUMNS * BLOCKS))

    def number(self, params: str, block: str, which: int) -> str:
        """A number of the columns of a block."""
        code, many, groups = self.code, self.many, self.kind.groups
        found = ""
        for group in range(groups):
            eight = code.at(BYTES, "%numbers", (which * groups + group) * BLOCKS)
            value = code.put(f"load {BYTES}, ptr {code.at(BYTES, eight, block)}, align 8")
            part = code.put(f"zext {BYTES} {value} to {many}")
            if group:
                high = code.put(f"shl {many} {part}, splat ({self.element} {PLANES * group})")
                found = code.put(f"or {many} {found}, {high}")
            else:
                found = part
        used = code.put(f"and {many} {found}, {self.splat(params, 2 * which)}")
        return code.put(f"xor {many} {used}, {self.splat(params, 2 * which + 1)}")

    def fetch(self, line: str, asked: str) -> None:
        """Have the rows of both numbers brought near: they are needed next."""
        code, count = self.code, 2 * self.kind.groups * PLANES
        code.declare("void @llvm.prefetch.p0(ptr, i32 immarg, i32 immarg, i32 immarg)")
        digits = code.at("i64", "%digits", code.mul(asked, count))
        for one in range(count):
            row = code.at("i8", line, code.get("i64", digits, one, 8))
            code.do(f"call void @llvm.prefetch.p0(ptr {row}, i32 0, i32 3, i32 1)")

    def turn(self, rows: list[str], into: str) -> None:
        """Turn eight rows of 512 bits into as many bytes: bit i of a byte is of the i-th row."""
        code = self.code
        affine = compiler().features.get("gfni", False)
        words = [self.got(row) for row in (reversed(rows) if affine else rows)]
        for step in (1, 2, 4):  # words of eight rows become rows of eight words
            for one in range(LANES):
                if not one & step:
                    pair = words[one], words[one | step]
                    low = [lane - step + LANES if lane & step else lane for lane in range(LANES)]
                    high = [lane + LANES if lane & step else lane + step for lane in range(LANES)]
                    for place, order in ((one, low), (one | step, high)):
                        listed = ", ".join(f"i32 {lane}" for lane in order)
                        words[place] = code.put(
                            f"shufflevector {VECTOR} {pair[0]}, {VECTOR} {pair[1]}, "
                            f"<{LANES} x i32> <{listed}>"
                        )
        order = [LANES * (place % LANES) + place // LANES for place in range(COLUMNS)]
        for block, word in enumerate(words):
            value = code.put(f"bitcast {VECTOR} {word} to {BYTES}")
            listed = ", ".join(f"i32 {place}" for place in order)
            value = code.put(
                f"shufflevector {BYTES} {value}, {BYTES} poison, <{COLUMNS} x i32> <{listed}>"
            )
            turned = self._bits_turned(value, affine=affine)
            code.do(f"store {BYTES} {turned}, ptr {code.at(BYTES, into, block)}, align 1")

    def _bits_turned(self, value: str, *, affine: bool) -> str:
        """Turn 8 x 8 bits in each word; with ``affine``, whose bytes are the other way round."""
        code = self.code
        if affine:
            code.declare(f"{BYTES} {_AFFINE}({BYTES}, {BYTES}, i8 immarg)")
            ones = ", ".join(f"i8 {1 << place % LANES}" for place in range(COLUMNS))
            return code.put(f"call {BYTES} {_AFFINE}({BYTES} <{ones}>, {BYTES} {value}, i8 0)")
        words = code.put(f"bitcast {BYTES} {value} to {VECTOR}")
        for shift, mask in _SWAPS:
            moved = code.put(f"lshr {VECTOR} {words}, splat (i64 {shift})")
            swap = code.two("and", code.two("xor", words, moved), f"splat (i64 {mask})")
            back = code.put(f"shl {VECTOR} {swap}, splat (i64 {shift})")
            words = code.two("xor", code.two("xor", words, swap), back)
        return code.put(f"bitcast {VECTOR} {words} to {BYTES}")
