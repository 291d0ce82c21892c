"""Recipes carried out literally in vector code, command by command, where commands can go wrong.

:mod:`~pimsim.microprogram.compiled` leaves every row as the commands would, but not by the same
steps: a copy that vanished cannot fail. Here each AAP and AP is one step of an interpreter in
machine code (:mod:`~pimsim.microprogram.literal.interpreter`), which reads a recipe as a
:class:`~pimsim.microprogram.literal.tape.Tape` of addresses. Rows lie in
:class:`~pimsim.microprogram.compiled.tiles.Tiles`; what goes wrong is named by
:class:`~pimsim.dram.faults.Faults`, so that the same commands go wrong as in a
:class:`~pimsim.dram.subarray.Subarray` (:mod:`~pimsim.microprogram.literal.execution`).
"""
