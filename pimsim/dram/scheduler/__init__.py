"""When a command may be issued: constraints, the state of banks, and what a command waits for.

Read :mod:`~pimsim.dram.scheduler.constraints`, the one table of minimum distances, then
:mod:`~pimsim.dram.scheduler.scheduler`, which holds commands against it over the
:mod:`~pimsim.dram.scheduler.bank_state` of all banks. :mod:`~pimsim.dram.scheduler.spacing` finds
the first time at which a command fits among earlier ACTs and bursts, and what it waits for.
:mod:`~pimsim.dram.scheduler.bus` adds a command bus.

A scheduler does not know what rows hold, and sees every single command; :mod:`pimsim.dram.timeline`
is for streams that repeat.
"""
