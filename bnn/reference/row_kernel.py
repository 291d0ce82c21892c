"""Machine code that holds sums in rows against those of the reference, 512 columns at a time.

For these columns and one place of the pooling window after the other, it lays the operands of their
windows out, and then goes from two outputs to the next two. Of each 64 columns it counts (or adds
up) what the reference has, puts the digits in rows together to numbers, and compares. Operands,
numbers and sums stay in the nearest caches, and no thread waits for the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from bnn.reference.digit_part import Digits
from bnn.reference.kernel_part import BLOCKS, BYTES, COLUMNS, LANES, PARAMETERS, PLANES, SIDE, Kind
from bnn.reference.operand_part import Operands
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, compiler

_MULTIPLY = "@llvm.x86.avx512.pmaddubs.w.512"
_ARGUMENTS = (
    "*source imagebytes *offsets taps tapbytes *nothing *weights *used planes words step "
    "*slots *windows places width columns *positions "
    "*rows *digits *params *pads padlength rounds pairs outputs "
    "*turn *order groups *bits bitimage bitpixel *wrong "
    "*patches *side sidebytes *lanes *masks *whole *lines *numbers"
)
"""What is multiplied; which columns are which windows; what rows hold; bits that follow, and what
is found; memory of a thread. See :meth:`bnn.reference.in_rows.SumsInRows.compare`."""


@cache
def compared(kind: Kind) -> Callable[..., None]:
    """The loop over columns, 512 at a time."""
    name = "_".join(str(int(each)) for each in kind)
    code = Emit(
        f"pimsim_compare_{name}",
        f"begin end {_ARGUMENTS}",
        'nounwind "prefer-vector-width"="512"',
    )
    _Kernel(code, kind).write()
    return code.function()


class _Kernel(Operands, Digits):
    """All of it."""

    def __init__(self, code: Emit, kind: Kind) -> None:
        super().__init__(code, kind)
        step = code.put(f"trunc i64 %step to {self.element}")
        self._step = code.splat(step, self.element, COLUMNS)

    def write(self) -> None:
        """Add all instructions."""
        code = self.code
        code.declare("i64 @llvm.ctpop.i64(i64)")
        code.declare(f"{VECTOR} @llvm.ctpop.v8i64({VECTOR})")
        total, each = code.slot("i64"), code.at("i64", "%masks", BLOCKS)
        with code.loop("%end", "%begin") as item:
            first = code.mul(item, COLUMNS * BLOCKS)
            count = code.least(code.put(f"sub i64 %columns, {first}"), COLUMNS * BLOCKS)
            blocks = code.put(f"udiv i64 {code.add(count, COLUMNS - 1)}, {COLUMNS}")
            line = code.at("i64", "%rows", code.mul(item, BLOCKS))
            code.do(f"store i64 0, ptr {total}, align 8")
            self.put("zeroinitializer", each)
            with code.loop("%outputs") as output:
                self.put("zeroinitializer", self.row(output))
            with code.loop("%places") as place:
                self.lay(first, count, place)
                self.put(code.two("or", self.got("%masks"), self.got(each)), each)
                with code.loop("%rounds") as turn, code.loop("%pairs") as pair:
                    number = code.add(code.mul(turn, "%places"), place)
                    asked = code.add(code.mul(number, "%pairs"), pair)
                    self.fetch(line, code.add(asked, 1))
                    self.read(line, asked)
                    with code.loop(blocks) as block:
                        valid = code.get("i64", "%masks", block, 8)
                        with code.when(code.put(f"icmp ne i64 {valid}, 0")):
                            wrong = self._pair(asked, block, valid, first)
                            before = code.put(f"load i64, ptr {total}, align 8")
                            code.do(f"store i64 {code.add(before, wrong)}, ptr {total}, align 8")
            self._give(first, count, each)
            wrong = code.put(f"load i64, ptr {total}, align 8")
            code.do(f"store i64 {wrong}, ptr {code.at('i64', '%wrong', item)}, align 8")

    def _pair(self, asked: str, block: str, valid: str, first: str) -> str:
        """Compare two outputs of a block; gives how many of its ``valid`` sums are wrong."""
        code, many = self.code, self.many
        params = code.at("i32", "%params", code.mul(asked, PARAMETERS))
        sides = [code.at("i32", params, 4 + SIDE * side) for side in range(2)]
        outputs = [
            code.put(f"zext i32 {code.get('i32', side, SIDE - 1, 4)} to i64") for side in sides
        ]
        values = self._added(block, outputs) if self.kind.added else self._counted(block, outputs)
        numbers = [self.number(params, block, which) for which in range(2)]
        total = "0"
        for number, (side, output, value) in enumerate(zip(sides, outputs, values, strict=True)):
            scaled = code.put(f"mul {many} {value}, {self._step}")
            reference = code.put(f"add {many} {scaled}, {self.splat(side, 4)}")
            if self.kind.padded:
                column = code.add(first, code.mul(block, COLUMNS))
                place = code.put(f"urem i64 {column}, %width")
                row = code.mul(code.add(code.mul(asked, 2), number), "%padlength")
                at = code.at(self.element, "%pads", code.add(row, place))
                pads = code.put(f"load {many}, ptr {at}, align {self.kind.bits // 8}")
                reference = code.put(f"add {many} {reference}, {pads}")
            seen = self.splat(side, 2)
            for index, held in enumerate(numbers):
                share = code.put(f"mul {many} {held}, {self.splat(side, index)}")
                seen = code.put(f"add {many} {seen}, {share}")
            differ = self.as_bits(code.put(f"icmp ne {many} {seen}, {reference}"))
            real = code.put(f"sext i32 {code.get('i32', side, 5, 4)} to i64")
            asks = code.put(f"and i64 {valid}, {real}")
            differ = code.put(f"and i64 {differ}, {asks}")
            total = code.add(total, code.put(f"call i64 @llvm.ctpop.i64(i64 {differ})"))
            reached = self.as_bits(code.put(f"icmp sge {many} {reference}, {self.splat(side, 3)}"))
            least = code.get("i64", "%turn", code.mul(output, 2), 8)
            raised = code.put(f"and i64 {code.put(f'xor i64 {reached}, {least}')}, {asks}")
            target = code.at("i64", self.row(output), block)
            held = code.put(f"or i64 {code.put(f'load i64, ptr {target}, align 8')}, {raised}")
            code.do(f"store i64 {held}, ptr {target}, align 8")
        return total

    def _added(self, block: str, outputs: list[str]) -> list[str]:
        """Sums of products of bytes, two at a time."""
        code, many = self.code, self.many
        rows = code.mul(block, "%words")
        weights = [code.mul(output, "%words") for output in outputs]
        empty = ["zeroinitializer"] * len(outputs)
        with code.carry("%words", many, empty) as (two, sums, after):
            at = code.at("i16", "%patches", code.mul(code.add(rows, two), COLUMNS))
            values = code.put(f"load {many}, ptr {at}, align 2")
            for weight, total in zip(weights, sums, strict=True):
                factors = self.splat("%weights", code.add(weight, two))
                product = self._products(values, factors)
                after.append(code.put(f"add {many} {total}, {product}"))
        return sums

    def _products(self, values: str, factors: str) -> str:
        """Products of two bytes, the first of them unsigned, added up: in each 16 bits."""
        code, many = self.code, self.many
        if not compiler().features.get("avx512bw", False):
            return self._products_apart(values, factors)
        half, found = COLUMNS // 2, list[str]()
        code.declare(f"<{half} x i16> {_MULTIPLY}({BYTES}, {BYTES})")
        for first in (0, half):
            order = ", ".join(f"i32 {first + lane}" for lane in range(half))
            given = []
            for one in (values, factors):
                own = code.put(
                    f"shufflevector {many} {one}, {many} poison, <{half} x i32> <{order}>"
                )
                given.append(f"{BYTES} {code.put(f'bitcast <{half} x i16> {own} to {BYTES}')}")
            found.append(code.put(f"call <{half} x i16> {_MULTIPLY}({', '.join(given)})"))
        return self.shuffled(found[0], found[1], list(range(COLUMNS)), "i16")

    def _products_apart(self, values: str, factors: str) -> str:
        """The same in instructions that every processor has."""
        code, many = self.code, self.many
        products = []
        for shift in (0, 8):
            own = code.put(f"lshr {many} {values}, splat (i16 {shift})")
            value = code.put(f"and {many} {own}, splat (i16 255)")
            left = code.put(f"shl {many} {factors}, splat (i16 {8 - shift})")
            factor = code.put(f"ashr {many} {left}, splat (i16 8)")
            products.append(code.put(f"mul {many} {value}, {factor}"))
        return code.put(f"add {many} {products[0]}, {products[1]}")

    def _counted(self, block: str, outputs: list[str]) -> list[str]:
        """Sums of products of bits: ones counted, the highest plane first."""
        code, vectors = self.code, COLUMNS // LANES
        rows = code.mul(block, code.mul("%planes", "%words"))
        signs = [code.mul(output, "%words") for output in outputs]
        empty = ["zeroinitializer"] * (vectors * len(outputs))
        with code.carry("%planes", VECTOR, empty) as (plane, counts, after):
            doubled = [code.two("add", one, one) for one in counts]
            source = code.add(rows, code.mul(plane, "%words"))
            with code.carry("%words", VECTOR, doubled) as (word, totals, later):
                row = code.at("i64", "%patches", code.mul(code.add(source, word), COLUMNS))
                bits = [self.got(code.at(VECTOR, row, one)) for one in range(vectors)]
                for each, sign in enumerate(signs):
                    at = code.add(sign, word)
                    flip = code.splat(code.get("i64", "%weights", at, 8))
                    keep = code.splat(code.get("i64", "%used", at, 8)) if self.kind.sparse else ""
                    for place, found in enumerate(bits):
                        product = code.two("xor", found, flip)
                        product = code.two("and", product, keep) if keep else product
                        ones = code.put(f"call {VECTOR} @llvm.ctpop.v8i64({VECTOR} {product})")
                        later.append(code.two("add", totals[each * vectors + place], ones))
            after += totals
        return [self._joined(counts[:vectors]), self._joined(counts[vectors:])]

    def _joined(self, counts: list[str]) -> str:
        """Counts of all columns in one vector: those of some vectors side by side in each lane."""
        code, element, kind = self.code, self.element, self.kind
        size = 64 // kind.bits
        parts = []
        for begin in range(0, len(counts), size):
            whole = counts[begin]
            for place, count in enumerate(counts[begin + 1 : begin + size], 1):
                moved = code.put(f"shl {VECTOR} {count}, splat (i64 {kind.bits * place})")
                whole = code.two("or", whole, moved)
            parts.append(code.put(f"bitcast {VECTOR} {whole} to <{LANES * size} x {element}>"))
        width = LANES * size
        while len(parts) > 1:
            width *= 2
            parts = [
                self.shuffled(one, other, list(range(width)), element)
                for one, other in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    def _give(self, first: str, count: str, each: str) -> None:
        """Add the bits that follow to the strings of all columns that hold a sum."""
        code = self.code
        with code.loop("%outputs") as output:
            row = self.row(output)
            turned = code.splat(code.get("i64", "%turn", code.add(code.mul(output, 2), 1), 8))
            self.put(code.two("and", code.two("xor", self.got(row), turned), self.got(each)), row)
        with code.loop("%groups") as group:
            eight = code.at("i64", "%order", code.mul(group, PLANES))
            rows = [self.row(code.get("i64", eight, one, 8)) for one in range(PLANES)]
            self.turn(rows, code.at("i8", "%lines", code.mul(group, COLUMNS * BLOCKS)))

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
            self.columns(first, count, one)
