"""Microprograms: sequences of AAP and AP over symbolic rows, and what executes them.

Read :mod:`~pimsim.microprogram.program` first, then :mod:`~pimsim.microprogram.logic` and
:mod:`~pimsim.microprogram.arithmetic`, which are programs, and
:mod:`~pimsim.microprogram.primitives`, which lists them with their truth tables.
:mod:`~pimsim.microprogram.allocation` hands rows out, and :mod:`~pimsim.microprogram.counting`
counts ones in them. :mod:`~pimsim.microprogram.schedule` is many programs at once, for outputs that
differ in rows and variants; :mod:`~pimsim.microprogram.row_program` is all that a stage does in its
subarrays. :mod:`~pimsim.microprogram.bitsets` makes writing schedules fast.

A program knows the address map, but no standard, no time and no network.
"""
