"""Binarized networks: import, exact reference, thresholds, data sets, mapping onto DRAM rows.

Read :mod:`bnn.model` (what a network is), :mod:`bnn.larq` (its file), :mod:`bnn.lowering` (its
stages), :mod:`bnn.system` (the DRAM), :mod:`bnn.mapping` (stages to rows) and :mod:`bnn.run`
(pixels to logits). :mod:`bnn.reference` says independently what must come out, and :mod:`bnn.keras`
what Keras says. :mod:`bnn.values` and :mod:`bnn.data` are what goes in, :mod:`bnn.tables` networks
by their shapes alone, :mod:`bnn.zoo` those that come along. :mod:`bnn.train`, with
:mod:`bnn.training`, makes new ones; it is the one module that imports TensorFlow.

It knows of no command line, report or figure.
"""
