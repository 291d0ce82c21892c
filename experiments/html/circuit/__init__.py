"""The pages of ``pimsim circuit``: one kind for each kind of result.

:mod:`~experiments.html.circuit.page` knows them all: :mod:`~experiments.html.circuit.transient`,
:mod:`~experiments.html.circuit.failures`, :mod:`~experiments.html.circuit.margin` and
:mod:`~experiments.html.circuit.fit`. What they share is :mod:`~experiments.html.circuit.frame`.
Every page is made of what the subcommand prints with ``--json``, and of the figure beside it.
"""
