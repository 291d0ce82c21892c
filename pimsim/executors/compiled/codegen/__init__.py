"""From functions of bits to machine code, and to a place where it is kept.

:mod:`~pimsim.executors.compiled.codegen.backend` is the compiler,
:mod:`~pimsim.executors.compiled.codegen.emit` writes loops for it,
:mod:`~pimsim.executors.compiled.codegen.kernel` the code of a few steps and
:mod:`~pimsim.executors.compiled.codegen.driver` the loop that calls kernels.

Nothing here knows rows by what they hold, nor programs.
"""
