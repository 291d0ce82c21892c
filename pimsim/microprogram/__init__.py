"""Microprograms: sequences of the commands AAP and AP, whose rows have names.

Read :mod:`~pimsim.microprogram.program` first, then :mod:`~pimsim.microprogram.logic` and
:mod:`~pimsim.microprogram.arithmetic`, which are programs, and
:mod:`~pimsim.microprogram.primitives`, which lists them with their truth tables.
:mod:`~pimsim.microprogram.allocation` hands rows out, and :mod:`~pimsim.microprogram.counting`
counts ones in them. A :mod:`~pimsim.microprogram.schedule` holds the programs of many outputs at
once, each on rows of its own; a :mod:`~pimsim.microprogram.tape` holds a long program as numbers. A
:mod:`~pimsim.microprogram.row_program` is everything that one layer of a network does in its
subarrays. :mod:`~pimsim.microprogram.output_tree` makes programs in which outputs share adders.

A program knows its address map, but no standard, no time and no network.
"""
