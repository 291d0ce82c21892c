"""Who carries out the trials of a sweep, and the store that keeps what they found.

:mod:`~experiments.sweep.workers.keys` says which point it is and
:mod:`~experiments.sweep.workers.store` what is kept of it, while a
:mod:`~experiments.sweep.workers.lock` keeps others out. :mod:`~experiments.sweep.workers.runner`
deals out what is missing to a :mod:`~experiments.sweep.workers.pool`, or a
:mod:`~experiments.sweep.workers.cluster`; :mod:`~experiments.sweep.workers.trial` makes one, from
:mod:`~experiments.sweep.workers.seeds` of its own.

Nothing here knows what is counted: a trial is a task and its counts.
"""
