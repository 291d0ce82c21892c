"""Loops over packed words that a measurement times: numpy's, and compiled ones on all threads.

Arrays are C-contiguous ``uint64`` of one length. Compiled loops store through the cache, as
numpy's do: a processor then reads a line of the result before it writes it, which the byte counts
of :mod:`~pimsim.baselines.measured` leave out, since the model of a channel does too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.compiled.run.processors import spread

Words = NDArray[np.uint64]
Kernel = Callable[[Words, Words, Words], Any]
"""Works on ``(a, b, result)``; a reduction returns its count and leaves the result alone."""

_VECTOR_WORDS = 8
_PROMISES = 'nounwind "prefer-vector-width"="512"'
_BLOCK = 32 * 2**10
"""Words of a block of numpy's two-pass loops: 256 KB, so that the second pass finds the first in
the second-level cache."""

_Operation = tuple[str, bool]
"""An expression of ``a`` and ``b`` as instructions, and whether its ones are counted."""

_OPERATIONS: Mapping[str, _Operation] = {
    "not": ("not", False),
    "and": ("and", False),
    "xnor": ("xnor", False),
    "popcount": ("a", True),
    "xnor-popcount": ("xnor", True),
}


def _of_words(code: Emit, kind: str, what: str, place: str) -> str:
    """Add the operation on the words at one place of both arrays."""
    one = code.get(kind, "%a", place, 8)
    if what == "a":
        return one
    ones = "-1" if kind == "i64" else "splat (i64 -1)"
    if what != "not":
        other = code.get(kind, "%b", place, 8)
        one = code.put(f"{'and' if what == 'and' else 'xor'} {kind} {one}, {other}")
    return one if what == "and" else code.put(f"xor {kind} {one}, {ones}")


def _loop(code: Emit, operation: _Operation, kind: str, times: str) -> None:
    """Add the loop over so many words, or vectors of them."""
    what, counted = operation
    if not counted:
        with code.loop(times) as i:
            place = code.at(kind, "%result", i)
            code.do(f"store {kind} {_of_words(code, kind, what, i)}, ptr {place}, align 8")
        return
    name = "i64" if kind == "i64" else "v8i64"
    code.declare(f"{kind} @llvm.ctpop.{name}({kind})")
    zero = "0" if kind == "i64" else "zeroinitializer"
    with code.carry(times, kind, [zero]) as (i, (sum_,), after):
        ones = code.put(f"call {kind} @llvm.ctpop.{name}({kind} {_of_words(code, kind, what, i)})")
        after.append(code.put(f"add {kind} {sum_}, {ones}"))
    before = code.get(kind, "%total", 0, 8)
    code.do(f"store {kind} {code.put(f'add {kind} {before}, {sum_}')}, ptr %total, align 8")


@cache
def _compiled(name: str) -> Callable[..., None]:
    """A function of ``words a b result total``: the ones are added to the 8 words of ``total``."""
    code = Emit(f"pimsim_bulk_{name.replace('-', '_')}", "words *a *b *result *total", _PROMISES)
    _loop(code, _OPERATIONS[name], VECTOR, code.put("lshr i64 %words, 3"))
    tail = Emit(f"{code.name}_rest", "words *a *b *result *total", _PROMISES)
    _loop(tail, _OPERATIONS[name], "i64", "%words")
    whole, last = code.function(), tail.function()

    def run(words: int, *arrays: int) -> None:
        whole(words, *arrays)
        left = words % _VECTOR_WORDS
        moved = [array + 8 * (words - left) for array in arrays[:3]]
        last(left, *moved, arrays[3])

    return run


def _on_all(name: str) -> Kernel:
    """The operation on all processors."""

    def run(a: Words, b: Words, result: Words) -> int:
        function, found = _compiled(name), list[int]()
        addresses = [array.ctypes.data for array in (a, b, result)]

        def part(first: int, last: int) -> None:
            total = np.zeros(_VECTOR_WORDS, np.uint64)
            moved = [address + 8 * first for address in addresses]
            function(last - first, *moved, total.ctypes.data)
            found.append(int(total.sum()))

        spread(part, len(a), None)
        return sum(found)

    return run


def _numpy_xnor(a: Words, b: Words, result: Words) -> None:
    for start in range(0, len(a), _BLOCK):
        block = slice(start, start + _BLOCK)
        np.bitwise_xor(a[block], b[block], out=result[block])
        np.invert(result[block], out=result[block])


COMPILED: Mapping[str, Kernel] = {name: _on_all(name) for name in _OPERATIONS}
"""Loops that are compiled for this processor, for all threads."""
NUMPY: Mapping[str, Kernel] = {
    "not": lambda a, _, result: np.invert(a, out=result),
    "and": lambda a, b, result: np.bitwise_and(a, b, out=result),
    "xnor": _numpy_xnor,
}
"""Loops of numpy, on one thread; numpy counts ones only from 2.0 on, and writes the counts down."""
