"""The command line, reports, figures: what a user runs. See :mod:`experiments.cli`."""
