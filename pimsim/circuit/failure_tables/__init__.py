"""How likely each row command is wrong, as a table: from the circuit, or from measured chips.

:mod:`~pimsim.circuit.failure_tables.entry` is one line of a table: counts, or an estimate.
:mod:`~pimsim.circuit.failure_tables.table` is the whole table, and reads and writes it as a file.
:mod:`~pimsim.circuit.failure_tables.from_circuit` makes a table from a circuit that varies,
:mod:`~pimsim.circuit.failure_tables.chips` makes one from measurements.

Which commands of a run fail, and in which columns, is decided in :mod:`pimsim.dram.array.faults`.
"""
