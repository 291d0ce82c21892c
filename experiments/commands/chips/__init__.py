"""The subcommands of ``pimsim chips``.

:mod:`~experiments.commands.chips.command` hands over to the others:
:mod:`~experiments.commands.chips.primitives` (what there is),
:mod:`~experiments.commands.chips.groups` (how row groups differ, and failure tables of them),
:mod:`~experiments.commands.chips.program` (its steps, and programs of DRAM Bender) and
:mod:`~experiments.commands.chips.network` (a network on such chips).

What row groups are drawn from is said by :mod:`experiments.options.chips`.
"""
