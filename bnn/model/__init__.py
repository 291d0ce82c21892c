"""A network as its file has it: layers, quantizers and their exact reference.

Read :mod:`~bnn.model.operand_encoding` first (which integers multiply, and what they are worth),
then :mod:`~bnn.model.quantizers`, :mod:`~bnn.model.layers` with :mod:`~bnn.model.geometry` and
:mod:`~bnn.model.patches` (where windows lie, and what they read), :mod:`~bnn.model.operations` (the
functions of TensorFlow), and :mod:`~bnn.model.network`, which puts layers together. What a network
computes, :mod:`~bnn.model.reference` says, with :mod:`~bnn.model.host` around integer sums;
:mod:`~bnn.model.objective` keeps what it was trained for.

Nothing here knows of HDF5, TensorFlow, rows or commands.
"""
