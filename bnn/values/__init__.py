"""Numbers and how they are kept: integers behind inputs, packed bits, exact rounding.

:mod:`~bnn.values.encoding` says which real numbers integer inputs stand for, and
:mod:`~bnn.values.rounding` finds the integers fast. :mod:`~bnn.values.bitstrings` packs small
integers into bits, in the order in which rows need them. :mod:`~bnn.values.linear` describes how
sums are stored in rows. :mod:`~bnn.values.fields` reads the JSON of a model file, which may hold
anything.

Nothing here knows of networks or of where rows lie.
"""
