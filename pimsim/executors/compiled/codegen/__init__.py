"""From functions of bits to machine code, and to a place where it is kept.

:mod:`~pimsim.executors.compiled.codegen.emit` is the compiler and writes loops for it,
:mod:`~pimsim.executors.compiled.codegen.truth_table` is a function of a few bits, and
:mod:`~pimsim.executors.compiled.codegen.kernel` is the code of a few steps.

Nothing here knows rows by what they hold, nor programs.
"""
