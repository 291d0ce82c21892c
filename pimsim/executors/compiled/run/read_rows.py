"""Reading out: rows of results become integers of images.

>>> words = pack(np.array([[[1, 0, 1], [1, 1, 0]]]))     # 1 lane, 2 outputs, 3 columns
>>> bits(words, 3).tolist()
[[[1, 1], [0, 1], [1, 0]]]
>>> sums(words[:, None], 3, np.array([[False, True]])).tolist()  # two levels, the second inverted
[[[1, 0, 3]]]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, pack, unpack
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import backend
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, transpose
from pimsim.executors.compiled.run.run import spread

__all__ = ["bits", "pack", "strings", "sums"]

_BLOCK_WORDS = 8


def bits(
    words: Words,
    columns: int,
    *,
    into: NDArray[np.uint8] | None = None,
    threads: int | None = None,
) -> NDArray[np.uint8]:
    """Turn rows into values: (lanes, outputs, words) to (lanes, columns, outputs) of 0 and 1.

    ``into`` is an array to write them to, in one piece; by default a new one.
    """
    shape = (len(words), columns, words.shape[1])
    result = np.empty(shape, dtype=np.uint8) if into is None else into
    _expect(result, shape)
    if _slow(words):
        result[:] = unpack(words, columns).transpose(0, 2, 1)
    else:
        _turn(_bits(), words, result, threads)
    return result


def strings(
    words: Words, columns: int, into: NDArray[np.uint8], *, threads: int | None = None
) -> None:
    """Turn rows into strings of bits: (lanes, outputs, words) to ``into`` (lanes, columns, bytes).

    A column's bits lie side by side, output 0 in the lowest bit of its first byte; bits beyond the
    last output are 0.
    """
    size = -(-words.shape[1] // 8)
    _expect(into, (len(words), columns, size))
    if _slow(words):
        into[:] = np.packbits(unpack(words, columns).transpose(0, 2, 1), axis=2, bitorder="little")
    else:
        _turn(_in_strings(size % 8), words, into, threads)


def _expect(into: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    if into.shape != shape or not into.flags.c_contiguous:
        raise InputError(f"`into` must have the shape {shape} and lie in one piece")


def _slow(words: Words) -> bool:
    """Whether there is no compiled way."""
    return backend.why_not() is not None or words.shape[2] % _BLOCK_WORDS != 0


def _turn(
    function: Callable[..., None], words: Words, into: NDArray[np.uint8], threads: int | None
) -> None:
    """Call a function with the arguments of :data:`_COLUMNWISE` for all columns of ``into``."""
    lanes, outputs, _ = words.shape
    columns, strides = into.shape[1], _strides(words)
    blocks = -(-columns // (64 * _BLOCK_WORDS))

    def some(begin: int, end: int) -> None:
        function(
            begin, end, blocks, words.ctypes.data, *strides, outputs, columns, into.ctypes.data
        )

    spread(some, lanes * blocks, threads)


def sums(
    words: Words,
    columns: int,
    inverted: NDArray[np.bool_],
    scale: int = 1,
    offsets: NDArray[np.integer[Any]] | None = None,
    *,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Binary numbers that stand in rows: scale * number + offset, (lanes, outputs, columns).

    Args:
        words: (lanes, outputs, bits, words), least significant bit first.
        columns: columns that hold numbers.
        inverted: (outputs, bits) rows that hold the complement.
        scale: factor.
        offsets: (outputs,), 0 if None.
        threads: processors used, all if None.

    """
    lanes, outputs, levels, width = words.shape
    if inverted.shape != (outputs, levels):
        raise InputError(
            f"`inverted` must have the shape ({outputs}, {levels}), not {inverted.shape}"
        )
    masks = np.ascontiguousarray(np.where(inverted, -1, 0), dtype=np.int64)
    shift = np.zeros(outputs, np.int64)
    if offsets is not None:
        shift[:] = offsets
    result = np.empty((lanes, outputs, columns), dtype=np.int32)
    if backend.why_not() is not None or width * 64 < columns:
        total = np.zeros((lanes, outputs, columns), dtype=np.int64)
        for level in range(levels):
            found = unpack(words[:, :, level], columns) ^ inverted[:, level, None]
            total += found.astype(np.int64) << level
        result[:] = scale * total + shift[:, None]
        return result
    if words.strides[3] != 8 or words.strides[2] % 8 or words.strides[1] % 8:
        words = np.ascontiguousarray(words)
    lane, output, level = (stride // 8 for stride in words.strides[:3])
    function = _sums(levels)

    def some(begin: int, end: int) -> None:
        function(
            begin, end, outputs, words.ctypes.data, lane, output, level,
            masks.ctypes.data, scale, shift.ctypes.data, columns, result.ctypes.data,
        )  # fmt: skip

    spread(some, lanes * outputs, threads)
    return result


def _strides(words: Words) -> tuple[int, int]:
    if words.strides[2] != 8:
        raise InputError("words of a row must lie side by side")
    return words.strides[0] // 8, words.strides[1] // 8


@cache
def _bits() -> Callable[..., None]:
    code = Emit("pimsim_bits", _COLUMNWISE)
    whole = code.slot("<64 x i8>", 64)
    code.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    with _columnwise(code) as (start, output0, here, column, string):
        full = code.put(f"icmp eq i64 {here}, 64")
        partial = code.put(f"xor i1 {full}, true")
        flags = code.put(f"bitcast i64 {string} to <64 x i1>")
        values = code.put(f"zext <64 x i1> {flags} to <64 x i8>")
        line = code.mul(code.add(start, column), "%outputs")
        place = code.at("i8", "%result", code.add(line, output0))
        with code.when(full):
            code.do(f"store <64 x i8> {values}, ptr {place}, align 1")
        with code.when(partial):
            code.do(f"store <64 x i8> {values}, ptr {whole}, align 64")
            code.do(
                f"call void @llvm.memcpy.p0.p0.i64(ptr {place}, ptr {whole}, i64 {here}, i1 false)"
            )
    return code.function()


@cache
def _in_strings(tail: int) -> Callable[..., None]:
    """``tail`` bytes are left over by whole words."""
    code = Emit(f"pimsim_in_strings_{tail}", _COLUMNWISE)
    size = code.put(f"sdiv i64 {code.add('%outputs', 7)}, 8")
    with _columnwise(code) as (start, output0, here, column, string):
        line = code.mul(code.add(start, column), size)
        place = code.at("i8", "%result", code.add(line, code.put(f"sdiv i64 {output0}, 8")))
        full = code.put(f"icmp sgt i64 {here}, 56")
        with code.when(full):
            code.do(f"store i64 {string}, ptr {place}, align 1")
        if tail:
            short = code.put(f"trunc i64 {string} to i{8 * tail}")
            with code.when(code.put(f"xor i1 {full}, true")):
                code.do(f"store i{8 * tail} {short}, ptr {place}, align 1")
    return code.function()


_COLUMNWISE = "begin end blocks *words lanestep rowstep outputs columns *result"


@contextmanager
def _columnwise(code: Emit) -> Iterator[tuple[str, str, str, str, str]]:
    """Loop over columns and up to 64 outputs: what is added inside is done with their bits.

    Gives the first column of the block (over all lanes), the first output, how many outputs, the
    column within the block, and a word with their bits, those beyond the outputs 0.
    """
    block = code.slot(f"[64 x {VECTOR}]", 64)
    with code.loop("%end", "%begin") as item:
        lane = code.put(f"sdiv i64 {item}, %blocks")
        inner = code.put(f"srem i64 {item}, %blocks")
        first = code.mul(inner, 512)
        source = code.at("i64", "%words", code.add(code.mul(lane, "%lanestep"), code.mul(inner, 8)))
        start = code.add(code.mul(lane, "%columns"), first)
        left = code.put(f"sub i64 %columns, {first}")
        columns = code.least(left, 512)
        groups = code.put(f"sdiv i64 {code.add('%outputs', 63)}, 64")
        with code.loop(groups) as group:
            output0 = code.mul(group, 64)
            rest = code.put(f"sub i64 %outputs, {output0}")
            here = code.least(rest, 64)
            with code.loop(here) as row:
                at = code.mul(code.add(output0, row), "%rowstep")
                value = code.put(f"load {VECTOR}, ptr {code.at('i64', source, at)}, align 8")
                code.store(value, block, row)
            with code.loop(64, here) as row:
                code.store("zeroinitializer", block, row)
            transpose(code, block)
            with code.loop(columns) as column:
                line = code.put(f"and i64 {column}, 63")
                word = code.put(f"lshr i64 {column}, 6")
                string = code.get("i64", block, code.add(code.mul(line, 8), word), 8)
                yield start, output0, here, column, string


@cache
def _sums(levels: int) -> Callable[..., None]:
    code = Emit(
        f"pimsim_sums_{levels}",
        "begin end outputs *words lanestep outputstep levelstep *masks scale *offsets columns "
        "*result",
    )
    many = "<64 x i32>"
    whole = code.slot(many, 64)
    code.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    with code.loop("%end", "%begin") as item:
        lane = code.put(f"sdiv i64 {item}, %outputs")
        output = code.put(f"srem i64 {item}, %outputs")
        at = code.add(code.mul(lane, "%lanestep"), code.mul(output, "%outputstep"))
        source = code.at("i64", "%words", at)
        target = code.at("i32", "%result", code.mul(item, "%columns"))
        masks = code.at("i64", "%masks", code.mul(output, levels))
        offset = code.put(f"trunc i64 {code.get('i64', '%offsets', output, 8)} to i32")
        scale = code.put("trunc i64 %scale to i32")
        spread_ = []
        for scalar in (offset, scale):
            one = code.put(f"insertelement {many} poison, i32 {scalar}, i32 0")
            spread_.append(
                code.put(f"shufflevector {many} {one}, {many} poison, <64 x i32> zeroinitializer")
            )
        words = code.put(f"sdiv i64 {code.add('%columns', 63)}, 64")
        with code.loop(words) as word:
            number = "zeroinitializer"
            for level in reversed(range(levels)):
                place = code.add(code.mul("%levelstep", level), word)
                found_ = code.get("i64", source, place, 8)
                bits_ = code.put(f"xor i64 {found_}, {code.get('i64', masks, level, 8)}")
                flags = code.put(f"bitcast i64 {bits_} to <64 x i1>")
                ones = code.put(f"zext <64 x i1> {flags} to {many}")
                twice = code.put(f"add {many} {number}, {number}")
                number = code.put(f"add {many} {twice}, {ones}")
            scaled = code.put(f"mul {many} {number}, {spread_[1]}")
            value = code.put(f"add {many} {scaled}, {spread_[0]}")
            left = code.put(f"sub i64 %columns, {code.mul(word, 64)}")
            full = code.put(f"icmp sge i64 {left}, 64")
            partial = code.put(f"xor i1 {full}, true")
            place = code.at("i32", target, code.mul(word, 64))
            with code.when(full):
                code.do(f"store {many} {value}, ptr {place}, align 4")
            with code.when(partial):
                code.do(f"store {many} {value}, ptr {whole}, align 64")
                code.do(
                    "call void @llvm.memcpy.p0.p0.i64("
                    f"ptr {place}, ptr {whole}, i64 {code.mul(left, 4)}, i1 false)"
                )
    return code.function()
