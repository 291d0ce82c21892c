"""A mapped stage in which commands go wrong, through literal machine code.

:mod:`~bnn.mapping.backends.faulty.stage` chooses: :mod:`~bnn.mapping.backends.faulty.in_turn` where
outputs come one after the other, with :mod:`~bnn.mapping.backends.faulty.retries` of those whose
checksums fail; :mod:`~bnn.mapping.backends.faulty.side_by_side` where each has columns of its own,
in :mod:`~bnn.mapping.backends.faulty.cache_blocks` that :mod:`noise
<bnn.mapping.backends.faulty.noise>` is dealt out to. Which command goes wrong in which column is
that of the reference executor: it is named after bank, output and column alone.

Nothing here knows of time, or where the probabilities come from.
"""
