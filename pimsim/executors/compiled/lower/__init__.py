"""From a row program to functions of bits: which rows it reads, and what it leaves there.

Read :mod:`~pimsim.executors.compiled.lower.binding` (steps with places for symbols),
:mod:`~pimsim.executors.compiled.lower.symbolic` (what rows hold after them),
:mod:`~pimsim.executors.compiled.lower.function` (one function for all variants of a step) and
:mod:`~pimsim.executors.compiled.lower.segments` (what repeats).
:mod:`~pimsim.executors.compiled.lower.compile` leads through them:
:mod:`~pimsim.executors.compiled.lower.places` says where operands lie, and
:mod:`~pimsim.executors.compiled.lower.calls` what must be stored and which calls keep to one part.

It knows of no columns and no values, and writes no machine code itself.
"""
