"""Who carries out the trials of a sweep, and the store that keeps what they found.

:mod:`~experiments.sweep.workers.runner` deals out what :mod:`~experiments.sweep.workers.store` has
not to a :mod:`~experiments.sweep.workers.pool`, or a :mod:`~experiments.sweep.workers.cluster`.

Nothing here knows what is counted: a trial is a task and its counts.
"""
