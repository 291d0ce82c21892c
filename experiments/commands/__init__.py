"""The subcommands of ``pimsim``, a module each.

One module a subcommand, found by :mod:`experiments.cli`, each with what
:class:`experiments.options.subcommands.Command` asks for; :mod:`~experiments.commands.circuit` has
subcommands of its own. Read :mod:`~experiments.commands.run` first.

A command parses its arguments, calls other packages and shows results. It computes nothing, and
imports no other command (except ``study``, which runs sweeps).
"""
