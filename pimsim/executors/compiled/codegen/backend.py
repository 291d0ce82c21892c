"""Machine code for the processor that runs the simulator, through llvmlite.

>>> from pimsim.executors.compiled.codegen import backend
>>> working = backend.why_not() is None
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

_LOCK = threading.Lock()


@cache
def why_not() -> str | None:
    """Why there is no compiler back end here, in one line; None if there is one."""
    try:
        code = "define i64 @probe(i64 %x) {\n  %y = add i64 %x, 1\n  ret i64 %y\n}\n"
        compiler().function(code, "probe")
    except Exception as error:  # whatever a foreign back end raises, the reference is still there
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


@cache
def compiler() -> Compiler:
    """The compiler of this process."""
    return Compiler()


class Compiler:
    """Turns LLVM IR into functions that stay for the life of the process."""

    def __init__(self) -> None:
        from llvmlite import binding

        self._binding: Any = binding
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        self.features: dict[str, bool] = dict(binding.get_host_cpu_features())
        self._engines: dict[bool, Any] = {}
        for careful in (False, True):
            target = binding.Target.from_default_triple().create_target_machine(
                cpu=binding.get_host_cpu_name(),
                features=binding.get_host_cpu_features().flatten(),
                opt=2 if careful else 0,
                jit=True,
            )
            empty = binding.parse_assembly("")
            self._engines[careful] = binding.create_mcjit_compiler(empty, target)

    @property
    def ternary(self) -> bool:
        """Whether any function of three values is one instruction (AVX-512)."""
        return self.features.get("avx512f", False)

    def function(self, code: str, name: str, *, careful: bool = True) -> int:
        """Address of the function ``name``, new in the process, in a module of its own.

        Code goes to the code generator as it is: LLVM's passes find little to do, and would take
        longer than the rest.

        Args:
            code: LLVM IR.
            name: of the function.
            careful: choose instructions and registers well, which takes about five times as long.

        """
        binding, engine = self._binding, self._engines[careful]
        with _LOCK:
            module = binding.parse_assembly(code)
            module.verify()
            engine.add_module(module)
            engine.finalize_object()
            return int(engine.get_function_address(name))
