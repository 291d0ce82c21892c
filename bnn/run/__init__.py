"""From inputs to answers: running a network, estimating its cost, and scoring its answers.

:mod:`~bnn.run.plan` makes the choices for every stage, and has the one loop over a network. Two
modules use it: :mod:`~bnn.run.execute` runs a network, :mod:`~bnn.run.estimate` only books one.
:mod:`~bnn.run.flow` carries values from layer to layer. :mod:`~bnn.run.scoring` turns logits into
answers, :mod:`~bnn.run.doubts` gives hints about likely mistakes, and :mod:`~bnn.run.baselines`
computes what a processor would take.

Nothing here knows how a stage is mapped, or what a report says.
"""
