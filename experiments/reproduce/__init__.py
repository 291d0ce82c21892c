"""Published figures beside simulated ones: a package an experiment, with tables, figures, page.

:mod:`~experiments.reproduce.ambit` and :mod:`~experiments.reproduce.simdram` are of designs, and
:mod:`~experiments.reproduce.simra` and :mod:`~experiments.reproduce.fcdram` of measurements on
unmodified chips, which share :mod:`~experiments.reproduce.chips`.
All share :mod:`~experiments.reproduce.table` (published beside simulated, what is asked of the
simulator, and the processor that all of it runs on) and :mod:`~experiments.reproduce.figures`.

No experiment knows of the other, and none of networks.
"""
