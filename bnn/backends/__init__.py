"""What books a mapped stage and what carries it out, whichever mapping made it.

Four go over a row program, and no others. :mod:`~bnn.backends.account` books time and
energy, :mod:`~bnn.backends.reference` carries a stage out literally and says what it means,
:mod:`~bnn.backends.compiled` does so as vector code, and
:mod:`~bnn.backends.faulty` with commands that go wrong, by the :mod:`noise
<bnn.backends.noise>` that they meet. Both of these fill their rows by
:mod:`~bnn.backends.stage_rows` from :mod:`~bnn.backends.stage_strings`. Read them
in this order; :mod:`~bnn.backends.prepare` chooses among them, and
:mod:`~bnn.backends.retries` says what is computed again.

None knows which mapping made the stage.
"""
