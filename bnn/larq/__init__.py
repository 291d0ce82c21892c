"""Reading the files that Larq saves, without TensorFlow and without running code from them.

:mod:`~bnn.larq.model_file` opens a file and leads through the rest: :mod:`~bnn.larq.config`
understands the architecture with :mod:`~bnn.larq.graph` (in which order layers follow, and what
feeds each use of one), :mod:`~bnn.larq.build` makes layers of entries by the readers of
:mod:`bnn.model.layers`, and :mod:`~bnn.larq.weights` finds their arrays.

It knows of no layer by itself, and of nothing that happens to a network afterwards.
"""
