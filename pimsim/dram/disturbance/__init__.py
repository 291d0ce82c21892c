"""What activations do to rows beside them: read disturbance, also called RowHammer.

A cell loses charge each time that a row beside it is activated. Its own activation, or a refresh,
restores it. What matters is therefore how often the neighbours of a row are activated between two
restores of the row. :mod:`~pimsim.dram.disturbance.row_order` says which rows are neighbours.
:mod:`~pimsim.dram.disturbance.exposure` counts the activations in a sequence of commands, and joins
the counts of several sequences. :mod:`~pimsim.dram.disturbance.window` says how many fall into a
refresh window, and :mod:`~pimsim.dram.disturbance.chip_classes` how many chips have been seen to
survive. :mod:`~pimsim.dram.disturbance.weak_cells` and :mod:`~pimsim.dram.disturbance.hammer` say
which cells flip, and when.

Nothing here knows of programs, networks or energy.
"""
