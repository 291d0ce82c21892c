"""Machine code that holds sums in rows against those of the reference, 512 columns at a time.

For these columns and one place of the pooling window after the other, it lays the operands of their
windows out, and then goes from two outputs to the next two. Of each 64 columns it counts (or adds
up) what the reference has, puts the digits in rows together to numbers, and compares. Operands,
numbers and sums stay in the nearest caches, and no thread waits for the interpreter.

Planes of bits become numbers by transposing 8 x 8 bits, in registers: one instruction where the
processor has it.

>>> places_of_columns(Kind(False, True, 1, False, False, 1))[:5]
[0, 8, 1, 9, 2]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, compiler

COLUMNS = 64
"""Columns whose sums are held in registers at a time."""
BLOCKS = 8
"""How often so many are gone through before the next outputs: a cache line of every row."""
PLANES = 8
"""Rows that are put together at a time."""
SIDE = 7
"""Parameters of an output: the multiples of both numbers, a constant, the limit, the reference's
offset, whether there is such an output, and which it is."""
PARAMETERS = 4 + 2 * SIDE
"""Those of two outputs. The first four: which digits both numbers have, and which are turned."""

_BYTES = f"<{COLUMNS} x i8>"
_LANES = 8
_SWAPS = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))
"""How far bits go that change places with others, and which do, to turn 8 x 8 bits."""
_AFFINE = "@llvm.x86.vgf2p8affineqb.512"
_ARGUMENTS = (
    "*source imagebytes *offsets taps tapbytes *nothing *weights *used planes words step "
    "*slots *windows places width columns *positions "
    "*rows *digits *params *pads padlength rounds pairs outputs "
    "*turn *order groups *bits bitimage bitpixel *wrong "
    "*patches *column *lanes *masks *whole *lines"
)
"""What is multiplied; which columns are which windows; what rows hold; bits that follow, and what
is found; memory of a thread. See :meth:`bnn.reference.in_rows.SumsInRows.compare`."""


class Kind(NamedTuple):
    """What machine code is made for."""

    added: bool
    """Products of short integers are added up; else bits are counted."""
    wide: bool
    """Sums are compared in 32 bits, not in 16."""
    groups: int
    """Eights of digits that a number has."""
    sparse: bool
    """Some weights are 0."""
    padded: bool
    """Padding adds something."""
    element: int
    """Bits of an operand as it is stored: 1, or 8, or 16."""

    @property
    def bits(self) -> int:
        """Bits of a sum."""
        return 32 if self.wide else 16


def places_of_columns(kind: Kind) -> list[int]:
    """Where the operands of each of 64 columns lie: counts that are joined are then in order."""
    if kind.added:
        return list(range(COLUMNS))
    joined = 64 // kind.bits
    size = joined * _LANES
    return [
        (column // size * joined + column % joined) * _LANES + column % size // joined
        for column in range(COLUMNS)
    ]


@cache
def compared(kind: Kind) -> Callable[..., None]:
    """The loop over columns, 512 at a time."""
    name = "_".join(str(int(each)) for each in kind)
    code = Emit(
        f"pimsim_compare_{name}",
        f"begin end {_ARGUMENTS}",
        'nounwind "prefer-vector-width"="512"',
    )
    _Writer(code, kind).write()
    return code.function()


class _Writer:
    def __init__(self, code: Emit, kind: Kind) -> None:
        self._code, self._kind = code, kind
        self._element = f"i{kind.bits}"
        self._many = f"<{COLUMNS} x {self._element}>"
        self._flags = f"<{COLUMNS} x i1>"
        self._step = ""

    def write(self) -> None:
        """Add all instructions."""
        code = self._code
        code.declare("i64 @llvm.ctpop.i64(i64)")
        code.declare(f"{VECTOR} @llvm.ctpop.v8i64({VECTOR})")
        step = code.put(f"trunc i64 %step to {self._element}")
        self._step = code.splat(step, self._element, COLUMNS)
        total, each = code.slot("i64"), code.at("i64", "%masks", BLOCKS)
        with code.loop("%end", "%begin") as item:
            first = code.mul(item, COLUMNS * BLOCKS)
            count = code.least(code.put(f"sub i64 %columns, {first}"), COLUMNS * BLOCKS)
            blocks = code.put(f"udiv i64 {code.add(count, COLUMNS - 1)}, {COLUMNS}")
            line = code.at("i64", "%rows", code.mul(item, BLOCKS))
            code.do(f"store i64 0, ptr {total}, align 8")
            self._put("zeroinitializer", each)
            with code.loop("%outputs") as output:
                self._put("zeroinitializer", self._row(output))
            with code.loop("%places") as place:
                self._lay(first, count, place)
                self._put(code.two("or", self._got("%masks"), self._got(each)), each)
                with code.loop("%rounds") as turn, code.loop("%pairs") as pair:
                    number = code.add(code.mul(turn, "%places"), place)
                    asked = code.add(code.mul(number, "%pairs"), pair)
                    self._fetch(line, code.add(asked, 1))
                    with code.loop(blocks) as block:
                        valid = code.get("i64", "%masks", block, 8)
                        with code.when(code.put(f"icmp ne i64 {valid}, 0")):
                            wrong = self._pair(asked, block, valid, (first, line))
                            before = code.put(f"load i64, ptr {total}, align 8")
                            code.do(f"store i64 {code.add(before, wrong)}, ptr {total}, align 8")
            self._give(first, count, blocks, each)
            wrong = code.put(f"load i64, ptr {total}, align 8")
            code.do(f"store i64 {wrong}, ptr {code.at('i64', '%wrong', item)}, align 8")

    def _got(self, address: str) -> str:
        return self._code.put(f"load {VECTOR}, ptr {address}, align 8")

    def _put(self, vector: str, address: str) -> None:
        self._code.do(f"store {VECTOR} {vector}, ptr {address}, align 8")

    def _row(self, output: str) -> str:
        """Where the bits of an output are, those of all columns."""
        return self._code.at("i64", "%whole", self._code.mul(output, BLOCKS))

    # -- operands ----------------------------------------------------------------------------

    def _columns(self, first: str, count: str, one: Callable[[str, str, str], None]) -> None:
        """Add what ``one`` adds for each column, its image, and its place there."""
        code = self._code
        start = [code.put(f"{how} i64 {first}, %width") for how in ("udiv", "urem")]
        with code.carry(count, "i64", start) as (column, (image, own), after):
            one(column, image, own)
            behind = code.add(own, 1)
            ends = code.put(f"icmp eq i64 {behind}, %width")
            after.append(code.add(image, code.put(f"zext i1 {ends} to i64")))
            after.append(code.put(f"select i1 {ends}, i64 0, i64 {behind}"))

    def _lay(self, first: str, count: str, place: str) -> None:
        """Lay out the operands of all columns that hold a sum, and note which these are."""
        code = self._code
        windows = code.at("i64", "%windows", code.mul(place, "%width"))
        flags = code.at("i64", "%masks", 2 * BLOCKS)

        def one(column: str, image: str, own: str) -> None:
            window, slot = code.get("i64", windows, own, 8), code.get("i64", "%slots", image, 8)
            inside = code.put(f"icmp sge i64 {code.put(f'or i64 {window}, {slot}')}, 0")
            flag = code.put(f"sext i1 {inside} to i8")
            code.do(f"store i8 {flag}, ptr {code.at('i8', flags, column)}, align 1")
            with code.when(inside):
                block = code.put(f"udiv i64 {column}, {COLUMNS}")
                lane = code.put(f"urem i64 {column}, {COLUMNS}")
                self._gather(code.at("i8", "%source", code.mul(slot, "%imagebytes")), window)
                self._spread(block, code.get("i64", "%lanes", lane, 8))

        for block in range(BLOCKS):
            self._put("zeroinitializer", code.at(VECTOR, flags, block))
        self._columns(first, count, one)
        for block in range(BLOCKS):
            own = code.put(f"load {_BYTES}, ptr {code.at(_BYTES, flags, block)}, align 8")
            held = self._as_bits(code.put(f"icmp slt {_BYTES} {own}, zeroinitializer"))
            code.do(f"store i64 {held}, ptr {code.at('i64', '%masks', block)}, align 8")

    def _gather(self, source: str, window: str) -> None:
        """Put what a window reads side by side, eight bytes at a time, with zeros behind it."""
        code = self._code
        offsets = code.at("i64", "%offsets", code.mul(window, "%taps"))
        steps = code.put(f"udiv i64 {code.add('%tapbytes', 7)}, 8")
        with code.loop("%taps") as tap:
            offset = code.get("i64", offsets, tap, 8)
            outside = code.put(f"icmp slt i64 {offset}, 0")
            pixel = code.at("i8", source, offset)
            pixel = code.put(f"select i1 {outside}, ptr %nothing, ptr {pixel}")
            target = code.at("i8", "%column", code.mul(tap, "%tapbytes"))
            code.do(f"store i64 {code.get('i64', pixel, 0)}, ptr {target}, align 1")
            with code.loop(steps, 1) as step:
                value = code.get("i64", pixel, step)
                code.do(f"store i64 {value}, ptr {code.at('i64', target, step)}, align 1")
        behind = code.at("i8", "%column", code.mul("%taps", "%tapbytes"))
        code.do(f"store i64 0, ptr {behind}, align 1")

    def _spread(self, block: str, lane: str) -> None:
        """Put the operands of a column into its lane of the block."""
        code, element = self._code, self._kind.element
        base = code.mul(block, code.mul("%planes", "%words"))
        base = code.add(code.mul(base, COLUMNS), lane)
        many, apart = f"<{COLUMNS} x i{element}>", code.mul("%words", COLUMNS)
        with code.loop("%words") as word:
            at = code.add(base, code.mul(word, COLUMNS))
            if self._kind.added:
                value = code.get(f"i{element}", "%column", word, element // 8)
                short = code.put(f"zext i8 {value} to i16") if element < 16 else value
                code.do(f"store i16 {short}, ptr {code.at('i16', '%patches', at)}, align 2")
            elif element == 1:
                value = code.get("i64", "%column", word, 8)
                code.do(f"store i64 {value}, ptr {code.at('i64', '%patches', at)}, align 8")
            else:
                values = code.get(many, "%column", word, element // 8)
                unused = code.put(f"sub i64 {element}, %planes")
                with code.carry(unused, many, [values]) as (_, (high,), after):
                    after.append(code.put(f"add {many} {high}, {high}"))
                with code.carry("%planes", many, [high]) as (plane, (value,), later):
                    highest = code.put(f"icmp slt {many} {value}, zeroinitializer")
                    bits = code.put(f"bitcast {self._flags} {highest} to i64")
                    where = code.at("i64", "%patches", code.add(at, code.mul(plane, apart)))
                    code.do(f"store i64 {bits}, ptr {where}, align 8")
                    later.append(code.put(f"add {many} {value}, {value}"))

    # -- sums --------------------------------------------------------------------------------

    def _splat(self, base: str, index: str | int) -> str:
        """A parameter in all columns. It stands there in 32 bits, a short one twice."""
        code, size = self._code, COLUMNS * self._kind.bits // 32
        value = code.splat(code.get("i32", base, index, 4), "i32", size)
        return code.put(f"bitcast <{size} x i32> {value} to {self._many}")

    def _pair(self, asked: str, block: str, valid: str, where: tuple[str, str]) -> str:
        """Compare two outputs of a block; gives how many of its ``valid`` sums are wrong."""
        code, many, (first, line) = self._code, self._many, where
        params = code.at("i32", "%params", code.mul(asked, PARAMETERS))
        sides = [code.at("i32", params, 4 + SIDE * side) for side in range(2)]
        outputs = [
            code.put(f"zext i32 {code.get('i32', side, SIDE - 1, 4)} to i64") for side in sides
        ]
        values = self._added(block, outputs) if self._kind.added else self._counted(block, outputs)
        words = code.at("i64", line, block)
        numbers = [self._number(words, params, asked, which) for which in range(2)]
        total = "0"
        for number, (side, output, value) in enumerate(zip(sides, outputs, values, strict=True)):
            scaled = code.put(f"mul {many} {value}, {self._step}")
            reference = code.put(f"add {many} {scaled}, {self._splat(side, 4)}")
            if self._kind.padded:
                column = code.add(first, code.mul(block, COLUMNS))
                place = code.put(f"urem i64 {column}, %width")
                row = code.mul(code.add(code.mul(asked, 2), number), "%padlength")
                at = code.at(self._element, "%pads", code.add(row, place))
                pads = code.put(f"load {many}, ptr {at}, align {self._kind.bits // 8}")
                reference = code.put(f"add {many} {reference}, {pads}")
            seen = self._splat(side, 2)
            for index, held in enumerate(numbers):
                share = code.put(f"mul {many} {held}, {self._splat(side, index)}")
                seen = code.put(f"add {many} {seen}, {share}")
            differ = self._as_bits(code.put(f"icmp ne {many} {seen}, {reference}"))
            real = code.put(f"sext i32 {code.get('i32', side, 5, 4)} to i64")
            asks = code.put(f"and i64 {valid}, {real}")
            differ = code.put(f"and i64 {differ}, {asks}")
            total = code.add(total, code.put(f"call i64 @llvm.ctpop.i64(i64 {differ})"))
            reached = self._as_bits(
                code.put(f"icmp sge {many} {reference}, {self._splat(side, 3)}")
            )
            least = code.get("i64", "%turn", code.mul(output, 2), 8)
            raised = code.put(f"and i64 {code.put(f'xor i64 {reached}, {least}')}, {asks}")
            target = code.at("i64", self._row(output), block)
            held = code.put(f"or i64 {code.put(f'load i64, ptr {target}, align 8')}, {raised}")
            code.do(f"store i64 {held}, ptr {target}, align 8")
        return total

    def _as_bits(self, flags: str) -> str:
        return self._code.put(f"bitcast {self._flags} {flags} to i64")

    def _added(self, block: str, outputs: list[str]) -> list[str]:
        """Sums of products of short integers."""
        code, many = self._code, self._many
        rows = code.mul(block, "%words")
        weights = [code.mul(output, "%words") for output in outputs]
        empty = ["zeroinitializer"] * len(outputs)
        with code.carry("%words", many, empty) as (tap, sums, after):
            at = code.at("i16", "%patches", code.mul(code.add(rows, tap), COLUMNS))
            values = code.put(f"load {many}, ptr {at}, align 2")
            for weight, total in zip(weights, sums, strict=True):
                factor = self._splat("%weights", code.add(weight, tap))
                product = code.put(f"mul {many} {values}, {factor}")
                after.append(code.put(f"add {many} {total}, {product}"))
        return sums

    def _counted(self, block: str, outputs: list[str]) -> list[str]:
        """Sums of products of bits: ones counted, the highest plane first."""
        code, vectors = self._code, COLUMNS // _LANES
        rows = code.mul(block, code.mul("%planes", "%words"))
        signs = [code.mul(output, "%words") for output in outputs]
        empty = ["zeroinitializer"] * (vectors * len(outputs))
        with code.carry("%planes", VECTOR, empty) as (plane, counts, after):
            doubled = [code.two("add", one, one) for one in counts]
            source = code.add(rows, code.mul(plane, "%words"))
            with code.carry("%words", VECTOR, doubled) as (word, totals, later):
                row = code.at("i64", "%patches", code.mul(code.add(source, word), COLUMNS))
                bits = [self._got(code.at(VECTOR, row, one)) for one in range(vectors)]
                for each, sign in enumerate(signs):
                    at = code.add(sign, word)
                    flip = code.splat(code.get("i64", "%weights", at, 8))
                    keep = code.splat(code.get("i64", "%used", at, 8)) if self._kind.sparse else ""
                    for place, found in enumerate(bits):
                        product = code.two("xor", found, flip)
                        product = code.two("and", product, keep) if keep else product
                        ones = code.put(f"call {VECTOR} @llvm.ctpop.v8i64({VECTOR} {product})")
                        later.append(code.two("add", totals[each * vectors + place], ones))
            after += totals
        return [self._joined(counts[:vectors]), self._joined(counts[vectors:])]

    def _joined(self, counts: list[str]) -> str:
        """Counts of all columns in one vector: those of some vectors side by side in each lane."""
        code, element, kind = self._code, self._element, self._kind
        size = 64 // kind.bits
        parts = []
        for begin in range(0, len(counts), size):
            whole = counts[begin]
            for place, count in enumerate(counts[begin + 1 : begin + size], 1):
                moved = code.put(f"shl {VECTOR} {count}, splat (i64 {kind.bits * place})")
                whole = code.two("or", whole, moved)
            parts.append(code.put(f"bitcast {VECTOR} {whole} to <{_LANES * size} x {element}>"))
        width = _LANES * size
        while len(parts) > 1:
            width *= 2
            parts = [
                self._shuffled(one, other, list(range(width)), element)
                for one, other in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    def _shuffled(self, one: str, other: str, order: list[int], element: str) -> str:
        listed = ", ".join(f"i32 {place}" for place in order)
        half = f"<{len(order) // 2} x {element}>"
        return self._code.put(
            f"shufflevector {half} {one}, {half} {other}, <{len(order)} x i32> <{listed}>"
        )

    # -- rows --------------------------------------------------------------------------------

    def _number(self, words: str, params: str, asked: str, which: int) -> str:
        """A number of all columns, put together of its digits in rows."""
        code, many, groups = self._code, self._many, self._kind.groups
        first = code.mul(code.add(code.mul(asked, 2), which), groups * PLANES)
        found = ""
        for group in range(groups):
            digits = code.at("i64", "%digits", code.add(first, group * PLANES))
            planes = [
                code.at("i8", words, code.get("i64", digits, one, 8)) for one in range(PLANES)
            ]
            part = code.put(f"zext {_BYTES} {self._turned(planes)} to {many}")
            if group:
                high = code.put(f"shl {many} {part}, splat ({self._element} {PLANES * group})")
                found = code.put(f"or {many} {found}, {high}")
            else:
                found = part
        used = code.put(f"and {many} {found}, {self._splat(params, 2 * which)}")
        return code.put(f"xor {many} {used}, {self._splat(params, 2 * which + 1)}")

    def _fetch(self, line: str, asked: str) -> None:
        """Have the rows of both numbers brought near: they are needed next."""
        code, count = self._code, 2 * self._kind.groups * PLANES
        code.declare("void @llvm.prefetch.p0(ptr, i32 immarg, i32 immarg, i32 immarg)")
        digits = code.at("i64", "%digits", code.mul(asked, count))
        for one in range(count):
            row = code.at("i8", line, code.get("i64", digits, one, 8))
            code.do(f"call void @llvm.prefetch.p0(ptr {row}, i32 0, i32 3, i32 1)")

    def _turned(self, planes: list[str]) -> str:
        """Eight words as 64 bytes: byte i holds bit i of each, that of the first lowest."""
        code = self._code
        affine = compiler().features.get("gfni", False)
        whole = "zeroinitializer"
        for place, plane in enumerate(reversed(planes) if affine else planes):
            word = code.splat(code.put(f"load i64, ptr {plane}, align 1"))
            chosen = ", ".join(f"i1 {int(lane == place)}" for lane in range(_LANES))
            whole = code.put(
                f"select <{_LANES} x i1> <{chosen}>, {VECTOR} {word}, {VECTOR} {whole}"
            )
        order = ", ".join(f"i32 {_LANES * (i % _LANES) + i // _LANES}" for i in range(COLUMNS))
        value = code.put(f"bitcast {VECTOR} {whole} to {_BYTES}")
        value = code.put(
            f"shufflevector {_BYTES} {value}, {_BYTES} poison, <{COLUMNS} x i32> <{order}>"
        )
        if affine:
            code.declare(f"{_BYTES} {_AFFINE}({_BYTES}, {_BYTES}, i8 immarg)")
            ones = ", ".join(f"i8 {1 << i % _LANES}" for i in range(COLUMNS))
            return code.put(f"call {_BYTES} {_AFFINE}({_BYTES} <{ones}>, {_BYTES} {value}, i8 0)")
        value = code.put(f"bitcast {_BYTES} {value} to {VECTOR}")
        for shift, mask in _SWAPS:
            moved = code.put(f"lshr {VECTOR} {value}, splat (i64 {shift})")
            swap = code.two("and", code.two("xor", value, moved), f"splat (i64 {mask})")
            back = code.put(f"shl {VECTOR} {swap}, splat (i64 {shift})")
            value = code.two("xor", code.two("xor", value, swap), back)
        return code.put(f"bitcast {VECTOR} {value} to {_BYTES}")

    # -- bits --------------------------------------------------------------------------------

    def _give(self, first: str, count: str, blocks: str, each: str) -> None:
        """Add the bits that follow to the strings of all columns that hold a sum."""
        code = self._code
        with code.loop("%outputs") as output:
            row = self._row(output)
            turned = code.splat(code.get("i64", "%turn", code.add(code.mul(output, 2), 1), 8))
            self._put(
                code.two("and", code.two("xor", self._got(row), turned), self._got(each)), row
            )
        with code.loop("%groups") as group:
            eight = code.at("i64", "%order", code.mul(group, PLANES))
            rows = [self._row(code.get("i64", eight, one, 8)) for one in range(PLANES)]
            target = code.at("i8", "%lines", code.mul(group, COLUMNS * BLOCKS))
            with code.loop(blocks) as block:
                strings = self._turned([code.at("i64", row, block) for row in rows])
                where = code.at(_BYTES, target, block)
                code.do(f"store {_BYTES} {strings}, ptr {where}, align 1")

        def one(column: str, image: str, own: str) -> None:
            slot, position = (
                code.get("i64", "%slots", image, 8),
                code.get("i64", "%positions", own, 8),
            )
            both = code.put(f"or i64 {slot}, {position}")
            with code.when(code.put(f"icmp sge i64 {both}, 0")):
                place = code.mul(position, "%bitpixel")
                into = code.at("i8", "%bits", code.add(code.mul(slot, "%bitimage"), place))
                with code.loop("%groups") as group:
                    held = code.at("i8", into, group)
                    index = code.add(code.mul(group, COLUMNS * BLOCKS), column)
                    more, some = code.get("i8", "%lines", index), code.get("i8", held, 0)
                    code.do(f"store i8 {code.put(f'or i8 {more}, {some}')}, ptr {held}, align 1")

        with code.when(code.put("icmp ne i64 %groups, 0")):
            self._columns(first, count, one)
