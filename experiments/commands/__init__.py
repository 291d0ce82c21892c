"""The subcommands of ``pimsim``, a module each.

One module a subcommand, found by :mod:`experiments.cli`, each with what
:class:`experiments.options.subcommands.Command` asks for; :mod:`~experiments.commands.circuit` has
subcommands of its own. Read :mod:`~experiments.commands.run` first.

A command parses, asks and shows. It knows of no other command (but for ``study``, which runs
sweeps), and computes nothing.
"""
