"""Row programs carried out command by command, in machine code, where commands can go wrong.

:mod:`~pimsim.executors.compiled` leaves every row as the commands would, but not by the same
steps: a copy that vanished cannot fail. Here each AAP and AP is one step of an interpreter in
machine code (:mod:`~pimsim.executors.faulty.interpreter`), which reads a row program as a
:class:`~pimsim.executors.faulty.command_tape.Tape` of addresses. Rows lie in
:class:`~pimsim.executors.compiled.run.tiles.Tiles`; what goes wrong is named by
:class:`~pimsim.dram.array.faults.Faults`, so that the same commands go wrong as in a
:class:`~pimsim.dram.array.subarray.Subarray` (:mod:`~pimsim.executors.faulty.program`).

It knows of columns, outputs and parts alone: neither of stages, nor of what made the probabilities.
"""
