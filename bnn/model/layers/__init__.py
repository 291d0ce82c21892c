"""Layers, one family a module, each with the readers of its classes in a model file.

Adding a layer is adding its class and its reader to a family, or a family of its own, which
:mod:`bnn.model.readers` finds. Read :mod:`~bnn.model.layers.layer` first, which says what every
layer has, and its reader is given; layers with a kernel share :mod:`~bnn.model.layers.product`.

No layer knows of another, of the graph around it, or of the file that it is read from.
"""
