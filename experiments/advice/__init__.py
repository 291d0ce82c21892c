"""What changes to a run would save: each is costed as the command shown beside it costs it.

:mod:`~experiments.advice.costed` gives the report of such a command without starting a process.
:mod:`~experiments.advice.ideas` has one entry for every kind of change.
:mod:`~experiments.advice.ranking` costs the run as it is and with each change, and sorts the
changes. :mod:`~experiments.advice.told` puts the result into words.
"""
