"""What changes would bring: each is costed as the command that is shown for it would.

:mod:`~experiments.advice.costed` is such a command without the process,
:mod:`~experiments.advice.ideas` has every kind of change, one entry each, and
:mod:`~experiments.advice.ranking` costs them beside what there is and puts the best first;
:mod:`~experiments.advice.told` has it in words.
"""
