"""The subcommands of ``pimsim chips``.

:mod:`~experiments.commands.chips.command` runs one of the others:
:mod:`~experiments.commands.chips.primitives` (operations of such chips),
:mod:`~experiments.commands.chips.groups` (how row groups differ, and their failure tables),
:mod:`~experiments.commands.chips.program` (steps of an operation, and programs of DRAM Bender) and
:mod:`~experiments.commands.chips.network` (a network on such chips).

The options of :mod:`experiments.options.chips` say which measurements row groups are drawn from.
"""
