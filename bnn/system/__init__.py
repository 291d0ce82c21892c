"""The DRAM that a network runs on: its options, its mitigation, and the ledger of its commands.

:mod:`~bnn.system.system` is one value: standard, options, address map, moves, mitigation, faults.
:mod:`~bnn.system.mitigation` says what is done about commands that go wrong,
:mod:`~bnn.system.screening` finds columns that are weak for good,
:mod:`~bnn.system.row_moves` how rows get from one subarray to another, and
:mod:`~bnn.system.ledger` keeps the books of one layer: commands, time, energy. It has
:mod:`~bnn.system.phase_books` of every phase, and tells :mod:`~bnn.system.observers` what is done.

Nothing here knows of networks or stages.
"""
