"""Reading the files that Larq saves, without TensorFlow and without running code from them.

:mod:`~bnn.larq.model_file` opens a file and leads through the rest: :mod:`~bnn.larq.config`
understands the architecture with :mod:`~bnn.larq.graph` and :mod:`~bnn.larq.nodes` (in which order
layers follow, and what feeds each use of one), :mod:`~bnn.larq.sizes` computes what depends on
shapes alone, :mod:`~bnn.larq.build` makes layers of entries by the readers of
:mod:`bnn.model.layers`, :mod:`~bnn.larq.weights` finds their arrays, and :mod:`~bnn.larq.joined`
names activations that Keras joins with a dense layer.

It knows of no layer by itself, and of nothing that happens to a network afterwards.
"""
