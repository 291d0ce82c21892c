"""Sweeps: what is measured at every point of some axes, kept in a store, and drawn from it.

:mod:`~experiments.sweep.spec` reads a specification, with :mod:`~experiments.sweep.axes` and
:mod:`~experiments.sweep.stop`; :mod:`~experiments.sweep.points` makes its points and
:mod:`~experiments.sweep.session` opens its folder. Trials are made by
:mod:`~experiments.sweep.workers`, of what :mod:`~experiments.sweep.measures` count, and kept as
:mod:`~experiments.sweep.rows` of a store. :mod:`~experiments.sweep.outcome` makes
:mod:`~experiments.sweep.results` of them by :mod:`~experiments.sweep.estimates`;
:mod:`~experiments.sweep.report` writes these, :mod:`~experiments.sweep.table` and
:mod:`~experiments.sweep.listing` show them. :mod:`~experiments.sweep.files` tells whether a file is
what it was.

Nothing here knows how a trial is computed.
"""
