"""Machine code that carries out the steps of a tape, each by the kernel of its form if any."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pimsim.executors.compiled.codegen.emit import Emit
from pimsim.executors.faulty import interpreter, kernel
from pimsim.executors.faulty.strikes import Drawn

_SAME = f"{interpreter.ARGUMENTS} {Drawn.arguments}"
_ARGUMENTS = f"{_SAME} *steps number *forms *rows *kernels accesses patterns *struck *interpret"


@cache
def walk() -> Callable[..., None]:
    """The function that carries steps out; its arguments are numbers and addresses.

    Those of the interpreter whose noise is drawn (:func:`.interpreter.interpret`); steps, how many,
    the form of each, and rows (:class:`.forms.Steps`); by form the address of a kernel; how many
    kinds of accesses and patterns there are; rows for noise (:data:`.kernel.ARGUMENTS`), and the
    address of the interpreter itself.
    """
    code = Emit("pimsim_walk", _ARGUMENTS)
    with code.loop("%number") as step:
        about = code.at("[3 x i64]", "%steps", step)
        first, commands, row = (code.get("i64", about, each, 8) for each in range(3))
        own = code.at("[2 x i16]", "%commands", first)
        parts = code.at("i32", "%parts", first)
        form = code.put(f"sext i16 {code.get('i16', '%forms', step, 2)} to i64")
        with code.when(code.put(f"icmp sge i64 {form}, 0")):
            part = code.put(f"sext i32 {code.get('i32', parts, 0, 4)} to i64")
            tile = code.mul(code.mul(part, "%stride"), "%row_bytes")
            masks = code.at("ptr", "%masks", code.mul(part, "%patterns"))
            streams = code.at("[2 x i64]", "%streams", code.mul(part, "%accesses"))
            given = {
                "tile": code.at("i8", "%tile", tile),
                "rows": code.at("i16", "%rows", row),
                "masks": masks,
                "streams": streams,
            }
            target = code.get("ptr", "%kernels", form, 8)
            _call(code, target, kernel.ARGUMENTS, given)
        with code.when(code.put(f"icmp slt i64 {form}, 0")):
            _call(code, "%interpret", _SAME, {"commands": own, "parts": parts, "count": commands})
    return code.function()


def _call(code: Emit, target: str, arguments: str, given: dict[str, str]) -> None:
    """Call a function with the ``given`` arguments; the others are those of the caller."""
    said = []
    for one in arguments.split():
        name = one.lstrip("*")
        kind = "ptr" if one.startswith("*") else "i64"
        said.append(f"{kind} {given.get(name, f'%{name}')}")
    code.do(f"call void {target}({', '.join(said)})")
