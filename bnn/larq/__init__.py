"""Reading the files that Larq saves, without TensorFlow and without running code from them.

:mod:`~bnn.larq.model_file` opens a file and uses the other modules. :mod:`~bnn.larq.config` reads
the architecture; :mod:`~bnn.larq.graph` finds the order of layers and the inputs of each.
:mod:`~bnn.larq.build` makes layers from the entries of the file, with the readers of
:mod:`bnn.model.layers`, and :mod:`~bnn.larq.weights` finds their arrays.

Nothing here knows of particular layers, or of what is done with a network afterwards.
"""
