"""The command line, reports, figures: what a user runs.

:mod:`~experiments.cli` is the program. It finds :mod:`~experiments.commands`, which read
:mod:`~experiments.options`, ask :mod:`bnn` and :mod:`pimsim`, and say what came out by
:mod:`~experiments.report`, :mod:`~experiments.figures` and :mod:`~experiments.output`.
:mod:`~experiments.api` offers the same to Python. :mod:`~experiments.sweep` varies anything;
:mod:`~experiments.studies`, :mod:`~experiments.reproduce` and :mod:`~experiments.pages` make the
documents in ``docs``; ``specs`` are sweeps that come along.

What it chooses, asks and shows is here; how anything is computed is not.
"""
