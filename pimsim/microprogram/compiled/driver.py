"""The loop over tiles, outputs and kernel calls.

Its arguments are numbers and addresses only, so that it runs without the interpreter's lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

from pimsim.microprogram.compiled.backend import compiler

_CODE = """
define void @pimsim_drive(i64 %first, i64 %last, ptr %data, i64 %tiles, i64 %tile_bytes,
    ptr %lanes, ptr %outputs, i64 %each, ptr %plans, ptr %results, i64 %slots, i64 %row_bytes)
    nounwind {
entry:
  %step = mul i64 %tiles, %row_bytes
  %any = icmp slt i64 %first, %last
  br i1 %any, label %item, label %done
item:
  %i = phi i64 [ %first, %entry ], [ %i1, %items ]
  %slot = udiv i64 %i, %tiles
  %tile = urem i64 %i, %tiles
  %lp = getelementptr i64, ptr %lanes, i64 %slot
  %lane = load i64, ptr %lp
  %t0 = mul i64 %lane, %tiles
  %t1 = add i64 %t0, %tile
  %t2 = mul i64 %t1, %tile_bytes
  %base = getelementptr i8, ptr %data, i64 %t2
  %o0 = mul i64 %slot, %each
  br label %outputloop
outputloop:
  %k = phi i64 [ 0, %item ], [ %k1, %outputend ]
  %o1 = add i64 %o0, %k
  %op = getelementptr i64, ptr %outputs, i64 %o1
  %output = load i64, ptr %op
  %idle = icmp slt i64 %output, 0
  br i1 %idle, label %outputend, label %plan
plan:
  %r0 = mul i64 %o1, %slots
  %r1 = mul i64 %r0, %tiles
  %r2 = add i64 %r1, %tile
  %r3 = mul i64 %r2, %row_bytes
  %out = getelementptr i8, ptr %results, i64 %r3
  %pp = getelementptr {ptr, i64, ptr}, ptr %plans, i64 %output
  %calls = load ptr, ptr %pp
  %np = getelementptr {ptr, i64, ptr}, ptr %plans, i64 %output, i32 1
  %n = load i64, ptr %np
  %ep = getelementptr {ptr, i64, ptr}, ptr %plans, i64 %output, i32 2
  %entries = load ptr, ptr %ep
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %call, label %outputend
call:
  %c = phi i64 [ 0, %plan ], [ %c1, %call ]
  %fp = getelementptr {ptr, i64}, ptr %calls, i64 %c
  %f = load ptr, ptr %fp
  %xp = getelementptr {ptr, i64}, ptr %calls, i64 %c, i32 1
  %x = load i64, ptr %xp
  %own = getelementptr i8, ptr %entries, i64 %x
  call void %f(ptr %base, ptr %own, ptr %out, i64 %step)
  %c1 = add i64 %c, 1
  %again = icmp slt i64 %c1, %n
  br i1 %again, label %call, label %outputend
outputend:
  %k1 = add i64 %k, 1
  %next = icmp slt i64 %k1, %each
  br i1 %next, label %outputloop, label %items
items:
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %last
  br i1 %more, label %item, label %done
done:
  ret void
}
"""


@cache
def drive() -> Callable[..., None]:
    """The loop, as a function of 12 numbers and addresses.

    Items ``first`` to ``last`` (tiles, lane after lane), rows, tiles of a lane, bytes of a tile,
    lanes, outputs (lanes, n), n, plans (see :func:`pimsim.microprogram.compiled.run.prepare`),
    results, rows read out for an output, bytes of a row in a tile.
    """
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    kinds = [integer, integer, pointer, integer, integer, pointer, pointer, integer]
    signature = ctypes.CFUNCTYPE(None, *kinds, pointer, pointer, integer, integer)
    found: Callable[..., None] = signature(compiler().function(_CODE, "pimsim_drive"))
    return found
