"""Workers that run the trials of a sweep, and the store of their counts.

:mod:`~experiments.sweep.workers.runner` hands trials that :mod:`~experiments.sweep.workers.store`
lacks to a :mod:`~experiments.sweep.workers.pool` or a :mod:`~experiments.sweep.workers.cluster`.

Nothing here depends on what is counted: a trial is a task and its counts.
"""
