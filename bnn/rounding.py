"""Integers behind real inputs, by vector code: what :func:`bnn.encoding.encode` spends its time on.

>>> p = np.zeros(3, np.uint8)
>>> steps(np.float32([0.0, 0.5, 1.0]), 0.25, 0.0, 255, 0.0, p), p.tolist()
(True, [0, 2, 4])
>>> steps(np.float32([0.0, 0.3]), 0.25, 0.0, 255, 0.0, p[:2])
False
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pimsim.microprogram.compiled import backend
from pimsim.microprogram.compiled.emit import Emit
from pimsim.microprogram.compiled.run import spread

_LANES = 8
_AT_A_TIME = 1 << 15
_DOUBLES = f"<{_LANES} x double>"


def available() -> bool:
    """Whether there is a compiler."""
    return backend.why_not() is None


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
    if flat.size != out.size or not np.shares_memory(out, into) or flat.dtype != np.float32:
        raise ValueError("`x` must be float32, and `into` must be in one piece and of its size")
    function = _rounding(out.itemsize, relative=offset == 0)
    reach = max(abs(offset), abs(scale * largest + offset))
    whole = flat.size // _LANES * _LANES
    pieces = -(-whole // _AT_A_TIME)
    wrong = np.zeros((pieces + 1) * _LANES, np.uint8)
    bound = slack if offset == 0 else slack * reach
    constants = np.array([scale, offset, largest, bound, 1 / scale], np.float64)

    def some(begin: int, end: int) -> None:
        for piece in range(begin, end):
            first = piece * _AT_A_TIME
            stop = min(first + _AT_A_TIME, whole)
            function(
                first, stop, flat.ctypes.data, constants.ctypes.data, out.ctypes.data,
                wrong[piece * _LANES :].ctypes.data,
            )  # fmt: skip

    if pieces:
        spread(some, pieces, threads)
    if whole < flat.size:  # the rest, in a vector of its own
        rest = np.full(_LANES, flat[-1], np.float32)
        rest[: flat.size - whole] = flat[whole:]
        last = np.zeros(_LANES, out.dtype)
        function(
            0, _LANES, rest.ctypes.data, constants.ctypes.data, last.ctypes.data,
            wrong[pieces * _LANES :].ctypes.data,
        )  # fmt: skip
        out[whole:] = last[: flat.size - whole]
    return not wrong.any()


@cache
def _rounding(size: int, *, relative: bool) -> Callable[..., None]:
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    name = f"pimsim_steps_{size}_{int(relative)}"
    code = Emit(
        name, ["i64 %begin", "i64 %end", "ptr %x", "ptr %constants", "ptr %out", "ptr %wrong"]
    )
    code.declare(f"{_DOUBLES} @llvm.rint.v{_LANES}f64({_DOUBLES})")
    code.declare(f"{_DOUBLES} @llvm.fabs.v{_LANES}f64({_DOUBLES})")
    flags, kind = f"<{_LANES} x i1>", f"<{_LANES} x i{8 * size}>"
    found = code.slot(f"<{_LANES} x i8>", _LANES)
    code.do(f"store <{_LANES} x i8> zeroinitializer, ptr {found}, align {_LANES}")
    scale, offset, largest, bound, inverse = (_splat(code, i) for i in range(5))
    vectors = code.put(f"sdiv i64 {code.put('sub i64 %end, %begin')}, {_LANES}")
    with code.loop(vectors) as vector:
        place = code.add("%begin", code.mul(vector, _LANES))
        source = code.at("float", "%x", place)
        loaded = code.put(f"load <{_LANES} x float>, ptr {source}, align 4")
        value = code.put(f"fpext <{_LANES} x float> {loaded} to {_DOUBLES}")
        above = code.put(f"fsub {_DOUBLES} {value}, {offset}")
        ratio = code.put(f"fmul {_DOUBLES} {above}, {inverse}")
        step = code.put(f"call {_DOUBLES} @llvm.rint.v{_LANES}f64({_DOUBLES} {ratio})")
        back = code.put(f"fmul {_DOUBLES} {step}, {scale}")
        again = code.put(f"fadd {_DOUBLES} {back}, {offset}")
        differ = code.put(f"fsub {_DOUBLES} {again}, {value}")
        far = code.put(f"call {_DOUBLES} @llvm.fabs.v{_LANES}f64({_DOUBLES} {differ})")
        near = bound
        if relative:
            size_ = code.put(f"call {_DOUBLES} @llvm.fabs.v{_LANES}f64({_DOUBLES} {value})")
            near = code.put(f"fmul {_DOUBLES} {size_}, {bound}")
        # Unordered comparisons: a value that is no number is wrong as well.
        wrong = [
            code.put(f"fcmp ugt {_DOUBLES} {far}, {near}"),
            code.put(f"fcmp ult {_DOUBLES} {step}, zeroinitializer"),
            code.put(f"fcmp ugt {_DOUBLES} {step}, {largest}"),
        ]
        any_ = code.put(f"or {flags} {code.put(f'or {flags} {wrong[0]}, {wrong[1]}')}, {wrong[2]}")
        before = code.put(f"load <{_LANES} x i8>, ptr {found}, align {_LANES}")
        wide = code.put(f"zext {flags} {any_} to <{_LANES} x i8>")
        both = code.put(f"or <{_LANES} x i8> {before}, {wide}")
        code.do(f"store <{_LANES} x i8> {both}, ptr {found}, align {_LANES}")
        # What is no step at all must not be converted; it counts as 0, and as wrong.
        safe = code.put(f"select {flags} {any_}, {_DOUBLES} zeroinitializer, {_DOUBLES} {step}")
        number = code.put(f"fptoui {_DOUBLES} {safe} to <{_LANES} x i32>")
        short = code.put(f"trunc <{_LANES} x i32> {number} to {kind}")
        target = code.at(f"i{8 * size}", "%out", place)
        code.do(f"store {kind} {short}, ptr {target}, align {size}")
    seen = code.put(f"load <{_LANES} x i8>, ptr {found}, align {_LANES}")
    code.do(f"store <{_LANES} x i8> {seen}, ptr %wrong, align 1")
    signature = ctypes.CFUNCTYPE(None, integer, integer, *[pointer] * 4)
    made: Callable[..., None] = signature(backend.compiler().function(code.text(), name))
    return made


def _splat(code: Emit, index: int) -> str:
    one = code.get("double", "%constants", index, 8)
    first = code.put(f"insertelement {_DOUBLES} poison, double {one}, i32 0")
    return code.put(
        f"shufflevector {_DOUBLES} {first}, {_DOUBLES} poison, <{_LANES} x i32> zeroinitializer"
    )
