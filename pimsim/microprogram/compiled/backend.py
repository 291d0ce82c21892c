"""Machine code for the processor that runs the simulator, through llvmlite.

>>> from pimsim.microprogram.compiled import backend
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
        self._target = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(),
            features=binding.get_host_cpu_features().flatten(),
            opt=2,
            jit=True,
        )
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), self._target)
        self._count = 0
        self._keep: list[Any] = []

    @property
    def ternary(self) -> bool:
        """Whether any function of three values is one instruction (AVX-512)."""
        return self.features.get("avx512f", False)

    def function(self, code: str, name: str, *, optimise: bool = False) -> int:
        """Address of the function ``name``, new in the process, in a module of its own.

        Without ``optimise``, code goes to the code generator as it is: what the kernels' writer
        leaves is little, and the passes would take longer than the rest.
        """
        binding = self._binding
        with _LOCK:
            module = binding.parse_assembly(code)
            module.verify()
            if optimise:
                options = binding.create_pipeline_tuning_options(speed_level=2)
                options.loop_unrolling = options.loop_vectorization = False
                builder = binding.create_pass_builder(self._target, options)
                builder.getModulePassManager().run(module, builder)
            self._engine.add_module(module)
            self._engine.finalize_object()
            self._keep.append(module)
            return int(self._engine.get_function_address(name))

    def assembly(self, code: str) -> str:
        """What a module becomes, to look at."""
        binding = self._binding
        module = binding.parse_assembly(code)
        return str(self._target.emit_assembly(module))
