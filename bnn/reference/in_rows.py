"""Sums of a layer compared with rows of bits, without turning rows into arrays of numbers.

A sum of the reference and the one in rows meet only in registers of the processor, for 32 windows
and some outputs at a time. The reference counts as in :mod:`bnn.reference.packed`. If operands are
wide and few are added up, it multiplies short integers instead.

>>> from bnn.model.network import Dense
>>> from bnn.model.operand_encoding import BIPOLAR
>>> layer = Dense("d", np.float32([[0.3], [-0.2], [0.1]]), None, "ste_sign", "ste_sign")
>>> own = SumsInRows(PackedSums(layer, (3,), BIPOLAR, pad=0), layer, BIPOLAR, pad=0)
>>> operands = BitStrings.of(np.array([[[1, 1, 1]], [[0, 1, 1]]]))            # sums of 1 and -1
>>> held = LinearSums.alone(np.array([[0]]), np.array([[2]]), np.array([-1]))
>>> words = np.array([[0b01]], np.uint64)                                     # as it must be
>>> limits = np.array([1])                                                    # is it 1 or more?
>>> asked = own.asked(slice(0, 1), np.array([0]), limits, held)
>>> wrong, raised = own.compare(operands, asked, Held(words))
>>> wrong, bin(int(raised[0, 0]) & 3)
(0, '0b1')
>>> own.compare(operands, asked, Held(words ^ np.uint64(2)))[0]               # one is another
1
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
_BYTE = 8
_SHORT = (1 << 15) - 1
"""Sums below it are added up in 16 bits."""

_MOST = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is compared: outputs in pairs, such that the sums of a pair use the same numbers."""

    short: bool
    """Whether all sums are short integers."""
    places: Indices
    """Windows, -1 where a column holds nothing."""
    order: NDArray[np.intp]
    """``(outputs,)`` where each output is."""
    weights: tuple[NDArray[Any], ...]
    """Signs, flags of weights that are not 0, and offsets, or short weights."""
    pads: NDArray[np.int32] | None
    """What padding adds, see :meth:`bnn.reference.packed.PackedSums.pads`."""
    rows: NDArray[np.int64]
    """``(numbers, most)``, two numbers for two outputs."""
    held: tuple[NDArray[Any], ...]
    """What their rows add; multiples, constants and limits of outputs, and which of these are."""


class Held(NamedTuple):
    """Rows that hold sums of some images."""

    words: Words
    """``(rows, words)``, the words of a row side by side, and 8 bytes behind the last."""
    first: int = 0
    """Column of the first window; columns go on from image to image."""
    checked: NDArray[np.bool_] | None = None
    """``(images,)`` those whose sums are compared; None: all."""


class SumsInRows:
    """Sums of a layer (see :func:`bnn.reference.packed.can_pack`), compared with rows.

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

    def asked(
        self, outputs: slice, places: Indices, limits: NDArray[np.int64], sums: LinearSums
    ) -> Asked:
        """Make ready what is to be compared, and the machine code for it.

        Args:
            outputs: which.
            places: windows, -1 where a column holds nothing.
            limits: what the sums of each output are compared with.
            sums: how rows hold them.

        """
        if sums.reach > _MOST:
            raise ValueError(f"sums in rows must stay below 2**31, not reach {sums.reach}")
        short = self._short and sums.reach < _SHORT
        order, numbers = _teams(sums.numbers)
        count = len(numbers)
        kind = np.dtype(np.int16 if short else np.int32)
        own = np.zeros(count, np.intp)
        own[order] = np.arange(outputs.start, outputs.stop)

        def laid(whole: NDArray[np.int64]) -> NDArray[Any]:
            made = np.zeros((count, *whole.shape[1:]), kind)
            made[order] = whole
            return made

        real = np.zeros(count, np.uint32)
        real[order] = ~np.uint32(0)
        weights: tuple[NDArray[Any], ...] = self._packed.signs(own)
        if short:
            weights = (np.ascontiguousarray(self._flat[:, own], np.int16),) * 3
        most = (1 << 8 * kind.itemsize - 1) - 1
        found = Asked(
            short,
            places,
            order,
            weights,
            None if short else self._packed.pads(own, places, COLUMNS),
            np.ascontiguousarray(sums.rows[numbers], np.int64),
            (
                np.ascontiguousarray(sums.factors[numbers], kind),
                laid(sums.multiples),
                laid(sums.constants),
                laid(np.clip(limits, -most, most)),
                real,
            ),
        )
        self._code(found, aligned=True)
        return found

    def _code(self, asked: Asked, *, aligned: bool) -> Callable[..., None]:
        sparse, padded = self._packed.sparse and not asked.short, asked.pads is not None
        return _compare(short=asked.short, sparse=sparse, padded=padded, aligned=aligned)

    def compare(
        self,
        operands: BitStrings,
        asked: Asked,
        held: Held,
        laid: dict[bytes, NDArray[np.int16]] | None = None,
    ) -> tuple[int, NDArray[np.uint32]]:
        """Compare all windows of some images with rows.

        Args:
            operands: what is stored of the operands, ``(images, pixels, channels)``.
            asked: what is compared.
            held: the rows.
            laid: integers of these operands that were laid out before, to be laid out once: first
                none.

        Returns:
            How many sums differ, and ``(outputs, words)`` bits, of each window whether the
            reference's sum is at least the output's limit.

        """
        places, pads = asked.places, asked.pads
        patches: NDArray[Any]
        if asked.short:
            patches = self._integers(operands, places, {} if laid is None else laid)
        else:
            patches = self._packed.patches(operands, places)
        count, most = asked.rows.shape
        blocks = -(-operands.images * len(places) // COLUMNS)
        raised, wrong = np.empty((count, blocks), np.uint32), np.empty(blocks, np.int64)
        inside = places != OUTSIDE
        if held.checked is not None:
            inside = inside & held.checked[:, None]
        valid = in_bits(inside, operands.images, blocks)
        arrays = [
            patches, *asked.weights, held.words, asked.rows, *asked.held, valid,
            raised if pads is None else pads, raised, wrong,
        ]  # fmt: skip
        self._code(asked, aligned=held.first % _BYTE == 0)(
            0, blocks, *(each.ctypes.data for each in arrays), *(1, *patches.shape)[-3:],
            count, self._encoding.step, 0 if pads is None else pads.shape[1], len(places),
            held.first, held.words.strides[0], most, blocks,
        )  # fmt: skip
        return int(wrong.sum()), raised[asked.order]

    def _integers(
        self, operands: BitStrings, places: Indices, laid: dict[bytes, NDArray[np.int16]]
    ) -> NDArray[np.int16]:
        """Operands of windows, (operands, windows of all images)."""
        reads = self._packed.reads[places].T
        whole = laid.get(b"")
        if whole is None:
            whole = laid[b""] = self._read(operands)
        columns = operands.images * len(places)
        made = np.zeros((len(self._flat), -(-columns // COLUMNS) * COLUMNS), np.int16)
        into = made[:, :columns].reshape(len(reads), len(whole), operands.images, -1)
        for tap, own in zip(reads, into, strict=True):
            name = tap.tobytes()
            known = laid.get(name)  # windows side by side read the same pixels
            if known is not None:
                own[:] = known
                continue
            laid[name] = own
            for channel, row in zip(whole, own, strict=True):
                np.take(channel, tap, axis=1, out=row, mode="clip")
        return made

    def _read(self, operands: BitStrings) -> NDArray[np.int16]:
        """Operands as integers, ``(channels, images, pixels)``, and behind them the padding."""
        stored = operands.integers()
        whole = np.empty((stored.shape[2], len(stored), stored.shape[1] + 1), np.int16)
        whole[..., :-1] = stored.transpose(2, 0, 1)
        whole[..., :-1] *= np.int16(self._encoding.step)
        whole[..., :-1] += np.int16(self._encoding.low)
        whole[..., -1] = self._pad
        return whole


def _teams(numbers: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Put outputs two by two, made of the same two numbers: where each is, and the numbers there.

    >>> _teams(np.array([[0, 1], [2, 3], [0, 1]]))
    (array([0, 2, 1]), array([0, 1, 2, 3]))
    """
    pairs, team = np.unique(numbers, axis=0, return_inverse=True)
    team = team.reshape(-1)
    members = np.bincount(team)
    slots = -(-members // 2)
    begin = 2 * (np.cumsum(slots) - slots)
    sorted_by = np.argsort(team, kind="stable")
    rank = np.empty(len(team), np.intp)
    rank[sorted_by] = np.arange(len(team)) - np.repeat(np.cumsum(members) - members, members)
    found = np.repeat(pairs, slots, axis=0).reshape(-1)
    behind = -len(found) % _OUTPUTS
    return begin[team] + rank, np.concatenate([found, np.repeat(found[:1], behind)])


def in_bits(flags: NDArray[np.bool_], images: int, words: int) -> NDArray[np.uint32]:
    """Flags of an image's columns, or of those of all images, as bits, in so many words."""
    every = np.zeros(words * COLUMNS, np.bool_)
    every[: images * flags.shape[-1]].reshape(images, -1)[:] = flags
    return np.packbits(every, bitorder="little").view(np.uint32)


@cache
def _compare(*, short: bool, sparse: bool, padded: bool, aligned: bool) -> Callable[..., None]:
    """Loop over windows, 32 at a time, and over outputs, four at a time.

    Where it is ``aligned``, the first window's bit is the lowest of a byte.
    """
    code = Emit(
        f"pimsim_compare_{short:d}{sparse:d}{padded:d}{aligned:d}",
        "begin end *patches *weights *used *offsets *words *rows *factors *multiples *constants "
        "*limits *real *valid *pads *raised *wrong planes wordcount stride outputs step padlength "
        "places first rowbytes most blocks",
        'nounwind "prefer-vector-width"="512"',
    )
    element, size = ("i16", 2) if short else ("i32", 4)
    many, flags = f"<{COLUMNS} x {element}>", f"<{COLUMNS} x i1>"

    def splat(base: str, index: str) -> str:
        return code.splat(code.get(element, base, index, size), element, COLUMNS)

    def times(one: str, base: str, index: str) -> str:
        return code.put(f"mul {many} {one}, {splat(base, index)}")

    with code.loop("%end", "%begin") as item:
        column = code.mul(item, COLUMNS)
        bit = code.add("%first", column)
        source = code.at("i8", "%words", code.put(f"lshr i64 {bit}, 3"))
        shift = code.put(f"and i64 {bit}, 7")
        inside = code.get("i32", "%valid", item, 4)
        place = code.put(f"urem i64 {column}, %places") if padded else ""
        groups = code.put(f"sdiv i64 %outputs, {_OUTPUTS}")
        with code.carry(groups, "i64", ["0"]) as (group, (found,), later):
            output, total = code.mul(group, _OUTPUTS), found
            each = [code.add(output, one) for one in range(_OUTPUTS)]
            digits = [code.mul(one, "%most") for one in each]
            nothing = ["zeroinitializer"] * _OUTPUTS
            with code.carry("%most", many, nothing) as (step, numbers, after):
                for first, number in zip(digits, numbers, strict=True):
                    index = code.add(first, step)
                    row = code.mul(code.get("i64", "%rows", index, 8), "%rowbytes")
                    where = code.at("i8", source, row)
                    if aligned:
                        bits = code.put(f"load i32, ptr {where}, align 1")
                    else:
                        found_bits = code.put(f"load i64, ptr {where}, align 1")
                        moved = code.put(f"lshr i64 {found_bits}, {shift}")
                        bits = code.put(f"trunc i64 {moved} to i32")
                    ones = code.put(f"bitcast i32 {bits} to {flags}")
                    factor = splat("%factors", index)
                    own = code.put(
                        f"select {flags} {ones}, {many} {factor}, {many} zeroinitializer"
                    )
                    after.append(code.put(f"add {many} {number}, {own}"))
            values = _added(code, column, each) if short else _counted(code, column, each, sparse)
            for side, (number, value) in enumerate(zip(each, values, strict=True)):
                reference = value
                if padded:
                    at = code.add(code.mul(number, "%padlength"), place)
                    pads = code.put(f"load {many}, ptr {code.at('i32', '%pads', at)}, align 4")
                    reference = code.put(f"add {many} {value}, {pads}")
                both = code.mul(number, 2)
                seen = splat("%constants", number)
                for which, own in enumerate(numbers[side // 2 * 2 : side // 2 * 2 + 2]):
                    share = times(own, "%multiples", code.add(both, which))
                    seen = code.put(f"add {many} {seen}, {share}")
                differ = code.put(f"icmp ne {many} {seen}, {reference}")
                differing = code.put(f"bitcast {flags} {differ} to i32")
                asked = code.put(f"and i32 {inside}, {code.get('i32', '%real', number, 4)}")
                wrong = code.put(f"and i32 {differing}, {asked}")
                ones = code.put(f"call i32 @llvm.ctpop.i32(i32 {wrong})")
                total = code.add(total, code.put(f"zext i32 {ones} to i64"))
                reached = code.put(f"icmp sge {many} {reference}, {splat('%limits', number)}")
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
    with code.carry("%wordcount", many, ["zeroinitializer"] * len(outputs)) as (tap, sums, after):
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
    signs = [code.mul(output, "%wordcount") for output in outputs]
    empty = ["zeroinitializer"] * (vectors * len(outputs))
    with code.carry("%planes", VECTOR, empty) as (plane, counts, after):
        doubled = [code.two("add", one, one) for one in counts]
        source = code.mul(plane, "%wordcount")
        with code.carry("%wordcount", VECTOR, doubled) as (word, totals, later):
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
