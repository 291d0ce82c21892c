"""Calls of TensorFlow functions in a graph, and the layers that they become.

A call is an :mod:`~bnn.model.operations.operation`, whose arguments are taken one by one. The
tables of :mod:`~bnn.model.operations.operators` and :mod:`~bnn.model.operations.moves` say which
layers it becomes: those of :mod:`bnn.model.layers`, or of :mod:`~bnn.model.operations.elementwise`
and :mod:`~bnn.model.operations.reduction`. Carrying out one more is one more entry there.

It knows of no file and of no other layer of the network.
"""
