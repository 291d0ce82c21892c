"""Probabilities that a command is wrong, from the circuit or from measured chips, as a table.

:mod:`~pimsim.circuit.failure_tables.entry` is one line, of counts or of an estimate, and
:mod:`~pimsim.circuit.failure_tables.table` all of them, in a file too, which may be anybody's;
:mod:`~pimsim.circuit.failure_tables.from_circuit` makes one of a circuit that varies,
:mod:`~pimsim.circuit.failure_tables.chips` of measurements.

It does not know which command meets a failure, nor where: see :mod:`pimsim.dram.array.faults`.
"""
