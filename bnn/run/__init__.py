"""From inputs to answers: running a network, estimating one, and scoring what came out.

:mod:`~bnn.run.plan` chooses for every stage and has the one loop over a network; two use it:
:mod:`~bnn.run.execute` runs a network, :mod:`~bnn.run.estimate` books one.
:mod:`~bnn.run.flow` carries values from layer to layer. :mod:`~bnn.run.scoring` says what logits
answer, :mod:`~bnn.run.doubts` what to doubt, :mod:`~bnn.run.baselines` what a processor would take.

It does not know how a stage is mapped, nor what a report says.
"""
