"""Binarized networks: read from Larq's files, mapped onto DRAM rows, run, and checked.

Read :mod:`bnn.model` (what a network is), :mod:`bnn.larq` (its file), :mod:`bnn.lowering` (its
stages), :mod:`bnn.system` (the DRAM), :mod:`bnn.mapping` (stages to rows) and :mod:`bnn.run`
(pixels to logits). What must come out is computed independently by :mod:`bnn.reference`, and asked
of Keras by :mod:`bnn.keras`. :mod:`bnn.data` reads images, and :mod:`bnn.values` has them as
integers and bits. :mod:`bnn.zoo` has the networks that come with pimsim, :mod:`bnn.tables`
well-known ones by their shapes alone. :mod:`bnn.train`, with :mod:`bnn.training`, trains new ones;
it is the one module that imports TensorFlow.

It knows of no command line, report or figure.
"""
