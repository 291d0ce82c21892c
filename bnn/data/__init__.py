"""Images and labels: named data sets, files from anybody, and the scales that pixels come in.

:mod:`~bnn.data.datasets` gives a named one, found or downloaded by :mod:`~bnn.data.mnist` and
:mod:`~bnn.data.cifar10` with what they share, :mod:`~bnn.data.archives`.
:mod:`~bnn.data.labelled` reads a user's own data from an :mod:`~bnn.data.array_file`, and
:mod:`~bnn.data.input_scale` converts pixels to the scale that a network was trained with.

Nothing here knows of networks; the caller says which shape a network takes.
"""
