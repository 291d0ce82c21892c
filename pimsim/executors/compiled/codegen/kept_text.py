"""Functions in LLVM IR whose machine code later processes load without making it again.

Where it is kept, and what is taken of it, is said in :mod:`pimsim.object_code`.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path
from typing import Any

from pimsim import memory, object_code

_OWN = "pimsim_own_name"
_LOCK = threading.Lock()
_ADDRESSES: dict[str, int] = {}
"""Of functions of this process, by digests of their texts."""


def address(code: str, name: str, beside: Path) -> int:
    r"""Address of a function, which stays for the life of the process.

    It goes to the code generator as it is: LLVM's passes find little to do, and would take longer
    than the rest.

    Args:
        code: LLVM IR of a module with this function, which needs nothing but what every process
            has.
        name: of the function; what is kept does not depend on it.
        beside: the module whose machine code it is.

    >>> import ctypes
    >>> code = "define i64 @one(i64 %x) {\n  %y = add i64 %x, 1\n  ret i64 %y\n}\n"
    >>> ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address(code, "one", Path(__file__)))(4)
    5
    """
    from llvmlite import binding

    code = code.replace(f"@{name}(", f"@{_OWN}(")
    digest = hashlib.sha256(object_code.machine() + Path(__file__).read_bytes())
    digest.update(code.encode())
    own = f"pimsim_{digest.hexdigest()[:32]}"
    with _LOCK:
        if own not in _ADDRESSES:
            memory.require_machine_code()
            found = object_code.kept(beside, f"{own}.o", lambda: _emitted(code.replace(_OWN, own)))
            engine = _engine()
            engine.add_object_file(binding.ObjectFileRef.from_data(found))
            engine.finalize_object()
            _ADDRESSES[own] = int(engine.get_function_address(own))
        return _ADDRESSES[own]


@cache
def _engine() -> Any:
    """What holds all of them."""
    from llvmlite import binding

    return binding.create_mcjit_compiler(binding.parse_assembly(""), object_code.target())


def _emitted(code: str) -> bytes:
    """Object code of a module; instructions and registers are chosen well."""
    from llvmlite import binding

    module = binding.parse_assembly(code)
    module.verify()
    return bytes(object_code.target(opt=2).emit_object(module))
