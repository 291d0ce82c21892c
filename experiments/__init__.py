"""The command line, reports, figures: what a user runs.

:mod:`~experiments.cli` is the program. It has the :mod:`~experiments.commands`. They read
:mod:`~experiments.options`, call :mod:`bnn` and :mod:`pimsim`, and show results through
:mod:`~experiments.report`, :mod:`~experiments.figures` and :mod:`~experiments.output`.
:mod:`~experiments.api` offers the same to Python. :mod:`~experiments.sweep` measures something
while any fields vary. :mod:`~experiments.studies`, :mod:`~experiments.reproduce` and
:mod:`~experiments.pages` write pages of ``docs``. ``specs`` has the bundled sweeps.

This package chooses what is computed and shows the results. It computes nothing itself.
"""

import time

STARTED_S = time.perf_counter()
"""When the program began, a time of :func:`time.perf_counter`."""
COLLECTED_AFTER = 100_000, 50, 100
"""Thresholds of Python's garbage collector (new objects, then collections). Plans have hundreds of
thousands of objects and hardly any cycle; with the defaults, a tenth of planning was collecting."""
