"""Commands that help to decide: runs and parts side by side, and advice.

:mod:`~experiments.commands.decisions.compare` shows runs and parts side by side.
:mod:`~experiments.commands.decisions.advise` shows changes to a run, and what they would save. Both
cost what has not been run as the command shown beside it would.
"""
