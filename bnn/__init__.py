"""Binarized networks: read from Larq's files, mapped onto DRAM rows, run, and checked.

Read :mod:`bnn.model` (what a network is), :mod:`bnn.larq` (its file), :mod:`bnn.lowering` (its
stages), :mod:`bnn.system` (the DRAM), :mod:`bnn.mapping` (stages to rows) and :mod:`bnn.run`
(pixels to logits). The right results are computed independently by :mod:`bnn.reference`, and by
Keras in :mod:`bnn.keras`. :mod:`bnn.data` reads images, and :mod:`bnn.values` represents them as
integers and bits. :mod:`bnn.zoo` has the networks that come with pimsim, :mod:`bnn.tables`
well-known ones by their shapes alone. :mod:`bnn.train`, with :mod:`bnn.training`, trains new ones;
it is the one module that imports TensorFlow.

Nothing here knows of command lines, reports or figures.
"""
