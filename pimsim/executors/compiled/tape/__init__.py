"""Tapes of adders, executed by one piece of machine code that keeps a chain's sum in registers.

Programs that differ from one group of outputs to the next are data: records that name a *template*,
which is a program in a small table, and the rows that it uses.
:mod:`~pimsim.executors.compiled.tape.template` derives what each template computes from its
commands, :mod:`~pimsim.executors.compiled.tape.walker` is the machine code,
:mod:`~pimsim.executors.compiled.tape.records` looks tapes through once, and
:mod:`~pimsim.executors.compiled.tape.run` carries them out on tiles.

Nothing here depends on the purpose of templates, or on their cost.
"""
