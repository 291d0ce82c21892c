"""Published figures beside simulated ones: a package an experiment, with tables, figures, page.

:mod:`~experiments.reproduce.ambit` and :mod:`~experiments.reproduce.simdram` are the experiments.
They share :mod:`~experiments.reproduce.table` (published beside simulated),
:mod:`~experiments.reproduce.simulation` (what is asked of the simulator),
:mod:`~experiments.reproduce.figures`, and :mod:`~experiments.reproduce.machine`, the processor that
all of it runs on.

No experiment knows of the other, and none of networks.
"""
