"""The loop over tiles, blocks of outputs, phases, and kernel calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit

_ARGUMENTS = (
    "first last *data tiles tile_bytes *lanes *outputs *lane_blocks *blocks *entries *results "
    "slots row_bytes *own own_rows"
)

BLOCK = 4
"""Numbers that describe a block: its first output, that behind its last (both counted over all
lanes), address of its phases, how many."""
PHASE = 6
"""Numbers that describe a phase: address and number of its calls, of what is restored before them
(places, and rows of the output's own), and of what is saved behind them."""


@cache
def drive() -> Callable[..., None]:
    """The loop, as a function of 15 numbers and addresses.

    Items ``first`` to ``last`` (tiles, lane after lane), rows, tiles of a lane, bytes of a tile,
    lanes, outputs (lanes, n), first block of each lane and number of blocks, blocks (see
    ``BLOCK``), per output the address of its table, results, rows read out for an output, bytes of
    a row in a tile, rows that the outputs of a block have of their own, how many for an output.
    """
    code = Emit("pimsim_drive", _ARGUMENTS)
    step = code.mul("%tiles", "%row_bytes")
    own_bytes = code.mul("%own_rows", "%row_bytes")
    with code.loop("%last", "%first") as item:
        slot = code.put(f"udiv i64 {item}, %tiles")
        tile = code.put(f"urem i64 {item}, %tiles")
        lane = code.get("i64", "%lanes", slot, 8)
        number = code.add(code.mul(lane, "%tiles"), tile)
        base = code.at("i8", "%data", code.mul(number, "%tile_bytes"))
        begin = code.get("i64", "%lane_blocks", slot, 8)
        end = code.get("i64", "%lane_blocks", code.add(slot, 1), 8)
        with code.loop(end, begin) as block:
            about = code.at(f"[{BLOCK} x i64]", "%blocks", block)
            start, stop = (code.get("i64", about, i, 8) for i in (0, 1))
            phases, count = code.get("ptr", about, 2, 8), code.get("i64", about, 3, 8)
            with code.loop(count) as n, code.loop(stop, start) as o:
                phase = code.at(f"[{PHASE} x i64]", phases, n)
                output = code.get("i64", "%outputs", o, 8)
                with code.when(code.put(f"icmp sge i64 {output}, 0")):
                    place = code.put(f"sub i64 {o}, {start}")
                    own = code.at("i8", "%own", code.mul(place, own_bytes))
                    row = code.add(code.mul(code.mul(o, "%slots"), "%tiles"), tile)
                    out = code.at("i8", "%results", code.mul(row, "%row_bytes"))
                    entries = code.get("ptr", "%entries", output, 8)
                    _copy(code, phase, 2, base, own, restore=True)
                    calls = code.get("ptr", phase, 0, 8)
                    with code.loop(code.get("i64", phase, 1, 8)) as n_call:
                        call = code.at("[2 x i64]", calls, n_call)
                        kernel = code.get("ptr", call, 0, 8)
                        mine = code.at("i8", entries, code.get("i64", call, 1, 8))
                        arguments = f"ptr {base}, ptr {mine}, ptr {out}, i64 {step}, i64 %row_bytes"
                        code.do(f"call void {kernel}({arguments})")
                    _copy(code, phase, 4, base, own, restore=False)
    return code.function()


def _copy(code: Emit, phase: str, index: int, base: str, own: str, *, restore: bool) -> None:
    """Copy the rows that the list at ``index`` of the phase names."""
    rows = code.get("ptr", phase, index, 8)
    vectors = code.put("lshr i64 %row_bytes, 6")
    with code.loop(code.get("i64", phase, index + 1, 8)) as n:
        pair = code.at("[2 x i64]", rows, n)
        there, here = (
            code.at("i8", where, code.mul(code.get("i64", pair, i, 8), "%row_bytes"))
            for i, where in enumerate((base, own))
        )
        source, target = (here, there) if restore else (there, here)
        with code.loop(vectors) as v:
            code.store(code.get(VECTOR, source, v, 64), target, v)
