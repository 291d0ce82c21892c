"""A mapped stage: what every mapping returns, and what the backends are given.

Read :mod:`~bnn.mapped.mapped_stage` first, then :mod:`~bnn.mapped.placement` (where columns and
parts lie). :mod:`~bnn.mapped.readback` turns rows that the host reads into sums and bits, and
:mod:`~bnn.mapped.parity` computes what the host knows of them in advance.

Nothing here knows which mapping made a stage, or which backend carries it out.
"""
