"""What carries row commands out: literally, as vector code, and with commands that go wrong.

:mod:`~pimsim.executors.reference` runs programs, and row programs, on subarrays;
:mod:`~pimsim.executors.compiled` runs row programs as vector code;
:mod:`~pimsim.executors.faulty` runs them command by command, with injected faults.

None of them knows of time or energy, nor of the network that is computed.
"""
