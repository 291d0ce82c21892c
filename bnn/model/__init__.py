"""A network as its file has it: layers, quantizers, and what they compute.

Read :mod:`~bnn.model.operand_encoding` first (which integers are multiplied, and which real numbers
they stand for), then :mod:`~bnn.model.quantizers` and :mod:`~bnn.model.activation_functions`,
:mod:`bnn.model.layers` with :mod:`~bnn.model.geometry` (where windows lie, what they read),
:mod:`bnn.model.operations` (functions of TensorFlow in a graph), and :mod:`~bnn.model.network`,
which puts layers together. :mod:`~bnn.model.readers` lists the classes of a model file, and
:mod:`~bnn.model.objective` what a network was trained for.

Nothing here knows of HDF5, TensorFlow, rows or commands, nor which layers run in DRAM.
"""
