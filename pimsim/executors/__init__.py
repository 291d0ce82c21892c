"""Executors of row commands: command by command, as vector code, and with injected faults.

:mod:`~pimsim.executors.reference` runs programs, and row programs, on subarrays;
:mod:`~pimsim.executors.compiled` runs row programs as vector code;
:mod:`~pimsim.executors.faulty` runs them command by command, with injected faults.

None of them computes time or energy, and none depends on the network.
"""
