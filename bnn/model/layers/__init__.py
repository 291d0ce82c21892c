"""Layers, one family a module, each with the readers of its classes in a model file.

To add a layer, add its class and its reader to a family, or make a new family, which
:mod:`bnn.model.readers` finds. Read :mod:`~bnn.model.layers.layer` first: it says what every layer
has, and what its reader gets. Layers with a kernel share :mod:`~bnn.model.layers.product`.

No layer knows of another, of the graph around it, or of the file that it is read from.
"""
