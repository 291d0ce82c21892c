"""Executes row programs command by command, in machine code, with injected faults.

:mod:`~pimsim.executors.compiled` leaves every row as the commands would, but by other steps: a copy
that was optimised away cannot fail. Here each AAP and AP is one step of an interpreter in machine
code (:mod:`~pimsim.executors.faulty.interpreter`), which reads a row program as a
:class:`~pimsim.executors.faulty.command_tape.Tape` of addresses. Rows are in
:class:`~pimsim.executors.compiled.run.tiles.Tiles`. Faults come from
:class:`~pimsim.dram.array.faults.Faults`, so the same commands go wrong as in a
:class:`~pimsim.dram.array.subarray.Subarray` (:mod:`~pimsim.executors.faulty.program`).

It depends only on columns, outputs and parts, not on stages or on the origin of the probabilities.
"""
