"""The parts of a training; :mod:`bnn.train` imports TensorFlow and runs it.

:mod:`~bnn.training.architectures` lists the networks, :mod:`~bnn.training.parts` makes their layers
as :mod:`~bnn.training.recipe` has it, from TensorFlow, Keras and Larq, which are handed in.
:mod:`~bnn.training.trainee` is a model while it learns :mod:`~bnn.training.images`;
:mod:`~bnn.training.files` and :mod:`~bnn.training.card` are what is written.

Nothing here knows of DRAM.
"""
