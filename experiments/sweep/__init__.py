"""Sweeps: what is measured at every point of some axes, kept in a store, and drawn from it.

:mod:`~experiments.sweep.spec` reads a specification, :mod:`~experiments.sweep.points` makes its
points and :mod:`~experiments.sweep.session` opens its folder. Trials are made by
:mod:`~experiments.sweep.workers`, of what :mod:`~experiments.sweep.measures` count, and kept as
:mod:`~experiments.sweep.rows` of a store; the session makes :mod:`~experiments.sweep.results` of
them, and :mod:`~experiments.sweep.report` writes and shows these.

Nothing here knows how a trial is computed.
"""
