"""What books a mapped stage and what carries it out, whichever mapping made it.

To *book* a stage is to count its commands, and the time and energy they take. Four backends go over
a row program. :mod:`~bnn.backends.account` books it. :mod:`~bnn.backends.reference` carries it out
command by command, and so defines what is right. :mod:`~bnn.backends.compiled` carries it out as
vector code. :mod:`~bnn.backends.faulty` carries it out with commands that go wrong, with the noise
that :mod:`~bnn.backends.noise` draws. The last two fill their rows by
:mod:`~bnn.backends.stage_rows` from :mod:`~bnn.backends.stage_strings`. Read them in this order.
:mod:`~bnn.backends.streamed` is vector code for streams, whose tapes
:mod:`~bnn.backends.stream_tapes` writes.
:mod:`~bnn.backends.prepare` chooses among them, and :mod:`~bnn.backends.retries` says what is
computed again.

None of them knows which mapping made the stage.
"""
