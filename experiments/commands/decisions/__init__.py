"""Commands for who has to decide: runs and parts beside each other, and advice.

:mod:`~experiments.commands.decisions.compare` shows what there is side by side,
:mod:`~experiments.commands.decisions.advise` what could be changed, and what that would bring. What
either says of something that has not been run is costed as the command beside it would.
"""
