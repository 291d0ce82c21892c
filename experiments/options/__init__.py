"""Command-line options, declared once: what they are called, may be, need and change.

Read :mod:`~experiments.options.option` (what one is, and when it has an effect) and
:mod:`~experiments.options.table` (all of the model). :mod:`~experiments.options.circuit`,
:mod:`~experiments.options.data`, :mod:`~experiments.options.dram`,
:mod:`~experiments.options.faults`, :mod:`~experiments.options.traces` and
:mod:`~experiments.options.train` give groups of them to a command, and say what was chosen.
:mod:`~experiments.options.parser` words what is wrong, :mod:`~experiments.options.places` refuses
what would overwrite, and :mod:`~experiments.options.subcommands` is what a command is.

Nothing here knows what a command does with what was chosen.
"""
