"""A mapped stage: what every mapping returns, and what the backends are given.

Read :mod:`~bnn.mapped.mapped_stage` first, then :mod:`~bnn.mapped.placement` (where columns and
parts lie). :mod:`~bnn.mapped.readback` is what the host makes of the rows that are read, and
:mod:`~bnn.mapped.parity` what it knows of them beforehand.

Nothing here knows which mapping made a stage, or who carries it out.
"""
