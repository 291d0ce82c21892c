"""What a training is made of, apart from :mod:`bnn.train`, which imports TensorFlow and leads it.

:mod:`~bnn.training.architectures` lists the networks, :mod:`~bnn.training.parts` makes their layers
as :mod:`~bnn.training.recipe` has it, with :mod:`~bnn.training.activations` and
:mod:`~bnn.training.initializers`. :mod:`~bnn.training.trainee` is a model while it learns, with
:mod:`~bnn.training.augmentation` and :mod:`~bnn.training.validation`;
:mod:`~bnn.training.checkpoint`, :mod:`~bnn.training.export` and :mod:`~bnn.training.card` are what
is written. TensorFlow, Keras and Larq are handed in as a :mod:`~bnn.training.backend`.

Nothing here knows of DRAM.
"""
