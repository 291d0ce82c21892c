"""Sweeps: something is measured at every point of some axes, stored, and drawn.

:mod:`~experiments.sweep.spec` reads a specification, :mod:`~experiments.sweep.points` makes its
points and :mod:`~experiments.sweep.session` opens its folder. :mod:`~experiments.sweep.workers` run
trials, in which a measure of :mod:`~experiments.sweep.measures` counts something. Counts are stored
as :mod:`~experiments.sweep.rows`. The session computes :mod:`~experiments.sweep.results` from them,
and :mod:`~experiments.sweep.report` writes and prints these.

Only measures depend on how a trial is computed.
"""
