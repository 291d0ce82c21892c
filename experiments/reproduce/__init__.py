"""Published figures beside simulated ones: a package an experiment, with tables, figures, page.

:mod:`~experiments.reproduce.ambit`, :mod:`~experiments.reproduce.simdram` and
:mod:`~experiments.reproduce.pluto` are of designs, and
:mod:`~experiments.reproduce.simra` and :mod:`~experiments.reproduce.fcdram` of measurements on
unmodified chips, which share :mod:`~experiments.reproduce.chips`.
All share :mod:`~experiments.reproduce.table` (published beside simulated, what is asked of the
simulator, and the processor that all of it runs on) and :mod:`~experiments.reproduce.figures`.

No experiment knows of another, and none of networks, but :mod:`experiments.reproduce.pluto.network`
does.
"""
