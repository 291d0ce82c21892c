"""Sums of a layer held against rows, where they stand: nobody makes numbers of what rows hold.

A reference sum and the one that rows hold meet in the registers of a processor, of 32 windows and
some outputs at a time. How the reference counts is that of :mod:`bnn.reference.packed`, or, where
operands are wide and few are added up, products of short integers.

>>> from bnn.model.network import Dense
>>> from bnn.model.operand_encoding import BIPOLAR
>>> layer = Dense("d", np.float32([[0.3], [-0.2], [0.1]]), None, "ste_sign", "ste_sign")
>>> own = SumsInRows(PackedSums(layer, (3,), BIPOLAR, pad=0), layer, BIPOLAR, pad=0)
>>> operands = BitStrings.of(np.array([[[1, 1, 1]], [[0, 1, 1]]]))            # sums of 1 and -1
>>> held = LinearSums(np.array([[0]]), np.array([[2]]), np.array([-1]))
>>> words = np.array([[0b01]], np.uint64)                                     # as it must be
>>> goal = slice(0, 1), np.array([0]), np.array([1])                          # is it 1 or more?
>>> wrong, raised = own.compare(operands, goal, Held(words, 0, held))
>>> wrong, bin(int(raised[0, 0]) & 3)
(0, '0b1')
>>> own.compare(operands, goal, Held(words ^ np.uint64(2), 0, held))[0]       # one is another
1
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import OUTSIDE, Indices
from bnn.model.layers.product import Product, integer_kernel
from bnn.model.operand_encoding import OperandEncoding
from bnn.reference.packed import PackedSums
from bnn.values.bitstrings import BitStrings
from bnn.values.linear import LinearSums
from pimsim.bits import Words
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit

COLUMNS, _OUTPUTS = 32, 4
"""Windows and outputs whose sums are held in registers at a time."""
_SHORT = (1 << 15) - 1
"""Sums below it are added up in 16 bits."""

Goal = tuple[slice, Indices, NDArray[np.int64]]
"""Outputs; windows, -1 where a column holds nothing; what sums of each output are compared with."""


class Held(NamedTuple):
    """Rows that hold sums."""

    words: Words
    """``(rows, words)``, the words of a row side by side, and 8 bytes behind the last one."""
    first: int
    """Column of the first window."""
    sums: LinearSums
    """Of the outputs that are compared."""


class SumsInRows:
    """Sums of a layer that :func:`bnn.reference.packed.can_pack`, held against rows.

    Args:
        packed: the layer's sums.
        layer: the layer.
        encoding: of its operands.
        pad: integer operand where a window reads no pixel.

    """

    def __init__(
        self, packed: PackedSums, layer: Product, encoding: OperandEncoding, pad: int
    ) -> None:
        self._packed = packed
        self._encoding, self._pad = encoding, pad
        matrix = layer.matrix(integer_kernel(layer)).astype(np.int64)
        size = len(matrix) * matrix.shape[1]
        self._flat = matrix.reshape(size, -1)
        largest = max(abs(encoding.low), abs(encoding.high), abs(pad))
        cheap = size < COLUMNS // 8 * encoding.planes * self._packed.words
        self._short = cheap and size * largest < _SHORT
        """Whether adding up short integers takes less than counting bits."""

    def column_bytes(self) -> int:
        """Bytes that a window is laid out in, about."""
        short = 2 * len(self._flat)
        return short if self._short else 8 * self._packed.words * self._encoding.planes

    def compare(
        self, operands: BitStrings, goal: Goal, held: Held
    ) -> tuple[int, NDArray[np.uint32]]:
        """Hold all windows of some images against rows.

        Args:
            operands: what is stored of the operands, ``(images, pixels, channels)``.
            goal: what is compared.
            held: the rows; columns go on from image to image.

        Returns:
            How many sums differ, and ``(outputs, words)`` bits, of each window whether the
            reference's sum is at least the output's limit.

        """
        outputs, places, limits = goal
        short = self._short and held.sums.reach < _SHORT
        kind = np.dtype(np.int16 if short else np.int32)
        patches = (
            self._integers(operands, places) if short else self._packed.patches(operands, places)
        )
        count = outputs.stop - outputs.start
        rows = -(-count // _OUTPUTS) * _OUTPUTS
        blocks = -(-operands.images * len(places) // COLUMNS)

        def even(whole: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
            """Those of whole groups of outputs; nobody asks for what lies behind them."""
            made = np.zeros((rows, *whole.shape[1:]), kind)
            made[:count] = whole
            return made

        most = (1 << 8 * kind.itemsize - 1) - 1
        ends = np.clip(limits, -most, most)
        pads = None if short else self._packed.pads(outputs, places, rows, COLUMNS)
        raised, wrong = np.empty((rows, blocks), np.uint32), np.empty(blocks, np.int64)
        arrays = [
            patches,
            *(self._weights(outputs, rows) if short else self._packed.signs(outputs, rows)),
            held.words,
            even(held.sums.rows * held.words.strides[0], np.dtype(np.int64)),
            even(held.sums.factors, kind),
            even(held.sums.constants, kind),
            even(ends, kind),
            _valid(places, operands.images, blocks),
            raised if pads is None else pads,
            raised,
            wrong,
        ]
        _compare(short=short, sparse=self._packed.sparse and not short, padded=pads is not None)(
            0, blocks, *(each.ctypes.data for each in arrays), *(1, *patches.shape)[-3:],
            rows, count, self._encoding.step, 0 if pads is None else pads.shape[1], len(places),
            held.first, held.sums.rows.shape[1], blocks,
        )  # fmt: skip
        return int(wrong.sum()), raised[:count]

    def _weights(self, outputs: slice, rows: int) -> tuple[NDArray[Any], ...]:
        """Weights of outputs (operands, outputs), and twice in place of what only bits have."""
        made = np.zeros((len(self._flat), rows), np.int16)
        made[:, : outputs.stop - outputs.start] = self._flat[:, outputs]
        return made, made, made

    def _integers(self, operands: BitStrings, places: Indices) -> NDArray[np.int16]:
        """Operands of windows, (operands, windows of all images)."""
        reads = self._packed.reads[places].T
        stored = operands.integers()
        whole = np.empty((stored.shape[2], len(stored), stored.shape[1] + 1), np.int16)
        whole[..., :-1] = stored.transpose(2, 0, 1)
        whole[..., :-1] *= np.int16(self._encoding.step)
        whole[..., :-1] += np.int16(self._encoding.low)
        whole[..., -1] = self._pad
        columns = len(stored) * len(places)
        made = np.zeros((len(self._flat), -(-columns // COLUMNS) * COLUMNS), np.int16)
        laid = made[:, :columns].reshape(len(reads), len(whole), len(stored), -1)
        for tap, into in zip(reads, laid, strict=True):
            for channel, own in zip(whole, into, strict=True):
                own[:] = channel[:, tap]
        return made


def _valid(places: Indices, images: int, blocks: int) -> NDArray[np.uint32]:
    """Columns that hold something, as bits."""
    flags = np.zeros(blocks * COLUMNS, np.bool_)
    flags[: images * len(places)].reshape(images, -1)[:] = places != OUTSIDE
    return np.packbits(flags, bitorder="little").view(np.uint32)


@cache
def _compare(*, short: bool, sparse: bool, padded: bool) -> Callable[..., None]:
    """Loop over windows, 32 at a time, and over outputs, four at a time."""
    code = Emit(
        f"pimsim_compare_{int(short)}{int(sparse)}{int(padded)}",
        "begin end *patches *weights *used *offsets *rows *numbers *factors *constants *limits "
        "*valid *pads *raised *wrong planes words stride outputs count step padlength places first "
        "most blocks",
        'nounwind "prefer-vector-width"="512"',
    )
    element, size = ("i16", 2) if short else ("i32", 4)
    many, flags = f"<{COLUMNS} x {element}>", f"<{COLUMNS} x i1>"

    def splat(base: str, index: str) -> str:
        return code.splat(code.get(element, base, index, size), element, COLUMNS)

    with code.loop("%end", "%begin") as item:
        column = code.mul(item, COLUMNS)
        bit = code.add("%first", column)
        source = code.at("i8", "%rows", code.put(f"lshr i64 {bit}, 3"))
        shift = code.put(f"and i64 {bit}, 7")
        inside = code.get("i32", "%valid", item, 4)
        place = code.put(f"urem i64 {column}, %places") if padded else ""
        groups = code.put(f"sdiv i64 %outputs, {_OUTPUTS}")
        with code.carry(groups, "i64", ["0"]) as (group, (found,), later):
            output, total = code.mul(group, _OUTPUTS), found
            each = [code.add(output, one) for one in range(_OUTPUTS)]
            values = _added(code, column, each) if short else _counted(code, column, each, sparse)
            for number, reference in zip(each, values, strict=True):
                value = reference
                if padded:
                    at = code.add(code.mul(number, "%padlength"), place)
                    pads = code.put(f"load {many}, ptr {code.at('i32', '%pads', at)}, align 4")
                    value = code.put(f"add {many} {value}, {pads}")
                row, begin = code.mul(number, "%most"), [splat("%constants", number)]
                with code.carry("%most", many, begin) as (step, (seen,), after):
                    index = code.add(row, step)
                    where = code.at("i8", source, code.get("i64", "%numbers", index, 8))
                    moved = code.put(
                        f"lshr i64 {code.put(f'load i64, ptr {where}, align 1')}, {shift}"
                    )
                    bits = code.put(f"trunc i64 {moved} to i32")
                    ones = code.put(f"bitcast i32 {bits} to {flags}")
                    factor = splat("%factors", index)
                    own = code.put(
                        f"select {flags} {ones}, {many} {factor}, {many} zeroinitializer"
                    )
                    after.append(code.put(f"add {many} {seen}, {own}"))
                differ = code.put(f"icmp ne {many} {seen}, {value}")
                differing = code.put(f"bitcast {flags} {differ} to i32")
                real = code.put(f"icmp slt i64 {number}, %count")
                asked = code.put(f"select i1 {real}, i32 {inside}, i32 0")
                wrong = code.put(f"and i32 {differing}, {asked}")
                ones = code.put(f"call i32 @llvm.ctpop.i32(i32 {wrong})")
                total = code.add(total, code.put(f"zext i32 {ones} to i64"))
                reached = code.put(f"icmp sge {many} {value}, {splat('%limits', number)}")
                at = code.add(code.mul(number, "%blocks"), item)
                raised = code.put(f"bitcast {flags} {reached} to i32")
                code.do(f"store i32 {raised}, ptr {code.at('i32', '%raised', at)}, align 4")
            later.append(total)
        code.do(f"store i64 {found}, ptr {code.at('i64', '%wrong', item)}, align 8")
    code.declare("i32 @llvm.ctpop.i32(i32)")
    code.declare(f"{VECTOR} @llvm.ctpop.v8i64({VECTOR})")
    return code.function()


def _added(code: Emit, column: str, outputs: list[str]) -> list[str]:
    """Sums of products of short integers."""
    many = f"<{COLUMNS} x i16>"
    with code.carry("%words", many, ["zeroinitializer"] * len(outputs)) as (tap, sums, after):
        at = code.add(code.mul(tap, "%stride"), column)
        values = code.put(f"load {many}, ptr {code.at('i16', '%patches', at)}, align 2")
        row = code.mul(tap, "%outputs")
        for output, total in zip(outputs, sums, strict=True):
            weight = code.get("i16", "%weights", code.add(row, output), 2)
            product = code.put(f"mul {many} {values}, {code.splat(weight, 'i16', COLUMNS)}")
            after.append(code.put(f"add {many} {total}, {product}"))
    return sums


def _counted(code: Emit, column: str, outputs: list[str], sparse: bool) -> list[str]:
    """Sums of products of bits: ones counted, the highest plane first."""
    vectors = COLUMNS // 8
    step = code.splat(code.put("trunc i64 %step to i32"), "i32", COLUMNS)
    signs = [code.mul(output, "%words") for output in outputs]
    empty = ["zeroinitializer"] * (vectors * len(outputs))
    with code.carry("%planes", VECTOR, empty) as (plane, counts, after):
        doubled = [code.two("add", one, one) for one in counts]
        source = code.mul(plane, "%words")
        with code.carry("%words", VECTOR, doubled) as (word, totals, later):
            row = code.add(code.mul(code.add(source, word), "%stride"), column)
            places = [code.at("i64", "%patches", code.add(row, 8 * one)) for one in range(vectors)]
            bits = [code.put(f"load {VECTOR}, ptr {place}, align 8") for place in places]
            for each, sign in enumerate(signs):
                at = code.add(sign, word)
                flip = code.splat(code.get("i64", "%weights", at, 8))
                keep = code.splat(code.get("i64", "%used", at, 8)) if sparse else ""
                for place, found in enumerate(bits):
                    product = code.two("xor", found, flip)
                    product = code.two("and", product, keep) if sparse else product
                    ones = code.put(f"call {VECTOR} @llvm.ctpop.v8i64({VECTOR} {product})")
                    later.append(code.two("add", totals[each * vectors + place], ones))
        after += totals
    values = []
    for each, output in enumerate(outputs):
        own = counts[each * vectors : (each + 1) * vectors]
        short = [code.put(f"trunc {VECTOR} {one} to <8 x i32>") for one in own]
        while len(short) > 1:
            width = COLUMNS // len(short)
            order = ", ".join(f"i32 {lane}" for lane in range(2 * width))
            kind = f"<{width} x i32>"
            short = [
                code.put(
                    f"shufflevector {kind} {one}, {kind} {other}, <{2 * width} x i32> <{order}>"
                )
                for one, other in zip(short[::2], short[1::2], strict=True)
            ]
        offset = code.put(f"trunc i64 {code.get('i64', '%offsets', output, 8)} to i32")
        scaled = code.put(f"mul <{COLUMNS} x i32> {short[0]}, {step}")
        offsets = code.splat(offset, "i32", COLUMNS)
        values.append(code.put(f"add <{COLUMNS} x i32> {scaled}, {offsets}"))
    return values
