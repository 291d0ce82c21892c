"""Machine code for functions of bits.

:mod:`~pimsim.executors.compiled.codegen.emit` writes LLVM IR with loops, and compiles it.
:mod:`~pimsim.executors.compiled.codegen.truth_table` writes a function of a few bits, and
:mod:`~pimsim.executors.compiled.codegen.kernel` the code of a few steps.

Nothing here depends on programs, or on the meaning of rows.
"""
