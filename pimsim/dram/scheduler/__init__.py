"""When a command may be issued: constraints, the state of banks, and what a command waits for.

Read :mod:`~pimsim.dram.scheduler.constraints`, the one table of minimum distances, then
:mod:`~pimsim.dram.scheduler.scheduler`, which holds commands against it over the
:mod:`~pimsim.dram.scheduler.bank_state` of all banks. :mod:`~pimsim.dram.scheduler.spacing` says
what fits among the ACTs, and the bursts, before, and what a command waits for.

It does not know what rows hold, and sees every command: what repeats is for
:mod:`pimsim.dram.timeline`.
"""
