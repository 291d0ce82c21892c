"""DRAM: parts and their timing, subarrays, commands, time and energy.

Read :mod:`~pimsim.dram.standard` (what a part is), then :mod:`~pimsim.dram.array` (what its rows
hold and do), :mod:`~pimsim.dram.scheduler` (when a command may issue) and
:mod:`~pimsim.dram.timeline` (when a long stream of them ends). :mod:`~pimsim.dram.commands` has the
kinds of commands, :mod:`~pimsim.dram.options` the choices that change time and energy,
:mod:`~pimsim.dram.energy` the energy of each command, and :mod:`~pimsim.dram.traces` writes the
commands for other tools.

Nothing here decides which commands are given, or why.
"""
