"""Compiling by numba: how far it goes, what is told about it, where machine code may be stored."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

COMPILING = "compiling; the machine code is kept, so that this is waited for once"
COMPILED = "working"

tells: list[Callable[[str], None]] = []
"""Called with a message when a function is compiled for which no machine code is stored."""


def for_any_number(compiled: F) -> F:
    """Make numba compile a called function once for all numbers of a type.

    Otherwise numba compiles it for each constant that it is called with, and for the first value of
    each variable in a loop, before it finds that the variable changes.

    Args:
        compiled: what numba's decorator returned; it is changed.

    """
    from numba.core import types

    unliteral: Callable[[Any], Any] = types.unliteral
    dispatcher: Any = compiled
    found = dispatcher.get_call_template

    def get_call_template(args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
        return found([*map(unliteral, args)], {key: unliteral(kws[key]) for key in kws})

    dispatcher.get_call_template = get_call_template
    return compiled


@cache
def text_only() -> dict[str, Any]:
    """Return options of numba's decorator for functions that are only called by compiled code.

    They are not optimized and not made executable one by one, which takes most of numba's time, but
    left as LLVM IR: the ``library`` of a compiled function has a method ``module``, which returns
    all that the function calls in one module of LLVM. They cannot make arrays.
    """
    from llvmlite import binding
    from numba.core import cgutils, codegen, compiler, typed_passes, types, untyped_passes
    from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass

    class Texts(codegen.CodeLibrary):
        """LLVM IR of a function, and of those that it calls."""

        def __init__(self, generator: Any, name: str) -> None:
            super().__init__(generator, name)
            self._texts: dict[str, None] = {}  # in order, each once

        def add_ir_module(self, ir_module: Any) -> None:
            text = cgutils.normalize_ir_text(str(ir_module))  # type: ignore[no-untyped-call]
            self._texts[text] = None

        def add_linking_library(self, library: Any) -> None:
            if not isinstance(library, Texts):  # of numba itself, such as that of ``min``
                library = _of_numba(library)
            self._texts |= library._texts

        def finalize(self) -> None:
            self._finalized = True

        def get_function(self, name: str) -> Any:
            return self.module().get_function(name)

        def get_llvm_str(self) -> str:
            return str(self.module())

        def get_asm_str(self) -> str:
            return str(self.codegen._tm.emit_assembly(self.module()))

        def module(self) -> Any:
            """All functions in one module."""
            whole = binding.parse_assembly("")
            for text in self._texts:
                whole.link_in(binding.parse_assembly(text))
            return whole

    @cache
    def _of_numba(library: Any) -> Texts:
        texts = Texts(library.codegen, library.name)
        texts._texts[library.get_llvm_str()] = None
        return texts

    @register_pass(mutates_CFG=False, analysis_only=True)  # type: ignore[no-untyped-call]
    class MakeCallable(LoweringPass):
        """Lets compiled functions call this one, which numba does only for machine code."""

        _name = "pimsim_make_callable"

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]

        def run_pass(self, state: Any) -> bool:
            name = list[
                int
            ]().copy  # numba asks for a built-in function as its name, and never calls it
            state.targetctx.insert_user_function(name, state.cr.fndesc, [state.library])
            state["cr"] = state.cr._replace(cfunc=name)
            return False

    resolved: dict[Any, Any] = {}

    class Remembering:
        """Remembers what operators and functions of numba return for arguments of some types.

        Numba asks for each ``+`` of a function several times, and tries a dozen ways each time.
        """

        def __init__(self, typing: Any) -> None:
            self._typing = typing

        def __getattr__(self, name: str) -> Any:
            return getattr(self._typing, name)

        def resolve_function_type(self, function: Any, args: Any, kws: Any) -> Any:
            """See the class."""
            if kws or not isinstance(function, types.Function):
                return self._typing.resolve_function_type(function, args, kws)
            asked = function, tuple(args)
            found = resolved.get(asked)
            if found is None:
                found = self._typing.resolve_function_type(function, args, kws)
                resolved[asked] = found
            return found

    class TextOnly(compiler.CompilerBase):
        """The passes of numba that plain functions need."""

        def __init__(self, typing: Any, *given: Any) -> None:
            super().__init__(Remembering(typing), *given)  # type: ignore[no-untyped-call]
            self.state.flags.no_compile = True
            self.state.library = Texts(self.state.targetctx.codegen(), "texts")

        def define_pipelines(self) -> list[Any]:
            passes: Any = PassManager("text only")  # type: ignore[no-untyped-call]
            for each in (
                untyped_passes.TranslateByteCode,
                untyped_passes.FixupArgs,
                untyped_passes.IRProcessing,
                untyped_passes.GenericRewrites,
                untyped_passes.ReconstructSSA,
                typed_passes.NopythonTypeInference,
                typed_passes.PreLowerStripPhis,
                typed_passes.IRLegalization,
                typed_passes.NativeLowering,
                MakeCallable,
                typed_passes.NoPythonBackend,
            ):
                passes.add_pass(each, each.__name__)
            passes.finalize()
            return [passes]

    return {
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        "error_model": "numpy",
        "_nrt": False,
        "pipeline_class": TextOnly,
    }


@cache
def by_address() -> Any:
    """Return a numba type of named tuples that compiled functions get by their address.

    Passed as numba does, an array is seven numbers, and half of the code passes them on. Members
    are all that can be taken of such a tuple, and nothing may change it.
    """
    from llvmlite import ir
    from numba.core import cgutils, imputils, types
    from numba.extending import models, register_model

    class ByAddress(types.NamedTuple):
        """A named tuple in the memory of the caller."""

    @register_model(ByAddress)
    class Address(models.PrimitiveModel):
        """The address of what is a struct otherwise."""

        def __init__(self, manager: Any, kind: Any) -> None:
            members = [manager.lookup(each).get_value_type() for each in kind.types]
            struct = ir.LiteralStructType(members)
            super().__init__(manager, kind, struct.as_pointer())  # type: ignore[no-untyped-call]

    def member(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
        number = kind.fields.index(name)
        place = cgutils.gep_inbounds(builder, value, 0, number)  # type: ignore[no-untyped-call]
        found = builder.load(place)
        found.set_metadata("invariant.load", builder.module.add_metadata([]))
        return found

    imputils.lower_getattr_generic(ByAddress)(member)  # type: ignore[no-untyped-call]
    return ByAddress


@cache
def listen() -> None:
    """Make numba report when it compiles, which is only if no machine code is stored."""
    from numba.core import event

    class Compiling(event.Listener):
        """Reports when compiling begins, and when it ends."""

        depth = 0  # functions that it calls are compiled within

        def on_start(self, _: Any) -> None:
            self.depth += 1
            self._tell(COMPILING)

        def on_end(self, _: Any) -> None:
            self.depth -= 1
            if not self.depth:
                self._tell(COMPILED)

        def _tell(self, text: str) -> None:
            for tell in tells:
                tell(text)

    event.register("numba:compile", Compiling())  # type: ignore[no-untyped-call]


def own_folder() -> Path | None:
    """A folder for executable code that nobody else can write to; None if there is none."""
    try:
        path = Path(tempfile.gettempdir()) / f"pimsim-{os.getuid()}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except (AttributeError, OSError):  # no users, or nowhere to write
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return path if own and not stat.S_IMODE(found.st_mode) & 0o077 else None
