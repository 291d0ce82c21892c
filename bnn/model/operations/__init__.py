"""Calls of TensorFlow functions in a graph, and the layers that they become.

A call is an :mod:`~bnn.model.operations.operation`, whose arguments are taken one by one. The
tables of :mod:`~bnn.model.operations.operators` and :mod:`~bnn.model.operations.moves` say which
of :mod:`bnn.model.layers` it becomes; carrying out one more is one more entry there.

It knows of no file and of no other layer of the network.
"""
