"""From a row program to functions of bits: the rows that it reads, and what it writes.

Read :mod:`~pimsim.executors.compiled.lower.binding` (steps with places for symbols),
:mod:`~pimsim.executors.compiled.lower.symbolic` (what rows hold after them),
:mod:`~pimsim.executors.compiled.lower.function` (one function for all variants of a step) and
:mod:`~pimsim.executors.compiled.lower.segments` (what repeats).
:mod:`~pimsim.executors.compiled.lower.compile` leads through them:
:mod:`~pimsim.executors.compiled.lower.places` says where operands lie, and
:mod:`~pimsim.executors.compiled.lower.calls` what must be stored and which calls keep to one part.

Nothing here depends on columns or values, and no machine code is written here.
"""
