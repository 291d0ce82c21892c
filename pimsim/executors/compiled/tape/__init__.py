"""Tapes of adders, walked by one piece of machine code that keeps a chain's sum in registers.

Where programs differ from one group of outputs to the next, they are data: records that name a
*template*, a program of a small table, and the rows it uses.
:mod:`~pimsim.executors.compiled.tape.template` derives what each template computes from its
commands, :mod:`~pimsim.executors.compiled.tape.walker` is the machine code,
:mod:`~pimsim.executors.compiled.tape.records` looks tapes through once, and
:mod:`~pimsim.executors.compiled.tape.run` carries them out on tiles.

Nothing here knows what templates are for, nor what they cost.
"""
