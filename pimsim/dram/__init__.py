"""DRAM: row groups, subarrays and their commands, standards, timing and energy.

:mod:`~pimsim.dram.commands` lists the kinds of commands and counts them.
Read :mod:`~pimsim.dram.standard` (what a part is), then :mod:`~pimsim.dram.array` (what its rows
hold and do), :mod:`~pimsim.dram.scheduler` (when a command may issue) and
:mod:`~pimsim.dram.timeline` (when a long stream of them ends). :mod:`~pimsim.dram.options` are the
choices that change time and energy, :mod:`~pimsim.dram.energy` what each command takes, and
:mod:`~pimsim.dram.traces` the stream for other tools.

It knows of no program: which commands come is for others to say.
"""
