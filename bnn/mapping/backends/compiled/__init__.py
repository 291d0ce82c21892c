"""A mapped stage as vector code: all columns at once, the values alone.

:mod:`~bnn.mapping.backends.compiled.stage` computes a few images at a time and reads back. Its
columns are :mod:`~bnn.mapping.backends.compiled.in_turn`, the program being compiled for all
outputs, or :mod:`~bnn.mapping.backends.compiled.side_by_side`, compiled for one;
:mod:`~bnn.mapping.backends.compiled.patch_gather` finds windows that are one patch moved over an
image.

Nothing here knows of banks, time or faults: columns do not see each other, so it makes no
difference which share a row.
"""
