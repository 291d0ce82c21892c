"""The subcommands of ``pimsim circuit``.

:mod:`~experiments.commands.circuit.command` runs one of the others:
:mod:`~experiments.commands.circuit.transient` (whole cycles),
:mod:`~experiments.commands.circuit.failures`, :mod:`~experiments.commands.circuit.margin`,
:mod:`~experiments.commands.circuit.fit` and :mod:`~experiments.commands.circuit.convert` (measured
chips).

None uses DRAM commands or networks.
"""
