"""What books a mapped stage and what carries it out, whichever mapping made it.

:mod:`~bnn.mapping.backends.account` books time and energy, :mod:`~bnn.mapping.backends.reference`
carries a stage out literally, :mod:`~bnn.mapping.backends.compiled.stage` as vector code, and
:mod:`~bnn.mapping.backends.faulty.stage` with commands that go wrong.
"""
