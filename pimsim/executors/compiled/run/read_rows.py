"""Reading out: rows of results become integers of images.

>>> from pimsim.bits import pack
>>> words = pack(np.array([[[1, 0, 1], [1, 1, 0]]]))       # 1 output, 2 levels, 3 columns
>>> sums(words, 3, np.array([[False, True]])).tolist()     # the second level inverted
[[1, 0, 3]]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words, unpack
from pimsim.errors import InputError
from pimsim.executors.compiled.codegen import emit
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit, transpose
from pimsim.executors.compiled.run.processors import share

_BLOCK_WORDS = 8


def strings(
    words: Words,
    columns: int,
    into: NDArray[np.uint8],
    *,
    rows: NDArray[np.intp] | None = None,
    threads: int | None = None,
) -> None:
    """Turn rows into strings of bits: (outputs, words) to ``into`` (columns, bytes).

    A column's bits lie side by side, output 0 in the lowest bit of its first byte; bits beyond the
    last output are 0.

    Args:
        words: ``(rows, words)``.
        columns: columns that hold bits.
        into: strings.
        rows: ``(outputs,)`` row of each output; None: they come in order.
        threads: processors used, all if None.

    """
    order = np.arange(len(words)) if rows is None else np.ascontiguousarray(rows, np.int64)
    outputs, width = len(order), words.shape[1]
    size = -(-outputs // 8)
    if into.shape != (columns, size) or not into.flags.c_contiguous:
        raise InputError(f"`into` must have the shape {(columns, size)} and lie in one piece")
    if emit.why_not() is not None or width % _BLOCK_WORDS:
        into[:] = np.packbits(unpack(words[order], columns).T, axis=1, bitorder="little")
        return
    if words.strides[1] != 8:
        raise InputError("words of a row must lie side by side")
    blocks, row_step = -(-columns // (64 * _BLOCK_WORDS)), words.strides[0] // 8
    share(_strings(size % 8), blocks, threads, words, row_step, order, outputs, columns, into)


def sums(
    words: Words,
    columns: int,
    inverted: NDArray[np.bool_],
    scale: int = 1,
    offsets: NDArray[np.integer[Any]] | None = None,
    *,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Binary numbers that stand in rows: scale * number + offset, (outputs, columns).

    Args:
        words: (outputs, bits, words), least significant bit first.
        columns: columns that hold numbers.
        inverted: (outputs, bits) rows that hold the complement.
        scale: factor.
        offsets: (outputs,), 0 if None.
        threads: processors used, all if None.

    """
    outputs, levels, width = words.shape
    if inverted.shape != (outputs, levels):
        raise InputError(
            f"`inverted` must have the shape ({outputs}, {levels}), not {inverted.shape}"
        )
    masks = np.ascontiguousarray(np.where(inverted, -1, 0), dtype=np.int64)
    shift = np.zeros(outputs, np.int64)
    if offsets is not None:
        shift[:] = offsets
    result = np.empty((outputs, columns), dtype=np.int32)
    if emit.why_not() is not None or width * 64 < columns:
        total = np.zeros((outputs, columns), dtype=np.int64)
        for level in range(levels):
            found = unpack(words[:, level], columns) ^ inverted[:, level, None]
            total += found.astype(np.int64) << level
        result[:] = scale * total + shift[:, None]
        return result
    if words.strides[2] != 8 or words.strides[1] % 8:
        words = np.ascontiguousarray(words)
    output_step, level_step = (stride // 8 for stride in words.strides[:2])
    rows = words, output_step, level_step, masks
    share(_sums(levels), outputs, threads, *rows, scale, shift, columns, result)
    return result


@cache
def _strings(tail: int) -> Callable[..., None]:
    """Loop over columns and up to 64 outputs; ``tail`` bytes are left over by whole words."""
    code = Emit(
        f"pimsim_in_strings_{tail}",
        "begin end *words rowstep *order outputs columns *result",
    )
    size = code.put(f"sdiv i64 {code.add('%outputs', 7)}, 8")
    block = code.slot(f"[64 x {VECTOR}]", 64)
    with code.loop("%end", "%begin") as item:
        first = code.mul(item, 512)
        source = code.at("i64", "%words", code.mul(item, 8))
        left = code.put(f"sub i64 %columns, {first}")
        columns = code.least(left, 512)
        groups = code.put(f"sdiv i64 {code.add('%outputs', 63)}, 64")
        with code.loop(groups) as group:
            output0 = code.mul(group, 64)
            rest = code.put(f"sub i64 %outputs, {output0}")
            here = code.least(rest, 64)
            with code.loop(here) as row:
                own = code.get("i64", "%order", code.add(output0, row), 8)
                at = code.mul(own, "%rowstep")
                value = code.put(f"load {VECTOR}, ptr {code.at('i64', source, at)}, align 8")
                code.store(value, block, row)
            with code.loop(64, here) as row:
                code.store("zeroinitializer", block, row)
            transpose(code, block)
            full = code.put(f"icmp sgt i64 {here}, 56")
            with code.loop(columns) as column:
                line = code.put(f"and i64 {column}, 63")
                word = code.put(f"lshr i64 {column}, 6")
                string = code.get("i64", block, code.add(code.mul(line, 8), word), 8)
                own = code.add(code.mul(code.add(first, column), size), code.mul(group, 8))
                place = code.at("i8", "%result", own)
                with code.when(full):
                    code.do(f"store i64 {string}, ptr {place}, align 1")
                if tail:
                    short = code.put(f"trunc i64 {string} to i{8 * tail}")
                    with code.when(code.put(f"xor i1 {full}, true")):
                        code.do(f"store i{8 * tail} {short}, ptr {place}, align 1")
    return code.function()


@cache
def _sums(levels: int) -> Callable[..., None]:
    code = Emit(
        f"pimsim_sums_{levels}",
        "begin end *words outputstep levelstep *masks scale *offsets columns *result",
    )
    many = "<64 x i32>"
    whole = code.slot(many, 64)
    with code.loop("%end", "%begin") as output:
        source = code.at("i64", "%words", code.mul(output, "%outputstep"))
        target = code.at("i32", "%result", code.mul(output, "%columns"))
        masks = code.at("i64", "%masks", code.mul(output, levels))
        offset = code.put(f"trunc i64 {code.get('i64', '%offsets', output, 8)} to i32")
        scale = code.put("trunc i64 %scale to i32")
        offsets, scales = (code.splat(scalar, "i32", 64) for scalar in (offset, scale))
        words = code.put(f"sdiv i64 {code.add('%columns', 63)}, 64")
        with code.loop(words) as word:
            number = "zeroinitializer"
            for level in reversed(range(levels)):
                place = code.add(code.mul("%levelstep", level), word)
                found = code.get("i64", source, place, 8)
                bits = code.put(f"xor i64 {found}, {code.get('i64', masks, level, 8)}")
                flags = code.put(f"bitcast i64 {bits} to <64 x i1>")
                ones = code.put(f"zext <64 x i1> {flags} to {many}")
                twice = code.put(f"add {many} {number}, {number}")
                number = code.put(f"add {many} {twice}, {ones}")
            scaled = code.put(f"mul {many} {number}, {scales}")
            value = code.put(f"add {many} {scaled}, {offsets}")
            left = code.put(f"sub i64 %columns, {code.mul(word, 64)}")
            full = code.put(f"icmp sge i64 {left}, 64")
            partial = code.put(f"xor i1 {full}, true")
            place = code.at("i32", target, code.mul(word, 64))
            with code.when(full):
                code.do(f"store {many} {value}, ptr {place}, align 4")
            with code.when(partial):
                code.do(f"store {many} {value}, ptr {whole}, align 64")
                code.copy(place, whole, code.mul(left, 4))
    return code.function()
