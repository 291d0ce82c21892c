"""Published figures beside simulated ones; each experiment is a package.

:mod:`~experiments.reproduce.ambit`, :mod:`~experiments.reproduce.simdram` and
:mod:`~experiments.reproduce.pluto` reproduce designs. :mod:`~experiments.reproduce.simra` and
:mod:`~experiments.reproduce.fcdram` reproduce measurements on unmodified chips, and share
:mod:`~experiments.reproduce.chips`. All share :mod:`~experiments.reproduce.table` (published values
beside simulated ones, costs, and rates of this machine) and :mod:`~experiments.reproduce.figures`.
Each has tables, figures and a page.

No experiment imports another. Only :mod:`experiments.reproduce.pluto.network` uses a network.
"""
