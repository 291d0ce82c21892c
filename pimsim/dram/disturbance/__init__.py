"""What activations do to rows beside them: read disturbance, also called RowHammer.

A cell loses charge each time that a row beside it is activated. Its own activation, or a refresh,
restores it. So what counts is how often the rows beside a row are activated between two times that
it is restored. :mod:`~pimsim.dram.disturbance.row_order` says which rows are beside one another,
:mod:`~pimsim.dram.disturbance.exposure` counts a sequence of commands, and puts counts of sequences
together, :mod:`~pimsim.dram.disturbance.window` says how much of that falls into a refresh window,
and :mod:`~pimsim.dram.disturbance.chip_classes` from what number on chips have been seen to lose
bits.

Nothing here knows of programs, networks or energy.
"""
