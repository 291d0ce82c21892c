"""Numbers and how they are kept: integers behind inputs, packed bits, exact rounding.

:mod:`~bnn.values.encoding` says which real numbers integer inputs stand for, and
:mod:`~bnn.values.rounding` finds them fast. :mod:`~bnn.values.bitstrings` keeps small integers as
bits, as rows take them in. :mod:`~bnn.values.fields` reads the JSON of a model file, which may hold
anything.

Nothing here knows of networks or of where rows lie.
"""
