"""Command-line options, each declared once: name, values, conditions and effect.

Read :mod:`~experiments.options.option` (what an option is, and when it has an effect) and
:mod:`~experiments.options.table` (all options of the model). :mod:`~experiments.options.circuit`,
:mod:`~experiments.options.data`, :mod:`~experiments.options.dram`,
:mod:`~experiments.options.faults`, :mod:`~experiments.options.traces` and
:mod:`~experiments.options.train` add groups of options to a command, and turn parsed values into
objects. :mod:`~experiments.options.parser` writes the messages about wrong values,
:mod:`~experiments.options.places` refuses outputs that would overwrite inputs, and
:mod:`~experiments.options.subcommands` says what a command is.

Nothing here depends on what a command does with its options.
"""
