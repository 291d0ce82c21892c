"""Integers behind real inputs, by vector code: what encoding spends its time on.

>>> p = np.zeros(3, np.uint8)
>>> steps(np.float32([0.0, 0.5, 1.0]), 0.25, 0.0, 255, 0.0, p), p.tolist()
(True, [0, 2, 4])
>>> steps(np.float32([0.0, 0.3]), 0.25, 0.0, 255, 0.0, p[:2])
False
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pimsim.executors.compiled.codegen.emit import Emit
from pimsim.executors.compiled.run.processors import spread

_LANES = 8
_AT_A_TIME = 1 << 18
_BLOCK = 64
_DOUBLES = f"<{_LANES} x double>"
_FLAGS = f"<{_LANES} x i1>"


def steps(
    x: NDArray[np.float32],
    scale: float,
    offset: float,
    largest: int,
    slack: float,
    into: NDArray[np.uint8] | NDArray[np.uint16],
    *,
    threads: int | None = None,
) -> bool:
    """Write which step ``offset + scale * p`` every value is; False if some value is none.

    Args:
        x: values in one piece.
        scale: of a step.
        offset: value of step 0.
        largest: number of the last step.
        slack: how far ``scale * step + offset`` may be from the value, relative to the value if
            ``offset`` is 0, and else to the largest value of any step.
        into: as many integers, in one piece.
        threads: processors used, all if None.
    """
    flat, out = x.reshape(-1), into.reshape(-1)
    function = _rounding(out.itemsize, relative=offset == 0)
    reach = max(abs(offset), abs(scale * largest + offset))
    whole = flat.size // _BLOCK * _BLOCK
    pieces = -(-whole // _AT_A_TIME)
    wrong = np.zeros(pieces + 1, np.uint8)
    bound = slack if offset == 0 else slack * reach
    constants = np.array([scale, offset, largest, bound, 1 / scale], np.float64)

    addresses = [each.ctypes.data for each in (flat, constants, out, wrong)]

    def some(begin: int, end: int) -> None:
        *arrays, seen = addresses
        for piece in range(begin, end):
            stop = min((piece + 1) * _AT_A_TIME, whole)
            function(piece * _AT_A_TIME, stop, *arrays, seen + piece)

    if pieces:
        spread(some, pieces, threads)
    if whole < flat.size:  # the rest, in a block of its own
        rest = np.full(_BLOCK, flat[-1], np.float32)
        rest[: flat.size - whole] = flat[whole:]
        last = np.zeros(_BLOCK, out.dtype)
        function(
            0, _BLOCK, rest.ctypes.data, constants.ctypes.data, last.ctypes.data,
            wrong[pieces:].ctypes.data,
        )  # fmt: skip
        out[whole:] = last[: flat.size - whole]
    return not wrong.any()


@cache
def _rounding(size: int, *, relative: bool) -> Callable[..., None]:
    code = Emit(f"pimsim_steps_{size}_{int(relative)}", "begin end *x *constants *out *wrong")
    code.declare(f"{_DOUBLES} @llvm.rint.v{_LANES}f64({_DOUBLES})")
    code.declare(f"{_DOUBLES} @llvm.fabs.v{_LANES}f64({_DOUBLES})")
    loaded = [code.get("double", "%constants", i, 8) for i in range(5)]
    constants = [code.splat(each, "double", _LANES) for each in loaded]
    bits, number = 8 * size, f"i{8 * size}"
    blocks = code.put(f"sdiv i64 {code.put('sub i64 %end, %begin')}, {_BLOCK}")
    with code.loop(blocks) as block:
        first = code.add("%begin", code.mul(block, _BLOCK))
        wrong, parts = "zeroinitializer", list[str]()
        for i in range(0, _BLOCK, _LANES):
            source = code.at("float", "%x", code.add(first, i))
            taken = code.put(f"load <{_LANES} x float>, ptr {source}, align 4")
            value = code.put(f"fpext <{_LANES} x float> {taken} to {_DOUBLES}")
            step, bad = _step(code, value, constants, relative=relative)
            wrong = code.put(f"or {_FLAGS} {wrong}, {bad}")
            # What is no step must not be converted; it counts as 0, and as wrong.
            safe = code.put(f"select {_FLAGS} {bad}, {_DOUBLES} zeroinitializer, {_DOUBLES} {step}")
            whole = code.put(f"fptoui {_DOUBLES} {safe} to <{_LANES} x i32>")
            parts.append(code.put(f"trunc <{_LANES} x i32> {whole} to <{_LANES} x {number}>"))
        width = _LANES
        while len(parts) > 1:  # stored at once: stores of eight bytes take four times as long
            order = ", ".join(f"i32 {i}" for i in range(2 * width))
            kind = f"<{width} x {number}>"
            parts = [
                code.put(
                    f"shufflevector {kind} {one}, {kind} {other}, <{2 * width} x i32> <{order}>"
                )
                for one, other in zip(parts[::2], parts[1::2], strict=True)
            ]
            width *= 2
        target = code.at(number, "%out", first)
        code.do(f"store <{_BLOCK} x i{bits}> {parts[0]}, ptr {target}, align {size}")
        with code.when(code.put(f"call i1 @llvm.vector.reduce.or.v{_LANES}i1({_FLAGS} {wrong})")):
            code.do("store i8 1, ptr %wrong, align 1")
    code.declare(f"i1 @llvm.vector.reduce.or.v{_LANES}i1({_FLAGS})")
    return code.function()


def _step(code: Emit, value: str, constants: list[str], *, relative: bool) -> tuple[str, str]:
    """The nearest step to each value, and whether the value is too far from it."""
    scale, offset, largest, bound, inverse = constants
    above = code.put(f"fsub {_DOUBLES} {value}, {offset}")
    ratio = code.put(f"fmul {_DOUBLES} {above}, {inverse}")
    step = code.put(f"call {_DOUBLES} @llvm.rint.v{_LANES}f64({_DOUBLES} {ratio})")
    back = code.put(f"fmul {_DOUBLES} {step}, {scale}")
    again = code.put(f"fadd {_DOUBLES} {back}, {offset}")
    differ = code.put(f"fsub {_DOUBLES} {again}, {value}")
    far = code.put(f"call {_DOUBLES} @llvm.fabs.v{_LANES}f64({_DOUBLES} {differ})")
    if relative:
        size = code.put(f"call {_DOUBLES} @llvm.fabs.v{_LANES}f64({_DOUBLES} {value})")
        bound = code.put(f"fmul {_DOUBLES} {size}, {bound}")
    # Unordered comparisons: a value that is no number is wrong as well.
    wrong = [
        code.put(f"fcmp ugt {_DOUBLES} {far}, {bound}"),
        code.put(f"fcmp ult {_DOUBLES} {step}, zeroinitializer"),
        code.put(f"fcmp ugt {_DOUBLES} {step}, {largest}"),
    ]
    some = code.put(f"or {_FLAGS} {wrong[0]}, {wrong[1]}")
    return step, code.put(f"or {_FLAGS} {some}, {wrong[2]}")
