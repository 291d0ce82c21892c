"""Exact sums of packed operands: exclusive or and a count of ones, 64 products at a time.

A product of a bit p with a weight of -1 or +1 is p or minus p. The bits of a window are packed into
words, and the signs of an output's weights into others. The number of ones of ``p ^ negative`` is
the sum of the products plus the number of negative weights. Wider operands are done bit by bit.

This is an independent implementation: it shares nothing with the layout of rows, and asks the layer
which pixels its windows read.

>>> from bnn.model.network import Dense
>>> from bnn.model.operand_encoding import BIPOLAR
>>> layer = Dense("d", np.float32([[0.3], [-0.2], [0.1]]), None, "ste_sign", "ste_sign")
>>> packed = PackedSums(layer, (3,), BIPOLAR, pad=0)
>>> strings = BitStrings.of(np.array([[[1, 1, 1]], [[0, 1, 1]]]))
>>> packed.sums(strings, slice(0, 1), np.arange(1)).tolist()
[[[1], [-1]]]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import OUTSIDE, Indices
from bnn.model.layers.convolution import LocallyConnected
from bnn.model.layers.layer import Shape
from bnn.model.layers.product import Product, integer_kernel
from bnn.model.operand_encoding import OperandEncoding
from bnn.values.bitstrings import BitStrings
from pimsim.bits import Words
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.compiled.run.processors import share

_WORD_BYTES = 8
_PAGE_WORDS = 512
_SWAPS = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))
"""How far bits go that change places with others, and which do."""
_COLUMNS, _OUTPUTS = 16, 4
"""Windows and outputs whose counts are held in registers at a time."""
_TOGETHER = 32
"""Windows that come together, whoever counts them."""


def can_pack(layer: Product) -> bool:
    """Whether its weights are -1, 0 and +1, alike at every position, of one group of channels."""
    alone = layer.groups == 1 and not isinstance(layer, LocallyConnected)
    return alone and emit.why_not() is None and int(np.abs(integer_kernel(layer)).max()) <= 1


class PackedSums:
    """Sums of a layer that :func:`can_pack`.

    Args:
        layer: the layer.
        shape: of its input, without the batch axis.
        encoding: of its operands.
        pad: integer operand where a window reads no pixel.

    """

    def __init__(self, layer: Product, shape: Shape, encoding: OperandEncoding, pad: int) -> None:
        matrix = layer.matrix(integer_kernel(layer)).astype(np.int64)
        self._planes, step, low = encoding.planes, encoding.step, encoding.low
        reads, channels = _read(layer, shape), shape[-1]
        self.reads: Indices = np.where(reads == OUTSIDE, prod(shape[:-1]), reads)
        """``(windows, taps)`` pixel that each reads; the one behind the last: none."""
        bits = len(matrix) * (channels if self._planes > 1 else -(-channels // 8) * 8)
        self.words = -(-bits // (8 * _WORD_BYTES))
        """Words of a plane of a window."""
        self._negative, self._used = self._flags(matrix < 0), self._flags(matrix != 0)
        self.sparse = bool((matrix == 0).any())
        """Whether any weight is 0."""
        self._step = step
        # a bit that is padding is 0 here, and so counted as the lowest operand
        self._offsets = low * matrix.sum(axis=(0, 1)) - step * ((1 << self._planes) - 1) * (
            matrix < 0
        ).sum(axis=(0, 1))
        outside = (reads == OUTSIDE).astype(np.int64)
        self._padding: NDArray[np.int32] | None = None
        if outside.any() and pad != low:
            self._padding = ((pad - low) * (matrix.sum(axis=1).T @ outside.T)).astype(np.int32)

    def sums(
        self,
        operands: BitStrings,
        outputs: slice,
        places: Indices,
        *,
        threads: int | None = None,
    ) -> NDArray[np.int32]:
        """Sums of some outputs at some windows, ``(outputs, images, places)``.

        Args:
            operands: what is stored of the operands, ``(images, pixels, channels)``.
            outputs: which.
            places: windows, in the order of the layer's output.
            threads: processors used, all if None.

        """
        patches = self.patches(operands, places)
        _, words, stride = patches.shape
        count = outputs.stop - outputs.start
        rows = -(-count // _OUTPUTS) * _OUTPUTS
        every = np.resize(np.arange(outputs.start, outputs.stop), rows)
        negative, used, offsets = self.signs(every)
        found = np.empty((rows, stride), np.int32)
        share(
            _count(self.sparse), stride // _COLUMNS, threads, patches, self._planes, words, stride,
            negative, used, rows, self._step, offsets, found,
        )  # fmt: skip
        own = found[:count, : operands.images * len(places)]
        result = own.reshape(count, operands.images, len(places))
        if self._padding is not None:
            result += self._padding[outputs, None, places]
        return result

    def signs(self, outputs: Indices) -> tuple[Words, Words, NDArray[np.int64]]:
        """Negative weights of outputs and those that are not 0, (outputs, words), and offsets."""
        return self._negative[outputs], self._used[outputs], self._offsets[outputs]

    def pads(self, outputs: Indices, places: Indices, together: int) -> NDArray[np.int32] | None:
        """What padding adds, (outputs, windows), so many windows coming together; None: nothing.

        The windows begin again behind the last.
        """
        if self._padding is None:
            return None
        order = places[np.arange(len(places) + together - 1) % len(places)]
        found: NDArray[np.int32] = self._padding[outputs[:, None], order]
        return found

    def _flags(self, flags: NDArray[np.bool_]) -> Words:
        """Flags (taps, channels, outputs) in the order of a window's words, (outputs, words)."""
        outputs = flags.shape[2]
        laid = flags.transpose(2, 0, 1)
        if self._planes > 1:
            laid = laid.reshape(outputs, 1, -1)
        strings = np.packbits(laid, axis=2, bitorder="little").reshape(outputs, -1)
        whole = np.zeros((outputs, self.words * _WORD_BYTES), np.uint8)
        whole[:, : strings.shape[1]] = strings
        return whole.view(np.uint64)

    def patches(self, operands: BitStrings, places: Indices) -> Words:
        """Bits of windows (planes, words, windows of all images), the highest plane first."""
        reads = np.ascontiguousarray(self.reads[places].T)
        columns = operands.images * len(places)
        width = -(-columns // _TOGETHER) * _TOGETHER
        width += _TOGETHER * (width % _PAGE_WORDS == 0)  # else all words share a few cache lines
        made = np.zeros((self._planes, self.words, width), np.uint64)
        if self._planes > 1:
            self._transpose(operands, reads, made.view(np.uint8).reshape(*made.shape, -1))
            return made
        data = operands.data
        padded = np.zeros((operands.images, data.shape[1] + 1, data.shape[2]), np.uint8)
        padded[:, :-1] = data  # the last stands for what is no pixel
        kind = f"u{gcd(data.shape[2], _WORD_BYTES)}"
        source = np.ascontiguousarray(padded.view(kind).transpose(2, 0, 1))
        into = made.view(kind).reshape(self.words, width, -1)[:, :columns]
        place = 0
        for tap in reads:
            for part in source:
                word, byte = divmod(place, into.shape[2])
                into[word, :, byte] = np.take(part, tap, axis=1, mode="clip").reshape(-1)
                place += 1
        return made

    def _transpose(self, operands: BitStrings, reads: Indices, into: NDArray[np.uint8]) -> None:
        """Lay bits of wider operands out: eight operands are turned into eight bytes of planes."""
        integers: NDArray[Any] = operands.integers()
        images, pixels, channels = integers.shape
        padded = np.zeros((images, pixels + 1, channels), integers.dtype)
        padded[:, :-1] = integers
        columns, size = images * reads.shape[1], len(reads) * channels
        laid: NDArray[Any] = np.zeros((columns, self.words * 64), integers.dtype)
        laid[:, :size].reshape(images, -1, len(reads), channels)[:] = padded[:, reads.T]
        for half in range(-(-self._planes // 8)):
            own = (laid >> 8 * half).astype(np.uint8)
            found = turned(own.view("<u8")).view(np.uint8).reshape(columns, self.words, 8, 8)
            for plane in range(8 * half, min(8 * half + 8, self._planes)):
                place = self._planes - 1 - plane
                into[place, :, :columns] = found[..., plane % 8].transpose(1, 0, 2)


def turned(words: Words) -> Words:
    """Turn eight bytes of eight bits, in each word: bit i of byte j becomes bit j of byte i.

    >>> [hex(word) for word in turned(np.array([0x80, 0xFF], np.uint64)).tolist()]
    ['0x100000000000000', '0x101010101010101']
    """
    found = words
    for shift, mask in _SWAPS:
        swapped = (found ^ (found >> np.uint64(shift))) & np.uint64(mask)
        found = found ^ swapped ^ (swapped << np.uint64(shift))
    return found


def _read(layer: Product, shape: Shape) -> Indices:
    """Pixel that each tap of each window reads, ``(windows, taps)``."""
    sides = layer.sides(shape)
    if sides is None:
        return np.arange(prod(shape[:-1]))[:, None]
    rows, columns = (side.taps() for side in sides)
    whole = rows[:, None, :, None] * sides[1].size + columns[:, None]
    outside = (rows[:, None, :, None] == OUTSIDE) | (columns[:, None] == OUTSIDE)
    return np.where(outside, OUTSIDE, whole).reshape(len(rows) * len(columns), -1)


@cache
def _count(sparse: bool) -> Callable[..., None]:
    """Loop over windows, 16 at a time, and over outputs, four at a time."""
    code = Emit(
        f"pimsim_count_{int(sparse)}",
        "begin end *patches planes words stride *negative *used outputs step *offsets *result",
        'nounwind "prefer-vector-width"="512"',
    )
    code.declare(f"{VECTOR} @llvm.ctpop.v8i64({VECTOR})")
    vectors, nothing = _COLUMNS // 8, "zeroinitializer"
    step = code.splat(code.put("trunc i64 %step to i32"), "i32")
    with code.loop("%end", "%begin") as item:
        first = code.mul(item, _COLUMNS)
        with code.loop(code.put(f"sdiv i64 %outputs, {_OUTPUTS}")) as group:
            output = code.mul(group, _OUTPUTS)
            signs = [code.mul(code.add(output, each), "%words") for each in range(_OUTPUTS)]
            empty = [nothing] * (vectors * _OUTPUTS)
            with code.carry("%planes", VECTOR, empty) as (plane, counts, after):
                doubled = [code.two("add", one, one) for one in counts]
                source = code.mul(plane, "%words")
                with code.carry("%words", VECTOR, doubled) as (word, totals, later):
                    row = code.mul(code.add(source, word), "%stride")
                    places = [code.add(code.add(row, first), 8 * each) for each in range(vectors)]
                    bits = [
                        code.put(f"load {VECTOR}, ptr {code.at('i64', '%patches', at)}, align 8")
                        for at in places
                    ]
                    for each, sign in enumerate(signs):
                        at = code.add(sign, word)
                        flip = code.splat(code.get("i64", "%negative", at, 8))
                        keep = code.splat(code.get("i64", "%used", at, 8)) if sparse else ""
                        for place, found in enumerate(bits):
                            product = code.two("xor", found, flip)
                            product = code.two("and", product, keep) if sparse else product
                            ones = code.put(f"call {VECTOR} @llvm.ctpop.v8i64({VECTOR} {product})")
                            total = totals[each * vectors + place]
                            later.append(code.two("add", total, ones))
                after += totals
            for each in range(_OUTPUTS):
                number = code.add(output, each)
                offset = code.put(f"trunc i64 {code.get('i64', '%offsets', number, 8)} to i32")
                offsets = code.splat(offset, "i32")
                for place in range(vectors):
                    count = counts[each * vectors + place]
                    short = code.put(f"trunc {VECTOR} {count} to <8 x i32>")
                    scaled = code.put(f"mul <8 x i32> {short}, {step}")
                    value = code.put(f"add <8 x i32> {scaled}, {offsets}")
                    at = code.add(code.mul(number, "%stride"), code.add(first, 8 * place))
                    target = code.at("i32", "%result", at)
                    code.do(f"store <8 x i32> {value}, ptr {target}, align 4")
    return code.function()
