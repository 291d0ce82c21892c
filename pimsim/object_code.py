"""Machine code that later processes load without importing the compiler, which is slow.

Some functions need nothing of the compiler once they are compiled: those that take numbers, arrays
and named tuples of these, make no arrays, and raise nothing. Their object code is stored after its
digest, beside the module or in a folder that nobody else can write to. A file is not used if it is
damaged, or made for another processor or from other sources. If a file cannot be written, there is
no error. The oldest files of a folder are removed if there are more than :data:`MOST_FILES`.

>>> from pimsim.object_code import Kept
>>> twice = Kept(_example, [Path(__file__)])
>>> values = np.arange(3)
>>> twice(values, 2), values.tolist()
(3, [0, 2, 4])
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import operator
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from pimsim import machine_code, memory

_Function = TypeVar("_Function", bound=Callable[..., Any])

MOST_FILES = 4096
"""Files of object code in a folder: a network has about ten of its own, of 5 kB each."""

_ENTRY = "pimsim_entry"
_MAGIC = b"pimsim object code 2\n"
_FOREIGN = ("memset", "memcpy", "memmove")
"""Functions that compiled code may call, because every process has them."""

Signature = tuple[Any, ...]
"""For each argument: ``i`` for a number, type and axes of an array, or class and parts of a
tuple."""


def _example(values: NDArray[np.int64], factor: int) -> int:
    for place in range(len(values)):
        values[place] *= factor
    return len(values)


class Part:
    """Stands for a function that is compiled as a part of its callers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @cached_property
    def _compiled(self) -> Any:
        from numba import njit

        return machine_code.for_any_number(njit(**machine_code.text_only())(self.function))

    @property
    def _numba_type_(self) -> Any:
        """The numba type of the function."""
        return self._compiled._numba_type_


def part(function: _Function) -> _Function:
    """Make a function that is only compiled as a part of its callers."""
    return cast(_Function, Part(function))


class Kept:
    """A function that is loaded, or compiled, at the first call with arguments of some types.

    Arrays must be C-contiguous.

    Args:
        function: the function to compile.
        parts: files that its code comes from.

    """

    def __init__(self, function: Callable[..., Any], parts: Sequence[Path]) -> None:
        self._function, self._parts = function, parts
        self._entries: dict[Signature, Callable[..., int]] = {}
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> int:
        """Run it; return its number, or 0 if it returns none."""
        numbers: list[int] = []
        signature = tuple([_flat(each, numbers) for each in arguments])
        entry = self._entries.get(signature)
        if entry is None:
            with self._lock:
                entry = self._entries.get(signature) or self._found(signature)
                self._entries[signature] = entry
        table = (ctypes.c_int64 * len(numbers))(*numbers)
        found = entry(table)
        if table[0]:
            raise RuntimeError(f"{self._function.__qualname__} must not raise")
        return found

    def _found(self, signature: Signature) -> Callable[..., int]:
        """The machine code: stored code, or else newly compiled code."""
        digest = hashlib.sha256(machine())
        for text in (self._function.__module__, self._function.__qualname__, _text(signature)):
            digest.update(text.encode())
        for path in self._parts:
            digest.update(path.read_bytes())
        name = f"{self._function.__qualname__}-{digest.hexdigest()[:32]}.o"
        beside = Path(self._function.__code__.co_filename)
        return _loaded(kept(beside, name, lambda: _compiled(self._function, signature)))


class Bound:
    """An argument, or a part of one, that is used in many calls and converted only once.

    >>> from pimsim.object_code import Kept
    >>> twice = Kept(_example, [Path(__file__)])
    >>> values = np.arange(3)
    >>> kept = Bound(values)
    >>> twice(kept, 2), twice(kept, 2), values.tolist()
    (3, 3, [0, 4, 8])
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.numbers: list[int] = []
        self.signature = _flat(value, self.numbers)


def _flat(value: Any, numbers: list[int]) -> Any:
    """Append the numbers that an argument becomes; return its part of the signature."""
    if isinstance(value, np.ndarray):
        seen = value.__array_interface__
        if seen["strides"] is not None:
            raise ValueError("arrays that compiled code is given must lie in one piece")
        numbers.append(seen["data"][0])
        numbers += seen["shape"]
        return value.dtype.char, value.ndim
    if isinstance(value, tuple):
        return type(value), *[_flat(each, numbers) for each in value]
    if isinstance(value, Bound):
        numbers += value.numbers
        return value.signature
    numbers.append(operator.index(value))
    return "i"


def _text(signature: Any) -> str:
    if isinstance(signature, type):
        return signature.__qualname__
    if isinstance(signature, tuple):
        return f"({','.join(map(_text, signature))})"
    return str(signature)


# -- files ----------------------------------------------------------------------------------------


def kept(beside: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """Return stored object code of a module, or else make it and store it.

    ``name`` must depend on everything that the code depends on, see :func:`machine`.
    """
    code = next(filter(None, (_read(folder, name) for folder in _folders(beside))), None)
    if code is None:
        code = make()
        any(_written(folder, name, code) for folder in _folders(beside))
    return code


def _folders(beside: Path) -> Iterator[Path]:
    """Folders in which code is looked for and stored; the last one is made if it is needed."""
    yield beside.parent / "__pycache__"
    own = machine_code.own_folder()
    if own is not None:
        yield own


@cache
def machine() -> bytes:
    """Return what else decides which code is made: processor and compiler."""
    import llvmlite
    from llvmlite import binding

    every = (
        sys.implementation.cache_tag,
        llvmlite.__version__,
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
    )
    made_by = [Path(each).read_bytes() for each in (__file__, machine_code.__file__)]
    return "\n".join(map(str, every)).encode() + b"".join(made_by)


def _read(folder: Path, name: str) -> bytes | None:
    """Object code; None if there is none, or it was damaged, or written under another name."""
    try:
        found = (folder / name).read_bytes()
    except OSError:
        return None
    code = found[len(_head(name, b"")) :]
    return code if found == _head(name, code) + code else None


def _head(name: str, code: bytes) -> bytes:
    """What stands before object code in a file of this name."""
    return _MAGIC + hashlib.sha256(name.encode() + b"\n" + code).digest()


def _written(folder: Path, name: str, code: bytes) -> bool:
    """Store object code, completely or not at all; return whether that succeeded."""
    temporary = None
    try:
        folder.mkdir(exist_ok=True)
        number, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(number, "wb") as file:
            file.write(_head(name, code) + code)
        Path(temporary).replace(folder / name)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        return False
    _make_room(folder)
    return True


def _make_room(folder: Path) -> None:
    """Remove the oldest files, if there are too many."""
    written = {}
    with suppress(OSError):
        for path in folder.glob("*.o"):
            with suppress(OSError):  # another process may have removed it
                written[path] = path.stat().st_mtime_ns
        for path in sorted(written, key=written.__getitem__)[: max(0, len(written) - MOST_FILES)]:
            path.unlink(missing_ok=True)


# -- code -----------------------------------------------------------------------------------------


def target(opt: int = 3) -> Any:
    """Return the processor that code is made for; ``opt`` says how well it is chosen, at most 3."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=opt,
        jit=True,
    )


def _loaded(code: bytes) -> Callable[..., int]:
    """The function in object code, which stays loaded until the process ends."""
    memory.require_machine_code()
    from llvmlite import binding

    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    found = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(engine.get_function_address(_ENTRY))
    _ENGINES.append(engine)
    return found


_ENGINES: list[Any] = []
"""One for each function, since the entry has the same name in all of them."""


def _compiled(function: Callable[..., Any], signature: Signature) -> bytes:
    """Object code of a function, with an entry that takes a table of numbers.

    Raises ValueError if it makes arrays, or calls a function that not every process has.
    """
    memory.require_compiler()
    from llvmlite import binding
    from numba import njit
    from numba.core import errors

    machine_code.listen()
    dispatcher: Any = njit(**machine_code.text_only())(function)
    types = tuple([_type(each) for each in signature])
    collects = gc.isenabled()
    gc.disable()  # which would go over all objects of numba many times, and find nothing
    try:
        dispatcher.compile(types)
    except errors.NumbaError as error:
        raise ValueError(
            f"numba cannot compile {function.__qualname__} to stand alone, without making arrays"
        ) from error
    finally:
        if collects:
            gc.enable()
    made = dispatcher.overloads[types]
    module = made.library.module()
    module.link_in(binding.parse_assembly(_entry(made, types)))
    # its tuples were written by the entry, and do not change while it runs
    module.get_function(made.fndesc.llvm_func_name).add_function_attribute("noinline")
    for one in module.functions:
        if not one.is_declaration and one.name != _ENTRY:
            one.linkage = "internal"
    made_for = target()
    builder = binding.create_pass_builder(made_for, binding.create_pipeline_tuning_options(2))
    builder.getModulePassManager().run(module, builder)
    foreign = {one.name for one in module.functions if one.is_declaration}
    lacking = sorted(one for one in foreign if not one.startswith("llvm.") and one not in _FOREIGN)
    if lacking:
        raise ValueError(f"{function.__qualname__} must stand alone, and not call {lacking[0]}")
    return bytes(made_for.emit_object(module))


def _type(signature: Any) -> Any:
    """The numba type of an argument."""
    from numba import from_dtype, types

    if signature == "i":
        return types.int64
    if isinstance(signature[0], type):
        parts = [_type(each) for each in signature[1:]]
        if signature[0] is not tuple:
            return machine_code.by_address()(parts, signature[0])
        every: Any = types.BaseTuple
        return every.from_types(parts)
    char, axes = signature
    return types.Array(from_dtype(np.dtype(char)), axes, "C")


def _entry(made: Any, arguments: tuple[Any, ...]) -> str:
    """LLVM IR that calls a function as numba does, with arrays passed as numbers."""
    from numba import types

    lines, given, at = list[str](), list[str](), 0
    own_kind = machine_code.by_address()

    def number() -> str:
        nonlocal at
        lines.append(f"%p{at} = getelementptr i64, ptr %table, i64 {at}")
        lines.append(f"%n{at} = load i64, ptr %p{at}, align 8")
        at += 1
        return f"%n{at - 1}"

    def put(struct: str, numbers: list[str]) -> tuple[str, list[str]]:
        """Write a struct; as every number takes eight bytes, they lie one after the other."""
        own = len(lines)
        lines.append(f"%m{own} = alloca {struct}, align 8")
        for place, each in enumerate(numbers):
            lines.append(f"%m{own}_{place} = getelementptr i64, ptr %m{own}, i64 {place}")
            lines.append(f"store {each}, ptr %m{own}_{place}, align 8")
        return "ptr", [f"ptr %m{own}"]

    def take(kind: Any) -> tuple[str, list[str]]:
        """The type of a value in memory, and the numbers that it consists of."""
        if isinstance(kind, types.BaseTuple):
            every: Any = kind
            parts = [take(each) for each in every.types]
            found = [each for _, numbers in parts for each in numbers]
            if isinstance(kind, types.UniTuple):
                return f"[{len(parts)} x {parts[0][0]}]", found
            inner = _struct(*[each for each, _ in parts])
            return put(inner, found) if isinstance(kind, own_kind) else (inner, found)
        if isinstance(kind, types.Integer):
            return "i64", [f"i64 {number()}"]
        address, own = number(), at
        lines.append(f"%a{own} = inttoptr i64 {address} to ptr")
        shape = [number() for _ in range(kind.ndim)]
        size = made.target_context.get_abi_sizeof(made.target_context.get_value_type(kind.dtype))
        strides = [str(size)]
        for axis, length in enumerate(reversed(shape)):
            name = f"%s{own}_{axis}"
            lines.append(f"{name} = mul i64 {strides[0]}, {length}")
            strides.insert(0, name)
        lines.append(f"%c{own} = sdiv i64 {strides[0]}, {size}")
        found = ["ptr null", "ptr null", f"i64 %c{own}", f"i64 {size}", f"ptr %a{own}"]
        found += [f"i64 {each}" for each in (*shape, *strides[1:])]
        axes = f"[{kind.ndim} x i64]"
        return _struct("ptr", "ptr", "i64", "i64", "ptr", axes, axes), found

    for kind in arguments:
        given += take(kind)[1]
    name = made.fndesc.llvm_func_name
    whole = ", ".join(["ptr %result", "ptr %error", *given])
    kinds = ", ".join(["ptr", "ptr", *[each.split()[0] for each in given]])
    return "\n".join(
        [
            f'declare i32 @"{name}"({kinds})',
            f"define i64 @{_ENTRY}(ptr %table) {{",
            "%result = alloca i64, align 8",
            "%error = alloca ptr, align 8",
            "store i64 0, ptr %result, align 8",
            *lines,
            f'%status = call i32 @"{name}"({whole})',
            "%told = sext i32 %status to i64",
            "store i64 %told, ptr %table, align 8",
            "%found = load i64, ptr %result, align 8",
            "ret i64 %found",
            "}",
        ]
    )


def _struct(*members: str) -> str:
    return f"{{{', '.join(members)}}}"
